"""A sweep for machines: JSON, one JSON line a point, CSV and markdown; exact numbers, the unit in the key."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from archcalc.quoting import markdown as escape
from archcalc.reports.markdown import table as markdown_table
from archcalc.reports.sheet import sheet
from archcalc.reports.sweep import words
from archcalc.sweep.evaluate import Outcome
from archcalc.sweep.measures import Measure
from archcalc.sweep.results import Results, Side

VERSION = 1


def point(one: Outcome, wanted: Sequence[Measure]) -> dict[str, Any]:
    """One point: where it is, and its values or why there are none."""
    return {
        "spec": one.point.spec,
        "model": one.model or None,
        "set": dict(one.point.settings),
        "batch": one.point.batch,
        "values": {measure.key: one.values[measure.name] for measure in wanted} if one.is_valid else None,
        "reason": one.reason or None,
        "place": one.place or None,
    }


def line(one: Outcome, wanted: Sequence[Measure]) -> str:
    """One point on a line, for what reads them as they come."""
    return json.dumps(point(one, wanted), ensure_ascii=False) + "\n"


def dumps(results: Results, rows: Iterable[int]) -> str:
    """The whole sweep, version 1."""
    given = results.conditions
    document = {
        "version": VERSION,
        "conditions": {
            "dtype": given.type,
            "optimizer": given.optimizer,
            "device": given.device.name if given.device else None,
        },
        "measures": [{"name": one.name, "key": one.key, "unit": one.unit} for one in results.measures],
        "front": [_side(side) for side in results.drawn] if results.drawn else None,
        "points": [
            {**point(results.outcomes[index], results.measures), "on_front": results.front[index]} for index in rows
        ],
    }
    return json.dumps(document, ensure_ascii=False) + "\n"


def _side(side: Side) -> dict[str, Any]:
    return {"name": side.name, "better": "less" if side.less else "more"}


def csv(results: Results, rows: Iterable[int]) -> str:
    """One row a point; names that are set have `set.` before them, so that none is taken for a measure."""
    keys = [measure.key for measure in results.measures]
    header = [
        "spec",
        "model",
        "batch",
        *(f"set.{name}" for name in results.names),
        *keys,
        "on_front",
        "reason",
        "place",
    ]
    lines = []
    for index in rows:
        one = results.outcomes[index]
        given = dict(one.point.settings)
        values = [one.values[measure.name] if one.is_valid else "" for measure in results.measures]
        place = [one.point.spec, one.model, one.point.batch, *(given.get(name, "") for name in results.names)]
        lines.append([*place, *values, str(results.front[index]).lower(), one.reason, one.place])
    return sheet(header, lines)


def markdown(results: Results, rows: Iterable[int]) -> str:
    """A table in GitHub's markdown; rows on the Pareto front are bold."""
    headers = ("configuration", *(words.header(measure) for measure in results.measures))
    lines = []
    for index in rows:
        one = results.outcomes[index]
        values = [words.shown(one.values[measure.name], measure.unit) for measure in results.measures if one.is_valid]
        cells = [escape(results.label(one)), *(values or ["not possible", *("" for _ in results.measures[1:])])]
        lines.append(tuple(f"**{cell}**" if results.front[index] and cell else cell for cell in cells))
    facts = ", ".join((words.count(results), *words.conditions(results)))
    notes = [words.front(results.drawn)] if results.drawn else []
    notes += [escape(sentence) for sentence in words.refusals(results)]
    return (
        f"### {escape(words.title(results))}\n\n{facts}.\n\n"
        + markdown_table(headers, "l" + "r" * len(results.measures), lines)
        + ("\n" if notes else "")
        + "".join(f"* {note}\n" for note in notes)
    )
