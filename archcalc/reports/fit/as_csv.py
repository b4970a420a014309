"""One line per limit, exact numbers; empty if nothing fits."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.reports.fit.report import At, Report
from archcalc.reports.sheet import sheet
from archcalc.sweep.measures import MEASURES

HEADER = ("model", "vary", "value", "limit_of", "limit", "used", "next", "next_used", "binds")


def render(report: Report) -> str:
    """The largest value that fits, and the one after it, beside each limit; run settings that vary in columns of their own."""
    header = (*HEADER, *(f"run.{name}" for name in report.axes), *(["reason"] if report.axes else []))
    return sheet(header, [line for one in report.answers for line in _lines(report, one)])


def _lines(report: Report, one: At) -> Iterator[tuple[object, ...]]:
    values = tuple(value for _, value in one.settings)
    fit = one.fit
    if fit is None:
        yield (report.model, report.name, *[""] * (len(HEADER) - 2), *values, one.reason)
        return
    best, beyond = fit.best, fit.beyond
    reason = (beyond.reason if beyond is not None else "",) if report.axes else ()
    for name, limit in fit.limits.items():
        yield (
            fit.model,
            fit.name,
            fit.value_of(best) if best else "",
            MEASURES[name].key,
            limit,
            best.values[name] if best else "",
            fit.value_of(beyond) if beyond else "",
            beyond.values.get(name, "") if beyond else "",
            str(name in fit.binding).lower(),
            *values,
            *reason,
        )
