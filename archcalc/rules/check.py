"""Runs the rules on a spec: from a path to findings, in order of place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import copy

from archcalc.diagnostics import Diagnostic, Note, SpecError
from archcalc.expectations import Met, confirmed, used
from archcalc.network.load import Graph, Networks
from archcalc.opening import read
from archcalc.rules.base import RULES, SEVERITIES, Finding, Rule, joined
from archcalc.rules.before import Before
from archcalc.rules.codes import LANGUAGE, WARNINGS, language_name
from archcalc.rules.model import Model
from archcalc.rules.selection import Selection, load_rules, names
from archcalc.source import Scalar

__all__ = ["Budget", "Selection", "by_severity", "check", "load_rules", "opened"]

# The rule for budgets far above what is needed.
_STALE = "BUD906"


class Budget:
    """Upper bounds from outside a spec: `amounts` and `growth` by measure, and their source."""

    def __init__(self, amounts: Mapping[str, str], growth: Mapping[str, str], origin: str) -> None:
        self.amounts = amounts
        self.growth = growth
        self.origin = origin


def opened(path: str) -> Networks | list[Finding]:
    """The networks of the spec at `path`, or errors in the file. Raises `RequestError` if it cannot be read."""
    try:
        return Networks(read(path))
    except SpecError as error:
        return [_named(diagnostic) for diagnostic in error.diagnostics]


def check(
    networks: Networks,
    selection: Selection,
    variant: str | None = None,
    budget: Budget | None = None,
    base: Before | None = None,
    batch: int | None = None,
    met: list[Met] | None = None,
) -> list[Finding]:
    """All findings in a spec or a variant of it.

    The findings of an invalid spec are its errors, which no selection hides. Several findings of one rule at
    one place, as in a block, are joined. `base` is the earlier version of the spec. If there are no findings,
    the expectations that the spec meets are added to `met`. Raises `RequestError` for a variant that the spec does not have.
    """
    selection.check()
    try:
        graph = networks.graph(variant, batch)
    except SpecError as error:
        return _told([_named(diagnostic) for diagnostic in error.diagnostics])
    added = _add_budget(graph, budget) if budget else []
    model = Model(graph, selection.device, base, selection.said)
    findings = _told(check_graph(model, selection.rules_about(model), selection, added, budget))
    if met is not None and not findings:
        met.append(Met(confirmed(model.costs), used(model.costs)))
    return findings


def _told(findings: list[Finding]) -> list[Finding]:
    """`findings`, with fixes turned into advice if the spec was made from a file of another kind."""
    return [
        finding.but(fix=None, help=finding.help or finding.fix.message)
        if finding.fix and finding.place.source.kind
        else finding
        for finding in findings
    ]


def check_graph(
    model: Model, rules: list[Rule], selection: Selection, added: list[Scalar], budget: Budget | None
) -> list[Finding]:
    """What `rules` find in a model, in whose budget the values `added` come from `budget`."""
    found: dict[tuple[str, str, int, int], list[Finding]] = {}
    for one in rules:
        for finding in one.check(model):
            found.setdefault(_key(finding), []).append(finding)
    findings = [_joined(alike) for alike in found.values()]
    if budget and added:
        findings = [told for finding in findings if (told := _outside(finding, added, budget)) is not None]
    kept = _unsuppressed(findings, model, selection)
    if selection.severity:
        kept = [f.but(severity=selection.severity_of(f.code, f.name, f.severity)) for f in kept]
    return sorted(kept, key=_order)


def _joined(alike: list[Finding]) -> Finding:
    """One finding in place of several at the same place, one for each call of its block."""
    first, *others = alike
    return first.but(notes=joined(first.notes, *(other.notes for other in others))) if others else first


def _unsuppressed(findings: list[Finding], model: Model, selection: Selection) -> list[Finding]:
    graph = model.graph
    source = graph.document.source
    others = {id(f.place.source): f.place.source for f in findings if f.place.source is not source}
    if not any("archcalc:" in one.text for one in (source, *others.values())):
        return findings
    from archcalc.rules.suppressions import unsuppressed  # few specs have such comments

    starts = {placed.node.id: placed.node.place for placed in model.layers}

    def lines(finding: Finding) -> tuple[int, ...]:
        start = starts.get(finding.layer)
        if start is not None and start.source is finding.place.source:
            return (finding.place.line, start.line)
        return (finding.place.line,)

    ran = selection.chosen | {
        code: name for code, (name, _) in LANGUAGE.items() if code not in WARNINGS or selection.keeps(code)
    }
    known = {code: name for code, (name, _) in LANGUAGE.items()} | names()
    report = selection.keeps("SPC009") and graph.variant is None  # in a variant, the comment may be for other variants
    return unsuppressed(findings, source, lines, ran, known, report, safe=not graph.document.variants)


def _add_budget(graph: Graph, budget: Budget) -> list[Scalar]:
    """Add a budget from outside to the spec's own, whose values take precedence."""
    document = graph.document = copy(graph.document)  # other variants have it too
    document.budget, document.growth = list(document.budget), list(document.growth)
    at = document.model
    added = []
    for bounds, amounts in ((document.budget, budget.amounts), (document.growth, budget.growth)):
        own = {key.text for key, _ in bounds}
        for measure, amount in amounts.items():
            if measure not in own:
                key, value = (
                    Scalar(text, at.source, at.line, at.column, at.end_line, at.end_column)
                    for text in (measure, amount)
                )
                bounds.append((key, value))
                added.append(value)
    return added


def _outside(finding: Finding, added: list[Scalar], budget: Budget) -> Finding | None:
    """A finding about a budget from outside: it names the source, and has no fix in the spec.

    A budget far above what one spec needs is not reported, because it is for many files.
    """
    if not any(finding.place is value for value in added):
        return finding
    note = Note(f"the limit is set in {budget.origin}")
    return None if finding.code == _STALE else finding.but(notes=(*finding.notes, note), fix=None)


def _named(diagnostic: Diagnostic) -> Finding:
    """A diagnostic of the language as a finding, with the name of its code."""
    if isinstance(diagnostic, Finding):
        return diagnostic
    rule = RULES.get(diagnostic.code)
    return Finding(diagnostic, rule.name if rule else language_name(diagnostic.code))


def _key(finding: Diagnostic) -> tuple[str, str, int, int]:
    place = finding.place
    return finding.code, place.source.path, place.line, place.column


def _order(finding: Finding) -> tuple[str, int, int, str]:
    place = finding.place
    return place.source.path, place.line, place.column, finding.code


def by_severity(findings: Iterable[Finding]) -> list[Finding]:
    """The most severe first, then in order of place."""
    return sorted(findings, key=lambda f: (SEVERITIES.index(f.severity), *_order(f)))
