"""The linter's tables of the settings file: what files are excused from, severities, budgets."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from archcalc.configuration import unknown
from archcalc.diagnostics import RequestError
from archcalc.language.document import BUDGETS, parse_amount
from archcalc.rules.base import SEVERITIES, Finding
from archcalc.rules.check import Budget
from archcalc.rules.codes import LANGUAGE, WARNINGS
from archcalc.rules.selection import check_words, means


class Tables:
    """What a settings file says about some files, by glob relative to its folder."""

    def __init__(
        self,
        path: str,
        ignores: tuple[tuple[str, tuple[str, ...]], ...],
        severity: tuple[tuple[str, str], ...],
        budgets: tuple[tuple[str, Mapping[str, str]], ...],
    ) -> None:
        self.path = path
        self.ignores = ignores
        self.severity = severity
        self.budgets = budgets

    def hides(self, finding: Finding) -> bool:
        """Whether its file is excused from a finding; errors of the language never are."""
        if not self.ignores or (finding.code in LANGUAGE and finding.code not in WARNINGS):
            return False
        return any(
            means(word, finding.code, finding.name)
            for glob, words in self.ignores
            if self._matches(finding.place.source.path, glob)
            for word in words
        )

    def budget(self, path: str) -> Budget | None:
        """The budget of a file; of several globs that match, later ones win."""
        matching = [(glob, amounts) for glob, amounts in self.budgets if self._matches(path, glob)]
        if not matching:
            return None
        amounts = {measure: amount for _, table in matching for measure, amount in table.items()}
        globs = ", ".join(f'"{glob}"' for glob, _ in matching)
        return Budget(amounts, f"{os.path.relpath(self.path)}, for {globs}")

    def _matches(self, path: str, glob: str) -> bool:
        from fnmatch import fnmatch  # most runs have no tables

        if "/" not in glob and fnmatch(os.path.basename(path), glob):
            return True
        return fnmatch(os.path.relpath(path, os.path.dirname(self.path)).replace(os.sep, "/"), glob)


def read_tables(path: str, tables: Mapping[str, Any]) -> Tables:
    """The tables as they stand in the file at `path`. Raises `RequestError` for what they cannot hold."""
    return Tables(
        path,
        tuple(_ignores(path, tables.get("per-file-ignores", {}))),
        tuple(_severity(path, tables.get("severity", {})).items()),
        tuple((glob, _budget(path, glob, amounts)) for glob, amounts in tables.get("budgets", {}).items()),
    )


def _ignores(path: str, table: Mapping[str, Any]) -> list[tuple[str, tuple[str, ...]]]:
    found = []
    for glob, given in table.items():
        words = given.split(",") if isinstance(given, str) else given
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise RequestError(f'{path}: per-file-ignores of "{glob}" is a list of codes, as ["PRM301"]')
        words = [word.strip() for word in words]
        check_words(words, f"{path}: ")
        found.append((glob, tuple(words)))
    return found


def _severity(path: str, table: Mapping[str, Any]) -> dict[str, str]:
    check_words(table, f"{path}: ")
    for word, severity in table.items():
        if severity not in SEVERITIES:
            raise unknown(path, f"severity of {word}:", str(severity), SEVERITIES)
    return dict(table)


def _budget(path: str, glob: str, table: Any) -> dict[str, str]:
    if not isinstance(table, dict):
        raise RequestError(f'{path}: the budget of "{glob}" is a table, as {{params = "25M"}}')
    amounts = {}
    for given, amount in table.items():
        measure = given.replace("-", "_")
        if measure not in BUDGETS:
            raise unknown(path, f'budget of "{glob}":', measure, BUDGETS)
        if isinstance(amount, bool) or not isinstance(amount, (int, str)) or parse_amount(str(amount)) is None:
            raise RequestError(f'{path}: {measure} of "{glob}" is an amount, as "25M", "4G" or "8GiB", not {amount!r}')
        amounts[measure] = str(amount)
    return amounts
