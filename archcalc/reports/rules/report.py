"""The rules of the linter and the codes of the language, from the classes that run."""

from __future__ import annotations

import inspect
import re
from typing import Any

from archcalc.rules.base import Rule
from archcalc.rules.codes import FIXES, LANGUAGE, WARNINGS

GROUPS = {
    "SPC": "the file",
    "SHP": "shapes that do not fit",
    "GEO": "windows, strides, padding",
    "PRM": "parameters that do nothing",
    "ACT": "activations and losses",
    "NRM": "normalization and dropout",
    "ATT": "attention and sequences",
    "GRF": "the graph",
    "HWE": "hardware",
    "BUD": "budgets",
}
EVIDENCE = {
    "proof": "follows from the graph",
    "measured": "measured on hardware; runs with --device",
    "heuristic": "a rule of thumb from the literature",
}
SECTIONS = ("Example", "Use instead", "Reference")
FIX_KINDS = {"safe": "safe, with --fix", "unsafe": "changes the function, with --unsafe-fixes", "": "none"}


def entry(code: str, rules: dict[str, Rule]) -> dict[str, Any]:
    """All that is known about a code."""
    rule = rules.get(code)
    if rule is None:
        name, text = LANGUAGE[code]
        severity = "warning" if code in WARNINGS else "error"
        fixable = FIXES.get(code, "")
        empty = {key(title): "" for title in SECTIONS}
        return _facts(code, name, severity, "proof", True, fixable) | {"why": text} | empty
    text = inspect.getdoc(type(rule)) or ""
    why = re.split(rf"^(?:{'|'.join(SECTIONS)}):\n", text, maxsplit=1, flags=re.MULTILINE)[0].strip()
    facts = _facts(code, rule.name, rule.severity, rule.evidence, rule.on, rule.fixable)
    return facts | {"why": why} | {key(title): rule.section(title) for title in SECTIONS}


def _facts(code: str, name: str, severity: str, evidence: str, on: bool, fixable: str) -> dict[str, Any]:
    return {
        "code": code,
        "name": name,
        "group": code[:3],
        "severity": severity,
        "evidence": evidence,
        "default": on,
        "fix": fixable or None,
    }


def key(title: str) -> str:
    """What a section is called in JSON."""
    return title.lower().replace(" ", "_")


class Report:
    """All that is known of some codes.

    Attributes:
        entries: one for each, in the order of the groups.
    """

    def __init__(self, rules: dict[str, Rule], code: str | None = None) -> None:
        self.entries = [entry(one, rules) for one in (codes(rules) if code is None else [code])]


def codes(rules: dict[str, Rule]) -> list[str]:
    """Every code, in the order of the groups."""
    groups = list(GROUPS)
    known = {*rules, *LANGUAGE}
    return sorted(known, key=lambda code: (groups.index(code[:3]) if code[:3] in groups else len(groups), code))
