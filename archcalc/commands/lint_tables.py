"""The linter's tables in the settings file: per-file ignores, severities, budgets."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from archcalc.configuration import unknown
from archcalc.diagnostics import RequestError
from archcalc.language.amounts import BUDGETS, parse_amount, parse_percent, without_bytes
from archcalc.rules.base import SEVERITIES, Finding
from archcalc.rules.check import Budget
from archcalc.rules.codes import LANGUAGE, WARNINGS
from archcalc.rules.selection import check_words, means

# The tables of limits: their entries, how one is parsed, and an example.
_KINDS: dict[str, tuple[str, Callable[[str], float | None], str, str]] = {
    "budgets": ("budget", parse_amount, '"25M"', 'an amount, e.g. "25M", "4G" or "8GiB"'),
    "growth": ("limit of growth", parse_percent, '"5%"', 'a percentage, e.g. "5%"'),
}


class Tables:
    """Per-file settings, by glob relative to the settings file's folder."""

    def __init__(
        self,
        path: str,
        ignores: tuple[tuple[str, tuple[str, ...]], ...],
        severity: tuple[tuple[str, str], ...],
        budgets: tuple[tuple[str, Mapping[str, str]], ...],
        growth: tuple[tuple[str, Mapping[str, str]], ...],
    ) -> None:
        self.path = path
        self.ignores = ignores
        self.severity = severity
        self.budgets = budgets
        self.growth = growth

    def hides(self, finding: Finding) -> bool:
        """Whether a finding is ignored for its file; errors in the spec itself never are."""
        if not self.ignores or (finding.code in LANGUAGE and finding.code not in WARNINGS):
            return False
        return any(
            means(word, finding.code, finding.name)
            for glob, words in self.ignores
            if self._matches(finding.place.source.path, glob)
            for word in words
        )

    def budget(self, path: str) -> Budget | None:
        """The budget of a file and its growth limits; of several matching globs, later ones win."""
        bounds: list[dict[str, str]] = []
        globs: dict[str, None] = {}
        for tables in (self.budgets, self.growth):
            matching = [(glob, amounts) for glob, amounts in tables if self._matches(path, glob)]
            bounds.append({measure: amount for _, table in matching for measure, amount in table.items()})
            globs |= {f'"{glob}"': None for glob, _ in matching}
        if not globs:
            return None
        return Budget(bounds[0], bounds[1], f"{os.path.relpath(self.path)}, for {', '.join(globs)}")

    def _matches(self, path: str, glob: str) -> bool:
        from fnmatch import fnmatch  # most runs have no tables

        if "/" not in glob and fnmatch(os.path.basename(path), glob):
            return True
        return fnmatch(os.path.relpath(path, os.path.dirname(self.path)).replace(os.sep, "/"), glob)


def read_tables(path: str, tables: Mapping[str, Any]) -> Tables:
    """The tables in the file at `path`. Raises `RequestError` for invalid entries."""
    return Tables(
        path,
        tuple(_ignores(path, tables.get("per-file-ignores", {}))),
        tuple(_severity(path, tables.get("severity", {})).items()),
        *(
            tuple((glob, _bounds(path, kind, glob, table)) for glob, table in tables.get(kind, {}).items())
            for kind in _KINDS
        ),
    )


def _ignores(path: str, table: Mapping[str, Any]) -> list[tuple[str, tuple[str, ...]]]:
    found = []
    for glob, given in table.items():
        words = given.split(",") if isinstance(given, str) else given
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise RequestError(f'{path}: per-file-ignores of "{glob}" must be a list of codes, e.g. ["PRM301"]')
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


def _bounds(path: str, kind: str, glob: str, table: Any) -> dict[str, str]:
    what, parse, example, examples = _KINDS[kind]
    if glob.replace("-", "_") in BUDGETS and not isinstance(table, dict):
        table_of = f'must be a table under a pattern of files, e.g. "*" = {{{glob} = {example}}}'
        raise RequestError(f'{path}: the {what} of "{glob}" {table_of}')
    if not isinstance(table, dict):
        raise RequestError(f'{path}: the {what} of "{glob}" must be a table, e.g. {{params = {example}}}')
    amounts = {}
    for given, amount in table.items():
        measure = given.replace("-", "_")
        if measure not in BUDGETS:
            raise unknown(path, f'{what} of "{glob}":', measure, BUDGETS)
        if isinstance(amount, bool) or not isinstance(amount, (int, str)) or parse(str(amount)) is None:
            raise RequestError(f'{path}: {measure} of "{glob}" must be {examples}, not {amount!r}')
        if kind == "budgets" and (number := without_bytes(measure, str(amount))) is not None:
            raise RequestError(f'{path}: {measure} of "{glob}" is a number, not bytes: write "{number}"')
        amounts[measure] = str(amount)
    return amounts
