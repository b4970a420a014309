"""The reference of the rules, from the classes that run."""

from __future__ import annotations

import inspect
import json
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
_FIXES = {"safe": "safe, with --fix", "unsafe": "changes the function, with --unsafe-fixes", "": "none"}


def entry(code: str, rules: dict[str, Rule]) -> dict[str, Any]:
    """All that is known about a code."""
    rule = rules.get(code)
    if rule is None:
        name, text = LANGUAGE[code]
        severity = "warning" if code in WARNINGS else "error"
        fixable = FIXES.get(code, "")
        empty = {_key(title): "" for title in SECTIONS}
        return _facts(code, name, severity, "proof", True, fixable) | {"why": text} | empty
    text = inspect.getdoc(type(rule)) or ""
    why = re.split(rf"^(?:{'|'.join(SECTIONS)}):\n", text, maxsplit=1, flags=re.MULTILINE)[0].strip()
    facts = _facts(code, rule.name, rule.severity, rule.evidence, rule.on, rule.fixable)
    return facts | {"why": why} | {_key(title): rule.section(title) for title in SECTIONS}


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


def _key(title: str) -> str:
    return title.lower().replace(" ", "_")


def codes(rules: dict[str, Rule]) -> list[str]:
    """Every code, in the order of the groups."""
    groups = list(GROUPS)
    known = {*rules, *LANGUAGE}
    return sorted(known, key=lambda code: (groups.index(code[:3]) if code[:3] in groups else len(groups), code))


def page(code: str, rules: dict[str, Rule]) -> str:
    """One rule for people."""
    facts = entry(code, rules)
    lines = [
        f"{code}  {facts['name']}",
        "",
        f"  severity   {facts['severity']}",
        f"  evidence   {facts['evidence']}: {EVIDENCE[facts['evidence']]}",
        f"  default    {'on' if facts['default'] else f'off: --select {code} or ALL'}",
        f"  fix        {_FIXES[facts['fix'] or '']}",
        "",
        facts["why"],
    ]
    for title in SECTIONS:
        if facts[_key(title)]:
            lines += ["", f"{title}:", *(f"    {line}".rstrip() for line in facts[_key(title)].rstrip().splitlines())]
    return "\n".join(lines) + "\n"


def overview(rules: dict[str, Rule]) -> str:
    """Every rule on a line, by group."""
    lines: list[str] = []
    group = ""
    entries = [entry(code, rules) for code in codes(rules)]
    width = max(len(one["name"]) for one in entries)
    for one in entries:
        if one["group"] != group:
            group = one["group"]
            lines += [*([""] if lines else []), f"{group}  {GROUPS.get(group, '')}".rstrip()]
        marks = [
            *([] if one["default"] else ["off"]),
            *(["with --device"] if one["evidence"] == "measured" else []),
            *([f"{one['fix']} fix"] if one["fix"] else []),
        ]
        lines.append(f"  {one['code']}  {one['name']:<{width}}  {one['severity']:<7}  {', '.join(marks)}".rstrip())
    lines += ["", "`archcalc rule CODE` describes one; those marked off run with --select CODE, or ALL."]
    return "\n".join(lines) + "\n"


def dumps(wanted: list[str], rules: dict[str, Rule]) -> str:
    """The same for machines."""
    document = {"version": 1, "rules": [entry(code, rules) for code in wanted]}
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"
