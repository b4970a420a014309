"""`archcalc shapes SPEC --symbolic NAMES`: the table as formulas."""

from __future__ import annotations

from archcalc.commands import options
from archcalc.commands.printing import emit
from archcalc.expectations import unmet


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
    """Print the closed form of a spec; `costs_of` computes costs with `--set`, batch, masks and type applied."""
    options.needs_sympy()
    from archcalc.reports.closed_form.report import Report
    from archcalc.symbolic.network import load_closed_form

    form = load_closed_form(spec, names, *costs_of)
    for diagnostic in unmet(form.costs):
        options.report([diagnostic], color)
    emit("closed_form", format, Report(form, depth, sort, number), color)
    return 0
