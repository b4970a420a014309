"""A network beside another tool, for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from archcalc.peers.base import Peer
from archcalc.peers.comparison import Comparison
from archcalc.reports import numbers
from archcalc.reports.blocks import BOLD, DIM, Block, Gap, Group, Style
from archcalc.reports.columns import Column, Columns
from archcalc.reports.paragraphs import NO_BREAK, Line, Wrapped
from archcalc.reports.peers.report import Report
from archcalc.reports.peers.rows import UNKNOWN, Beside, apart, printed, signed

_Cells = tuple[Sequence[str], "Style | None"]


def render(report: Report) -> Block:
    """The rows of one network, or a row for each of several."""
    if report.several:
        return several(report.comparisons)
    (comparison,) = report.comparisons
    return network(comparison, report.rows(comparison))


def network(comparison: Comparison, rows: Iterable[Beside]) -> Block:
    """The table, the reasons with the amount of each, and what the tool prints."""
    graph, peer = comparison.graph, comparison.peer
    sizes = ", ".join(
        (f"{name} " if name != "input" else "") + numbers.shape(x.shape) for name, x in graph.inputs.items()
    )
    notes = {why: str(number) for number, why in enumerate(comparison.totals.reasons(), 1)}
    columns = (
        Column("layer", right=False),
        Column("output", right=False, rank=6),
        Column("params", rank=5),
        Column(f"in {peer.name}", rank=4),
        Column("MACs"),
        Column(peer.name),
        Column("apart", rank=3),
        Column("why", right=False, rank=2),
    )
    cells = [_cells(one, comparison, notes) for one in rows]
    table = Columns(columns, [*cells, _total(comparison)])
    title = Line(f"{graph.model} beside {peer.name}", f"input {sizes}, batch {graph.batch}")
    return Group(
        title,
        "",
        table,
        Gap(),
        *_reasons(comparison.totals.macs, comparison.totals.params, notes),
        *_footer(comparison),
    )


def _cells(one: Beside, comparison: Comparison, notes: dict[str, str]) -> _Cells:
    row, cost = one.row, one.row.cost
    label = "  " * row.level + row.label + (f"  ×{row.copies:,}" if row.copies > 1 else "")
    if row.node is not None and row.node.weights > 1:
        label += f"  ×{row.node.weights:,}"
    if row.node is not None and row.node.name:
        label += f"  ({row.node.name})"
    params = comparison.params
    differs = params is None or params != comparison.costs.totals.params
    theirs = ""
    if comparison.peer.counts_params and differs and (cost.params or one.params != 0):
        theirs = UNKNOWN if one.params is None else numbers.exact(one.params) if one.params or cost.params else ""
    cells = [
        label,
        row.output,
        numbers.exact(cost.params) if cost.params else f"= {row.tied}" if row.tied else "",
        theirs,
        numbers.column(cost.macs),
        UNKNOWN if one.macs is None else numbers.column(one.macs) or ("0" if cost.macs else ""),
        "" if one.macs is None else signed(one.macs - cost.macs),
        " ".join(number for why, number in notes.items() if why in one.reasons),
    ]
    return cells, None


def _total(comparison: Comparison) -> _Cells:
    ours, macs, params = comparison.costs.totals, comparison.macs, comparison.params
    theirs = ""
    if comparison.peer.counts_params and params != ours.params:
        theirs = UNKNOWN if params is None else numbers.exact(params)
    return [
        "total",
        "",
        numbers.exact(ours.params),
        theirs,
        numbers.column(ours.macs) or "0",
        UNKNOWN if macs is None else numbers.column(macs) or "0",
        apart(ours.macs, macs),
        "",
    ], BOLD


def _reasons(macs: Counter[str], params: Counter[str], notes: dict[str, str]) -> Iterator[Block]:
    for why, number in notes.items():
        counts = [
            f"{signed(count)} {unit}".replace(" ", NO_BREAK)
            for count, unit in ((macs[why], "MACs"), (params[why], "parameters"))
            if count
        ]
        yield Wrapped(f"{number}  {why}: {', '.join(counts)}")
    if notes:
        yield ""


def _footer(comparison: Comparison) -> Iterator[Block]:
    unknown = max(comparison.totals.unknown.values(), default=0)
    if unknown:
        layers = "1 layer" if unknown == 1 else f"{unknown:,} layers"
        yield Wrapped(f"{UNKNOWN}: what {comparison.peer.name} counts for {layers}")
    yield Wrapped(printed(comparison))
    yield Wrapped(_called(comparison.peer), DIM)


def _called(peer: Peer) -> str:
    return f"predicted for the module that `archcalc build` writes, on the CPU: {peer.call}"


def several(comparisons: Sequence[Comparison]) -> Block:
    """A row for each network, and the reasons of all."""
    peer = comparisons[0].peer
    macs: Counter[str] = Counter()
    params: Counter[str] = Counter()
    for one in comparisons:
        macs.update(one.totals.macs)
        params.update(one.totals.params)
    found = dict.fromkeys(why for one in comparisons for why in one.totals.reasons())
    notes = {why: str(number) for number, why in enumerate(found, 1)}
    columns = (
        Column("model", right=False),
        Column("params", rank=3),
        Column(f"in {peer.name}", rank=3),
        Column("MACs"),
        Column(peer.name),
        Column("apart", rank=1),
        Column("why", right=False, rank=2),
    )
    return Group(
        Columns(columns, [_line(one, notes) for one in comparisons]),
        "",
        *_reasons(macs, params, notes),
        Wrapped(f"{peer.name} {peer.version} counts {peer.unit}" + (f", {peer.remark}" if peer.remark else "")),
        Wrapped(_called(peer), DIM),
    )


def _line(one: Comparison, notes: dict[str, str]) -> _Cells:
    ours = one.costs.totals
    params = "" if not one.peer.counts_params else UNKNOWN if one.params is None else numbers.short(one.params)
    return [
        one.graph.model,
        numbers.short(ours.params),
        params,
        numbers.short(ours.macs),
        UNKNOWN if one.macs is None else numbers.short(one.macs),
        apart(ours.macs, one.macs),
        " ".join(number for why, number in notes.items() if why in one.totals.reasons()),
    ], None
