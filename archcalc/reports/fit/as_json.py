"""Exact numbers, the unit in the key."""

from __future__ import annotations

from typing import Any

from archcalc.reports.documents import VERSION, dumps
from archcalc.reports.running import facts
from archcalc.sweep.fit import Fit
from archcalc.sweep.measures import MEASURES


def render(fit: Fit) -> str:
    """The value, what binds, and each limit."""
    document: dict[str, Any] = {
        "version": VERSION,
        "model": fit.model,
        "runs": [facts(run) for run in fit.how],
        "vary": fit.name,
        "value": fit.value_of(fit.best) if fit.best else None,
        "binding": fit.binding,
        "next": fit.value_of(fit.beyond) if fit.beyond else None,
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
    return dumps(document)
