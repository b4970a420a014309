"""Exact numbers, the unit in the key; an entry of `fits` for each combination of run settings that vary."""

from __future__ import annotations

from typing import Any

from archcalc.reports.documents import VERSION, dumps
from archcalc.reports.fit.report import At, Report
from archcalc.reports.running import facts
from archcalc.sweep.evaluate import Outcome
from archcalc.sweep.fit import Fit
from archcalc.sweep.measures import MEASURES


def render(report: Report) -> str:
    """The only answer, or one for each combination."""
    if not report.axes:
        return dumps(_answer(report.found[0]))
    return dumps({"version": VERSION, "axes": list(report.axes), "fits": [_at(one) for one in report.answers]})


def _at(one: At) -> dict[str, Any]:
    return {"run": dict(one.settings), "fit": _answer(one.fit) if one.fit else None, "reason": one.reason or None}


def _value(fit: Fit, one: Outcome | None) -> str | int | None:
    """The varied value: a number where it is one, else as it is written, e.g. `3x3`."""
    text = fit.value_of(one) if one is not None else None
    return int(text) if text is not None and text.isdecimal() else text


def _answer(fit: Fit) -> dict[str, Any]:
    """The value, what binds, and each limit."""
    return {
        "version": VERSION,
        "model": fit.model,
        "runs": [facts(run) for run in fit.how],
        "vary": fit.name,
        "value": _value(fit, fit.best),
        "binding": fit.binding,
        "next": _value(fit, fit.beyond),
        "next_reason": (fit.beyond.reason or None) if fit.beyond else None,
        "limits": [
            {
                "name": name,
                "key": MEASURES[name].key,
                "limit": limit,
                "value": fit.best.values[name] if fit.best else None,
                "next": fit.beyond.values.get(name) if fit.beyond else None,
            }
            for name, limit in fit.limits.items()
        ],
        "falling": list(fit.falling),
        "tried": fit.tried,
    }
