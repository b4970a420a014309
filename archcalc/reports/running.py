"""How networks are run, for every report: as one line for people, and as fields for machines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from archcalc.running import Running


def facts(running: Running) -> dict[str, Any]:
    """The fields that are set, the same as one line, and what was assumed: fields left at their defaults, and a loss."""
    return {"line": str(running), "fields": running.numbers(), "assumed": list(running.assumed)}


def common(runs: Sequence[Running]) -> Running:
    """What all runs have in common."""
    first, *others = runs
    same = {name: value for name, value in first.said.items() if all(one.said.get(name) == value for one in others)}
    return Running(**same).assuming(
        name for name in first.assumed if name in same or all(name in one.assumed for one in others)
    )


def lines(runs: Iterable[Running]) -> Iterator[str]:
    """A line for each run, and one for the defaults."""
    named: dict[str, None] = {}
    for run in runs:
        yield str(run)
        named |= dict.fromkeys(run.assumed)
    if named:
        yield f"assumed: {', '.join(named).replace('_', ' ')}"
