"""The answer of `archcalc fit`, for people and for machines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from archcalc.quoting import markdown as escape
from archcalc.reports.blocks import BOLD, DIM, Block, Group
from archcalc.reports.columns import Column, Columns
from archcalc.reports.markdown import table as markdown_table
from archcalc.reports.sweep.words import shown
from archcalc.reports.text import Line, Wrapped
from archcalc.sweep.fit import Fit
from archcalc.sweep.measures import MEASURES

VERSION = 1


def headline(fit: Fit) -> str:
    """The answer in a sentence."""
    if fit.best is None and fit.falling:
        return f"none of the {fit.tried:,} values of {fit.name} that were tried fits"
    if fit.best is None:
        least = f", not even {fit.name}={fit.value_of(fit.beyond)}" if fit.beyond is not None else ""
        return f"no {fit.name} fits{least}"
    value = f"{fit.name}={fit.value_of(fit.best)}"
    if fit.beyond is None:
        return f"{value} fits, and so does all that was tried"
    return f"{value} is the largest {'found ' if fit.falling else ''}that fits"


def reason(fit: Fit) -> str:
    """What stops it there."""
    if fit.beyond is None:
        return f"no limit was reached: nothing that is limited grows with {fit.name}" if fit.best else ""
    value = f"{fit.name}={fit.value_of(fit.beyond)}"
    if not fit.beyond.is_valid:
        place = f", at {fit.beyond.place}" if fit.beyond.place else ""
        return f"no limit stops it, but the network: {value}: {fit.beyond.reason}{place}"
    parts = [
        f"{shown(fit.beyond.values[name], MEASURES[name].unit)} {_title(name)}, "
        f"{shown(fit.beyond.values[name] - fit.limits[name], MEASURES[name].unit)} over the limit"
        for name in fit.binding
    ]
    return f"{', '.join(fit.binding)} {'binds' if len(parts) == 1 else 'bind'}: {value} would have {'; '.join(parts)}"


def _title(name: str) -> str:
    title = MEASURES[name].title
    return title if MEASURES[name].unit == "count" else title.replace("bytes ", "")


def caution(fit: Fit) -> str:
    """What makes the answer less than sure; empty where nothing does."""
    if not fit.falling:
        return ""
    return (
        f"{', '.join(fit.falling)} fell somewhere while {fit.name} grew, so a larger value may fit again: "
        f"--vary {fit.name}=FROM..TO tries every one"
    )


def _rows(fit: Fit) -> Iterator[tuple[str, str, str, str, str]]:
    for name, limit in fit.limits.items():
        unit = MEASURES[name].unit
        best = fit.best.values[name] if fit.best else None
        beyond = fit.beyond.values[name] if fit.beyond is not None and fit.beyond.is_valid else None
        yield (
            name,
            shown(limit, unit),
            shown(best, unit) if best is not None else "",
            f"{100 * best / limit:.1f} %" if best is not None else "",
            shown(beyond, unit) if beyond is not None else "",
        )


def _headers(fit: Fit) -> tuple[str, str, str, str, str]:
    best = f"{fit.name}={fit.value_of(fit.best)}" if fit.best else ""
    beyond = f"{fit.name}={fit.value_of(fit.beyond)}" if fit.beyond is not None else ""
    return "limit of", "at most", best, "used", beyond


def text(fit: Fit, rule: bool = True) -> Block:
    """The sentence, a row for each limit, and what stops it."""
    headers = _headers(fit)
    columns = [
        Column(headers[0], right=False),
        *(Column(one, rank=rank) for one, rank in zip(headers[1:], (0, 0, 2, 1))),
    ]
    rows = [(cells, BOLD if cells[0] in fit.binding else None) for cells in _rows(fit)]
    notes = [sentence for sentence in (reason(fit), caution(fit)) if sentence]
    return Group(
        Line(fit.model, f"{fit.tried:,} configurations computed"),
        "",
        Wrapped(headline(fit), BOLD),
        "",
        Columns(columns, rows, rule),
        *([] if rule else [""]),
        *(Wrapped(sentence, DIM) for sentence in notes),
    )


def dumps(fit: Fit) -> str:
    """Version 1; exact numbers, the unit in the key."""
    document: dict[str, Any] = {
        "version": VERSION,
        "model": fit.model,
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
    return json.dumps(document, ensure_ascii=False) + "\n"


def markdown(fit: Fit) -> str:
    """A table in GitHub's markdown."""
    notes = [sentence for sentence in (reason(fit), caution(fit)) if sentence]
    return (
        f"### {escape(fit.model)}: {escape(headline(fit))}\n\n"
        + markdown_table(_headers(fit), "lrrrr", list(_rows(fit)))
        + "".join(f"\n{escape(sentence)}.\n" for sentence in notes)
    )
