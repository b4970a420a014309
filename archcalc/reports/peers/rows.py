"""The rows of a comparison with another tool, whatever its format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from archcalc.peers.comparison import Comparison
from archcalc.reports import numbers
from archcalc.reports.rows import Row, flat, nested

UNKNOWN = "not known"


@dataclass
class Beside:
    """A row of ours, and the tool's numbers for it.

    Attributes:
        macs, params: the tool's counts; None if unknown, or if the tool does not count parameters.
        reasons: what it counts in addition to us, MACs and parameters for each reason.
    """

    row: Row
    macs: int | None
    params: int | None
    reasons: dict[str, tuple[int, int]]


def layers(comparison: Comparison, expand: bool) -> Iterator[Beside]:
    """A row for every layer, with its own counts."""
    return _beside(comparison, flat(comparison.costs, expand), True)


def table(comparison: Comparison, depth: int, expand: bool) -> Iterator[Beside]:
    """Rows nested like the spec, with counts that include what is inside."""
    return _beside(comparison, nested(comparison.costs, depth, expand), False)


def _beside(comparison: Comparison, rows: Iterable[Row], alone: bool) -> Iterator[Beside]:
    for row in rows:
        assert row.node is not None
        tally = comparison.own(row.node) if alone else comparison.total(row.node)
        parts = comparison.copies(row.node) // row.count
        reasons = {why: (tally.macs[why] // parts, tally.params[why] // parts) for why in tally.reasons()}
        macs = row.cost.macs + sum(count for count, _ in reasons.values())
        params = row.cost.params + sum(count for _, count in reasons.values())
        yield Beside(
            row,
            None if tally.unknown["macs"] else macs,
            params if comparison.peer.counts_params and not tally.unknown["params"] else None,
            reasons,
        )


def printed(comparison: Comparison) -> str:
    """The tool's numbers for the whole network, in its own terms."""
    peer, macs, params = comparison.peer, comparison.macs, comparison.params
    if macs is None:
        return f"{peer.name} {peer.version}: its totals for this network are unknown"
    words = f"{peer.name} {peer.version} says {macs * peer.factor:,} {peer.unit}"
    if peer.remark:
        words += f", {peer.remark}"
    if params is not None:
        words += f"; {params:,} parameters"
    return words


def signed(count: int) -> str:
    """`+22.3 M`, `−715 M`; empty for 0."""
    return f"{'+' if count > 0 else '−'}{numbers.column(abs(count))}" if count else ""


def apart(ours: int, theirs: int | None) -> str:
    """The difference between the tool's total and ours: in percent, or exactly if that rounds to nothing."""
    if theirs is None or theirs == ours:
        return ""
    percent = 100 * (theirs - ours) / ours if ours else 0.0
    if abs(percent) < 0.05:
        return signed(theirs - ours)
    return f"{'+' if percent > 0 else '−'}{numbers.percent(abs(percent) / 100)}"
