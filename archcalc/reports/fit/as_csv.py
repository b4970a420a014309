"""One line a limit, exact numbers; empty where nothing fits."""

from __future__ import annotations

from archcalc.reports.sheet import sheet
from archcalc.sweep.fit import Fit
from archcalc.sweep.measures import MEASURES

HEADER = ("model", "vary", "value", "limit_of", "limit", "used", "next", "next_used", "binds")


def render(fit: Fit) -> str:
    """The largest value that fits, and the one after it, beside each limit."""
    best, beyond = fit.best, fit.beyond
    shared = (fit.model, fit.name, fit.value_of(best) if best else "")
    lines = [
        (
            *shared,
            MEASURES[name].key,
            limit,
            best.values[name] if best else "",
            fit.value_of(beyond) if beyond else "",
            beyond.values.get(name, "") if beyond else "",
            str(name in fit.binding).lower(),
        )
        for name, limit in fit.limits.items()
    ]
    return sheet(HEADER, lines)
