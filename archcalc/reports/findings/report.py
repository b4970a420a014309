"""The data from which all forms of the report are made."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from archcalc import __version__
from archcalc.diagnostics import Fix, Span
from archcalc.expectations import Met
from archcalc.project import working_folder
from archcalc.quoting import visible
from archcalc.reports.numbers import budgets
from archcalc.rules.base import RULES, SEVERITIES, Finding
from archcalc.rules.codes import LANGUAGE, WARNINGS

VERSION = __version__


class Report:
    """A run of the linter.

    Attributes:
        findings: the most severe first.
        specs: the files that were checked, in order.
        fail_on: the lowest severity that fails the run, or `never`.
        met: of a single spec without findings, what it expects of itself.
    """

    def __init__(
        self,
        findings: Sequence[Finding],
        specs: Sequence[str] = (),
        fail_on: str = "error",
        met: Sequence[Met] = (),
    ) -> None:
        self.findings = findings
        self.specs = specs
        self.fail_on = fail_on
        self.met = met

    def count(self, severity: str) -> int:
        """How many findings are of this severity."""
        return sum(finding.severity == severity for finding in self.findings)

    @property
    def fixable(self) -> int:
        """How many findings have a safe fix."""
        return sum(finding.fix is not None and finding.fix.safe for finding in self.findings)

    @property
    def unsafely_fixable(self) -> int:
        """How many findings have only an unsafe fix."""
        return sum(finding.fix is not None and not finding.fix.safe for finding in self.findings)

    def fails(self, finding: Finding) -> bool:
        """Whether the finding makes the run fail."""
        return self.fail_on != "never" and SEVERITIES.index(finding.severity) <= SEVERITIES.index(self.fail_on)

    def by_file(self) -> dict[str, list[Finding]]:
        """The findings of each file that was checked or has some, as it is shown; the most severe first."""
        files: dict[str, list[Finding]] = {shown_path(spec): [] for spec in self.specs}
        for finding in self.findings:
            files.setdefault(shown_path(finding.place.source.path), []).append(finding)
        return files

    def fingerprints(self) -> list[str]:
        """What identifies a finding across runs: its code, file and layer, and its number among equal ones.

        Moving a layer up or down does not change it.
        """
        import hashlib  # few forms need it

        order = sorted(range(len(self.findings)), key=lambda i: _position(self.findings[i].place))
        seen: dict[tuple[str, str, str], int] = {}
        prints = [""] * len(order)
        for index in order:
            finding = self.findings[index]
            key = (finding.code, shown_path(finding.place.source.path), finding.layer)
            seen[key] = seen.get(key, 0) + 1
            text = "\0".join((*key, str(seen[key])))
            prints[index] = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        return prints

    def summary(self) -> str:
        """`2 errors, 1 warning; 1 can be fixed with --fix`, or `no findings in 3 specs`; of one, what holds."""
        parts = [plural(self.count(severity), severity) for severity in SEVERITIES if self.count(severity)]
        text = ", ".join(parts) or f"no findings in {plural(len(self.specs), 'spec')}"
        hints = []
        for one in self.met:
            if one.expected:
                hints.append(f"as it expects: {', '.join(one.expected)}")
            if one.used:
                hints.append(f"budget used: {budgets(one.used)}")
        if self.fixable:
            hints.append(f"{self.fixable} can be fixed with --fix")
        if self.unsafely_fixable:
            more = "more " if self.fixable else ""
            hints.append(f"{self.unsafely_fixable} {more}with --unsafe-fixes")
        return f"{text}; {('; ' if self.met else ', ').join(hints)}" if hints else text


def plural(count: int, noun: str) -> str:
    """`1 error`, `2 errors`; information is not counted, findings of it are."""
    noun = "note" if noun == "info" else noun
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def shown_path(path: str) -> str:
    """A path as reports write it: with slashes, and relative to the repository if inside it.

    CI systems say where the repository is; otherwise it is the working directory.
    """
    if path == "<stdin>":
        return path
    root = os.environ.get("GITHUB_WORKSPACE") or os.environ.get("CI_PROJECT_DIR") or working_folder()
    try:
        relative = os.path.relpath(path, root) if root else path
    except ValueError:  # another drive
        relative = path
    if relative.startswith(".."):
        relative = path
    return relative.replace(os.sep, "/")


def one_line(text: str) -> str:
    """Text on one line, with invisible characters escaped."""
    return visible(" ".join(text.split()))


def explain(code: str) -> tuple[str, str]:
    """The documentation of a code: its first paragraph on one line, and all of it."""
    import inspect

    rule = RULES.get(code)
    text = (inspect.getdoc(type(rule)) if rule else LANGUAGE.get(code, ("", ""))[1]) or code
    return " ".join(text.split("\n\n")[0].split()), text


def default_severity(code: str) -> str:
    """The severity of a code unless settings change it."""
    rule = RULES.get(code)
    return rule.severity if rule else "warning" if code in WARNINGS else "error"


def span(place: Span) -> dict[str, Any]:
    """Start and end as lines and columns."""
    return {
        "start": {"line": place.line, "column": place.column},
        "end": {"line": place.end_line, "column": place.end_column},
    }


def data(finding: Finding, fingerprint: str) -> dict[str, Any]:
    """A finding for machines."""
    document: dict[str, Any] = {
        "code": finding.code,
        "name": finding.name,
        "severity": finding.severity,
        "evidence": finding.evidence,
        "path": shown_path(finding.place.source.path),
        "layer": finding.layer or None,
        **span(finding.place),
        "message": finding.message,
        "help": finding.help,
        "notes": [_note(note.message, note.place, finding) for note in finding.notes],
        "fix": _fix(finding.fix) if finding.fix else None,
        "data": finding.data,
        "fingerprint": fingerprint,
    }
    return document


def _note(message: str, place: Span | None, finding: Finding) -> dict[str, Any]:
    document: dict[str, Any] = {"message": message}
    if place is not None:
        if place.source is not finding.place.source:
            document["path"] = shown_path(place.source.path)
        document |= span(place)
    return document


def _fix(fix: Fix) -> dict[str, Any]:
    return {
        "applicability": "safe" if fix.safe else "unsafe",
        "message": fix.message,
        "edits": [{**span(edit.place), "text": edit.text} for edit in fix.edits],
    }


def _position(place: Span) -> tuple[str, int, int]:
    return place.source.path, place.line, place.column
