"""A network beside another tool in GitHub's markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from archcalc.peers.comparison import Comparison
from archcalc.quoting import markdown as escape
from archcalc.reports import numbers
from archcalc.reports.peers.report import Report
from archcalc.reports.peers.rows import UNKNOWN, Beside, apart, printed, signed
from archcalc.reports.tables import table


def render(report: Report) -> str:
    """The rows of one network, or a row for each of several."""
    if report.several:
        return several(report.comparisons)
    (comparison,) = report.comparisons
    return network(comparison, report.rows(comparison))


def network(comparison: Comparison, rows: Iterable[Beside]) -> str:
    """The rows, the totals, and the reasons as a list."""
    peer, ours, macs = comparison.peer, comparison.costs.totals, comparison.macs
    notes = {why: str(number) for number, why in enumerate(comparison.totals.reasons(), 1)}
    lines = [
        (
            "&emsp;" * one.row.level + escape(one.row.label) + (f" ×{one.row.copies:,}" if one.row.copies > 1 else ""),
            numbers.column(one.row.cost.macs),
            UNKNOWN if one.macs is None else numbers.column(one.macs),
            "" if one.macs is None else signed(one.macs - one.row.cost.macs),
            " ".join(number for why, number in notes.items() if why in one.reasons),
        )
        for one in rows
    ]
    theirs = UNKNOWN if macs is None else numbers.column(macs) or "0"
    lines.append(("**total**", f"**{numbers.column(ours.macs) or '0'}**", f"**{theirs}**", apart(ours.macs, macs), ""))
    inputs = ", ".join(numbers.shape(x.shape) for x in comparison.graph.inputs.values())
    text = f"### {escape(comparison.graph.model)} beside {peer.name}\n\nInput {inputs}, batch {comparison.graph.batch}.\n\n"
    text += table(("layer", "MACs", peer.name, "apart", "why"), "lrrrl", lines) + "\n"
    for why in notes:
        macs_of, params_of = comparison.totals.macs[why], comparison.totals.params[why]
        counts = [f"{signed(count)} {unit}" for count, unit in ((macs_of, "MACs"), (params_of, "parameters")) if count]
        text += f"{notes[why]}. {escape(why)}: {', '.join(counts)}\n"
    return text + ("\n" if notes else "") + escape(printed(comparison)) + ".\n"


def several(comparisons: Sequence[Comparison]) -> str:
    """A row for each network."""
    lines = [
        (
            escape(one.graph.model),
            numbers.short(one.costs.totals.macs),
            UNKNOWN if one.macs is None else numbers.short(one.macs),
            apart(one.costs.totals.macs, one.macs),
            "; ".join(escape(why) for why in one.totals.reasons()),
        )
        for one in comparisons
    ]
    return table(("model", "MACs", comparisons[0].peer.name, "apart", "why"), "lrrrl", lines)
