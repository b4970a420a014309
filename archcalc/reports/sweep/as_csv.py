"""One row per point, exact numbers, with the unit in the key."""

from __future__ import annotations

from archcalc.reports.sheet import sheet
from archcalc.reports.sweep.report import Report


def render(report: Report) -> str:
    """One row per point; names that are set have the prefix `set.`, so that none is taken for a measure."""
    results, (rows, _) = report.results, report.rows()
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
        given = dict((*one.point.settings, *one.point.run))
        values = [one.values[measure.name] if one.is_valid else "" for measure in results.measures]
        place = [one.point.spec, one.model, one.point.batch, *(given.get(name, "") for name in results.names)]
        lines.append([*place, *values, str(results.front[index]).lower(), one.reason, one.place])
    return sheet(header, lines)
