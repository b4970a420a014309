"""Exact numbers, with the unit in the key; impossible points stay, with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archcalc.reports.documents import VERSION, dumps
from archcalc.reports.running import facts
from archcalc.reports.sweep.report import Report
from archcalc.sweep.evaluate import Outcome
from archcalc.sweep.measures import Measure
from archcalc.sweep.results import Side


def point(one: Outcome, wanted: Sequence[Measure]) -> dict[str, Any]:
    """One point: its settings, and its values or why there are none."""
    return {
        "spec": one.point.spec,
        "model": one.model or None,
        "set": dict(one.point.settings),
        "batch": one.point.batch,
        "run": dict(one.point.run),
        "values": {measure.key: one.values[measure.name] for measure in wanted} if one.is_valid else None,
        "reason": one.reason or None,
        "place": one.place or None,
    }


def render(report: Report) -> str:
    """The whole sweep."""
    results, (rows, _) = report.results, report.rows()
    document = {
        "version": VERSION,
        "runs": [{**facts(run), "assumed": list(assumed)} for run, assumed in results.how],
        "measures": [{"name": one.name, "key": one.key, "unit": one.unit} for one in results.measures],
        "front": [_side(side) for side in results.drawn] if results.drawn else None,
        "points": [
            {**point(results.outcomes[index], results.measures), "on_front": results.front[index]} for index in rows
        ],
    }
    return dumps(document)


def _side(side: Side) -> dict[str, Any]:
    return {"name": side.name, "better": "less" if side.less else "more"}
