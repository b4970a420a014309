"""`archcalc shapes SPEC --symbolic NAMES`: the table in formulas."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from archcalc.commands import options
from archcalc.expectations import unmet
from archcalc.reports.rows import Row, flat, largest, nested
from archcalc.terminal import show, wants_color, write


def print_formulas(
    spec: str,
    names: tuple[str, ...],
    costs_of: tuple[dict[str, str], int, bool, str],
    depth: int,
    sort: str | None,
    number: int | None,
    format: str,
    color: str,
) -> int:
    """Print the closed form of a spec; `costs_of` is what `--set`, batch, masks and type say of its costs."""
    options.needs_sympy()
    from archcalc.reports.closed_form import machine
    from archcalc.reports.closed_form.rows import formula_rows
    from archcalc.symbolic.network import load_closed_form

    form = load_closed_form(spec, names, *costs_of)
    for diagnostic in unmet(form.costs):
        options.report([diagnostic], color)
    rows: Iterable[Row] = nested(form.costs, depth)
    if sort or number:
        rows = largest(form.costs, sort or "params", number)
    elif format in ("json", "csv"):
        rows = flat(form.costs)
    if format == "json":
        from archcalc.reports import json

        write(json.dumps(machine.data(form, rows)))
    elif format == "csv":
        write(machine.csv(form, rows))
    elif format == "markdown":
        write(machine.markdown(form, formula_rows(form, rows)))
    else:
        from archcalc.reports.closed_form import text

        show(text.network(form, formula_rows(form, rows), sys.stdout.isatty() or wants_color(color, sys.stdout)), color)
    return 0
