"""One number of an explanation: its parts with their formulas, and their operations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from archcalc.cost import Costs
from archcalc.network.graph import Node, walk
from archcalc.quantity import Quantity, names, numbers, spoken
from archcalc.reports.numbers import exact
from archcalc.terms import Work, terms, works


@dataclass
class Line:
    """`title  formula  value  note`: one fact of an explanation.

    Attributes:
        below: sentences under it.
        level: 1 for a part of the fact above it.
        total: whether it is the sum of the parts above it.
        whole: whether the formula must stay on one line, like a command.
        short: the title where there is no room for all of it, if it may be shorter.
    """

    title: str
    formula: str = ""
    value: str = ""
    note: str = ""
    below: list[str] = field(default_factory=list)
    level: int = 0
    total: bool = False
    whole: bool = False
    short: str = ""


def lines(title: str, value: int, unit: str = "", runs: int = 1) -> Iterator[Line]:
    """A line for a number, or one for each of its parts and their total; `runs` is how often it is computed."""
    parts = [(term.label, term.value * runs, term.note) for term in terms(value)]
    if len(parts) == 1 and not parts[0][0]:
        yield _line(title, value * runs, unit)
        return
    yield Line(title)
    seen = ""
    for label, number, note in parts:
        line = _line(label, number, note, level=1)
        if note and _names(number) not in ("", seen):
            line.below.insert(0, _names(number))
        seen = _names(number)
        yield line
    if len(parts) > 1:
        yield Line("together", "", exact(int(value * runs)), unit, level=1, total=True)


def _line(title: str, value: int, note: str, level: int = 0) -> Line:
    done = works(value)
    single = len(done) == 1 and len(done[0].pieces) == 1 and done[0].each == 1
    if single:
        note = f"{note}{': ' if note else ''}{done[0].pieces[0][0]}, 1 for each {done[0].per}"
    below = [] if single else [_told(one) for one in done]
    return Line(
        title,
        spoken(value) if isinstance(value, Quantity) else "",
        exact(int(value)),
        note or _names(value),
        below,
        level,
    )


def _told(one: Work) -> str:
    """`30 for each hidden unit and step: tanh (2), ...`."""
    if len(one.pieces) == 1:
        return f"{one.each} for each {one.per}: {one.pieces[0][0]}"
    return f"{one.each} for each {one.per}: " + ", ".join(f"{what} ({int(count)})" for what, count in one.pieces)


def _names(value: int) -> str:
    return names(value) if isinstance(value, Quantity) and value.op != "name" else ""


def data(value: int, runs: int = 1) -> dict[str, Any]:
    """The number for machines, with its parts, and with its operations if they have names."""
    whole = value * runs
    found: dict[str, Any] = {"value": int(whole), "numbers": numbers(whole), "names": names(whole)}
    parts = [term for term in terms(value) if term.label]
    if parts:
        found["parts"] = [{"label": term.label, "note": term.note, **data(term.value, runs)} for term in parts]
    elif works(value):
        found["each"] = [
            {"per": one.per, "operations": one.each, "pieces": {what: int(count) for what, count in one.pieces}}
            for one in works(value)
        ]
    return found


def copies(node: Node, costs: Costs) -> int:
    """The number of copies of a part, including those of everything around it."""
    return next((int(stored) for one, stored, _ in walk(costs.graph.nodes) if one is node), 1)


def of_copies(node: Node, count: int, costs: Costs) -> Line:
    """The note on a part with several copies: its numbers are for one copy, followed by the total of all copies."""
    cost = costs.total(node)
    amounts = [(cost.params, "parameters"), (cost.macs, "MACs")]
    told = " · ".join(f"{exact(amount)} {what}" for amount, what in amounts if amount)
    return Line("copies", "", exact(count), "numbers are for one copy", [f"all of them: {told}"] if told else [])
