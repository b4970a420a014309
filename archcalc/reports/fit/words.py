"""The answer of `archcalc fit` in words and rows."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.reports import numbers
from archcalc.reports.fit.report import At, Report
from archcalc.reports.sweep.words import shown
from archcalc.sweep.evaluate import Outcome
from archcalc.sweep.fit import Fit
from archcalc.sweep.measures import MEASURES


def headline(fit: Fit) -> str:
    """The answer in a sentence."""
    if fit.best is None and fit.falling:
        return f"none of the {fit.tried:,} values of {fit.name} that were tried fits"
    if fit.best is None:
        least = f", not even {fit.name}={fit.value_of(fit.beyond)}" if fit.beyond is not None else ""
        return f"no {fit.name} fits{least}"
    value = f"{fit.name}={fit.value_of(fit.best)}"
    if fit.beyond is None:
        return f"{value} fits, and so does everything that was tried"
    return f"{value} is the largest {'found ' if fit.falling else ''}that fits"


def reason(fit: Fit) -> str:
    """What stops it there."""
    if fit.beyond is None:
        return f"no limit was reached: nothing that is limited grows with {fit.name}" if fit.best else ""
    value = f"{fit.name}={fit.value_of(fit.beyond)}"
    if not fit.beyond.is_valid:
        place = f", at {fit.beyond.place}" if fit.beyond.place else ""
        help = f": {fit.beyond.help}" if fit.beyond.help else ""
        more = ", and more for more" if help and help.startswith(": `--set ") else ""
        return f"the network stops it, not a limit: {value}: {fit.beyond.reason}{place}{help}{more}"
    parts = [
        f"{shown(fit.beyond.values[name], MEASURES[name].unit)} {_title(name)}, "
        f"{shown(fit.beyond.values[name] - fit.limits[name], MEASURES[name].unit)} over the limit"
        for name in fit.binding
    ]
    return f"{', '.join(fit.binding)} {'binds' if len(parts) == 1 else 'bind'}: {value} would have {'; '.join(parts)}"


def _title(name: str) -> str:
    title = MEASURES[name].title
    return title if MEASURES[name].unit == "count" else title.replace("bytes ", "").replace("time of ", "for ")


def caution(fit: Fit) -> str:
    """Why the answer is uncertain; empty if it is not."""
    if not fit.falling:
        return ""
    again = " again" if fit.best is not None else ""
    return (
        f"{', '.join(fit.falling)} fell somewhere while {fit.name} grew, so a larger value may fit{again}: "
        f"--vary {fit.name}=FROM..TO tries every one"
    )


def rows(fit: Fit) -> Iterator[tuple[str, str, str, str, str]]:
    """A row for each limit."""
    for name, limit in fit.limits.items():
        unit = MEASURES[name].unit
        best = fit.best.values[name] if fit.best else None
        beyond = fit.beyond.values[name] if fit.beyond is not None and fit.beyond.is_valid else None
        yield (
            name,
            shown(limit, unit),
            shown(best, unit) if best is not None else "",
            numbers.percent(best / limit) if best is not None else "",
            shown(beyond, unit) if beyond is not None else "",
        )


def headers(fit: Fit) -> tuple[str, str, str, str, str]:
    """The headers of these rows."""
    best = f"{fit.name}={fit.value_of(fit.best)}" if fit.best else ""
    beyond = f"{fit.name}={fit.value_of(fit.beyond)}" if fit.beyond is not None else ""
    return "limit of", "at most", best, "used", beyond


def notes(fit: Fit) -> list[str]:
    """What stops it, and why the answer is uncertain."""
    return [sentence for sentence in (reason(fit), caution(fit)) if sentence]


def columns(report: Report) -> list[str]:
    """The headers over `comparison`."""
    limited = [text for name in report.limits for text in (name.replace("_", " "), "used")]
    return [*report.axes, report.name, *limited, "binds"]


def comparison(report: Report) -> Iterator[tuple[str, ...]]:
    """A row for each combination of run settings: the largest value, what it uses, and the limits that bind."""
    for one in report.answers:
        values = [value for _, value in one.settings]
        fit = one.fit
        if fit is None:
            yield (*values, "none", *[""] * (2 * len(report.limits)), "")
            continue
        best = fit.best or fit.beyond  # if none fits, what the smallest value takes
        used = [text for name, limit in fit.limits.items() for text in _used(best, name, limit)]
        yield (*values, fit.value_of(fit.best) if fit.best else "none", *used, ", ".join(fit.binding))


def _used(one: Outcome | None, name: str, limit: float) -> tuple[str, str]:
    if one is None or not one.is_valid:
        return "", ""
    return shown(one.values[name], MEASURES[name].unit), numbers.percent(one.values[name] / limit)


def remarks(report: Report) -> list[str]:
    """Why combinations are impossible or limited by the network, and why answers are uncertain; each once."""
    refused: dict[str, list[str]] = {}
    for one in report.answers:
        if why := _refusal(one):
            refused.setdefault(why, []).append(one.label)
    further = dict.fromkeys(sentence for one in report.answers if one.fit for sentence in _stops(one.fit))
    return [*(f"not possible: {of[0]}{_more(of)}: {why}" for why, of in refused.items()), *further]


def _more(labels: list[str]) -> str:
    return f" and {len(labels) - 1:,} more" if len(labels) > 1 else ""


def _refusal(one: At) -> str:
    """Why nothing can be computed for a combination; empty if something can."""
    if one.fit is None:
        return one.reason
    beyond = one.fit.beyond
    return beyond.reason if one.fit.best is None and beyond is not None else ""


def _stops(fit: Fit) -> Iterator[str]:
    """What stops it other than a limit, and why the answer is uncertain."""
    if fit.best and fit.beyond is not None and not fit.beyond.is_valid:
        yield reason(fit)
    if caution(fit):
        yield caution(fit)
