"""Specs as text, linted and mended."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from archcalc.devices import find
from archcalc.diagnostics import Diagnostic, Fix, Source
from archcalc.network.load import build_graph
from archcalc.rules.base import Finding
from archcalc.rules.before import Before
from archcalc.rules.check import load_rules
from archcalc.rules.model import Model

# The spec as it was, for the rules about growth.
BASE = Path(__file__).with_name("base.yaml")


def findings(text: str, codes: tuple[str, ...] = (), batch: int = 1, variant: str | None = None) -> list[Finding]:
    """All findings of the rules with these codes; of those that are on without any."""
    model = Model(
        build_graph(Source("t.yaml", text), variant, batch=batch), find("h100"), Before(str(BASE), "base.yaml")
    )
    chosen = [
        rule
        for rule in load_rules().values()
        if ("ALL" in codes or rule.code in codes if codes else rule.on and rule.evidence != "measured")
    ]
    found: dict[tuple[str, int, int], Finding] = {}
    for rule in chosen:
        for one in rule.check(model):
            found.setdefault((one.code, one.place.line, one.place.column), one)
    return list(found.values())


def lint(text: str, codes: tuple[str, ...] = ()) -> list[Diagnostic]:
    return list(findings(text, codes))


def one(text: str, code: str) -> Finding:
    """The only finding of a rule."""
    (found,) = findings(text, (code,))
    return found


def apply(text: str, fixes: Iterable[Fix]) -> str:
    """The text with all edits made."""
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    edits = {
        (
            starts[edit.place.line - 1] + edit.place.column - 1,
            starts[edit.place.end_line - 1] + edit.place.end_column - 1,
            edit.text,
        )
        for fix in fixes
        for edit in fix.edits
    }
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text
