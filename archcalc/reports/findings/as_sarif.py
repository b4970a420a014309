"""SARIF 2.1.0 with what GitHub's code scanning asks for."""

from __future__ import annotations

import inspect
import re
from typing import Any
from urllib.parse import quote

from archcalc.diagnostics import Fix, Note, Span
from archcalc.reports.documents import dumps
from archcalc.reports.findings.report import VERSION, Report, default_severity, explain, shown_path
from archcalc.rules.base import Finding

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"error": "error", "warning": "warning", "info": "note"}
_PROBLEMS = {"error": "error", "warning": "warning", "info": "recommendation"}
_PRECISION = {"proof": "very-high", "measured": "high", "heuristic": "medium"}
_TAGS = {
    "SPC": "spec", "SHP": "shapes", "GEO": "geometry", "PRM": "parameters", "ACT": "activation", "NRM": "normalization",
    "ATT": "attention", "GRF": "graph", "HWE": "hardware", "BUD": "budget",
}  # fmt: skip
_LONGEST = 1024
_SECTION = re.compile(r"^(Example|Use instead|Reference):\n", re.MULTILINE)


def render(report: Report) -> str:
    """One run; the rules that found something are described in it."""
    codes = sorted({finding.code for finding in report.findings})
    first = {finding.code: finding for finding in reversed(report.findings)}
    run = {
        "tool": {
            "driver": {
                "name": "archcalc",
                "version": VERSION,
                "semanticVersion": VERSION,
                "rules": [_rule(first[code]) for code in codes],
            }
        },
        "automationDetails": {"id": "archcalc-lint/"},
        "columnKind": "unicodeCodePoints",
        "results": [
            _result(finding, codes.index(finding.code), mark)
            for finding, mark in zip(report.findings, report.fingerprints())
        ],
    }
    document = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return dumps(document, indent=1)


def _rule(finding: Finding) -> dict[str, Any]:
    short, text = explain(finding.code)
    severity = default_severity(finding.code)
    return {
        "id": finding.code,
        "name": finding.name or finding.code,
        "shortDescription": {"text": _clip(finding.name.replace("-", " ") or finding.code)},
        "fullDescription": {"text": _clip(short)},
        "help": {"text": text, "markdown": _markdown(text)},
        "defaultConfiguration": {"level": _LEVELS[severity]},
        "properties": {
            "tags": [_TAGS.get(finding.code[:3], "lint")],
            "precision": _PRECISION[finding.evidence],
            "problem.severity": _PROBLEMS[severity],
        },
    }


def _result(finding: Finding, index: int, mark: str) -> dict[str, Any]:
    location: dict[str, Any] = {"physicalLocation": _physical(finding.place)}
    if finding.layer:
        name = finding.layer.rpartition(".")[2]
        location["logicalLocations"] = [{"name": name, "fullyQualifiedName": finding.layer, "kind": "object"}]
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "message": {"text": finding.message + (f"\n{finding.help}" if finding.help else "")},
        "locations": [location],
        "partialFingerprints": {"primaryLocationLineHash": f"{mark}:1"},
    }
    related = [_related(number, note, note.place) for number, note in enumerate(finding.notes, 1) if note.place]
    if related:
        result["relatedLocations"] = related
    if fixes := [finding.fix] if finding.fix else finding.choices:
        result["fixes"] = [_fix(fix) for fix in fixes]
    return result


def _related(number: int, note: Note, place: Span) -> dict[str, Any]:
    return {"id": number, "message": {"text": note.message}, "physicalLocation": _physical(place)}


def _fix(fix: Fix) -> dict[str, Any]:
    files: dict[str, list[dict[str, Any]]] = {}
    for edit in fix.edits:
        replacement = {"deletedRegion": _region(edit.place), "insertedContent": {"text": edit.text}}
        files.setdefault(edit.place.source.path, []).append(replacement)
    changes = [{"artifactLocation": _artifact(path), "replacements": many} for path, many in files.items()]
    return {"description": {"text": fix.message}, "artifactChanges": changes}


def _physical(place: Span) -> dict[str, Any]:
    return {"artifactLocation": _artifact(place.source.path), "region": _region(place)}


def _artifact(path: str) -> dict[str, str]:
    shown = shown_path(path)
    if shown.startswith("/"):
        return {"uri": "file://" + quote(shown, errors="surrogateescape")}
    return {"uri": quote(shown, errors="surrogateescape"), "uriBaseId": "%SRCROOT%"}


def _region(place: Span) -> dict[str, int]:
    return {
        "startLine": place.line,
        "startColumn": place.column,
        "endLine": place.end_line,
        "endColumn": place.end_column,
    }


def _clip(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _markdown(text: str) -> str:
    """A docstring with its examples fenced."""
    why, *sections = _SECTION.split(text)
    parts = [why.strip()]
    for title, body in zip(sections[::2], sections[1::2]):
        body = inspect.cleandoc(body)
        fenced = title != "Reference"
        parts.append(f"**{title}:**\n```yaml\n{body}\n```" if fenced else f"**{title}:** {' '.join(body.split())}")
    return "\n\n".join(parts)
