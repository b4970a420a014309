"""The table of a network for people, and the comparison of several."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from archcalc.cost import DTYPE_BYTES, Cost, Costs
from archcalc.network.paths import depth
from archcalc.reports import numbers
from archcalc.reports.blocks import BOLD, DIM, NEWLINE, Block, Group, Page, Piece, Style, columns_of
from archcalc.reports.columns import Column, Columns
from archcalc.reports.rows import Row

_LAYERS = (
    Column("layer", right=False),
    Column("output", right=False, rank=3),
    Column("params"),
    Column("%", rank=5),
    Column("MACs", rank=2),
    Column("element-wise", rank=7),
    Column("activations", rank=4),
    Column("parameters by formula", right=False, rank=6),
)
# Stands between a number and its unit.
NO_BREAK = "\u00a0"
_OTHER_BLANKS = frozenset("\t\n\v\f\r")


class Line:
    """A line of text with something at the right end, on two lines where it does not fit."""

    def __init__(self, left: str, right: str) -> None:
        self.left, self.right = left, right

    def pieces(self, page: Page) -> Iterator[Piece]:
        """The left part bold, the right part at the end of the line when the terminal has one."""
        room = min(page.width, 100) - columns_of(self.left) - columns_of(self.right)
        yield self.left, BOLD
        if room >= 2 and page.terminal:
            yield " " * room + self.right, DIM
        else:
            yield "\n  " + self.right, DIM
        yield NEWLINE


class Parts:
    """Facts joined by ` · `, broken only between them."""

    def __init__(self, parts: Iterable[str], style: Style | None = None) -> None:
        self.parts, self.style = list(parts), style

    def pieces(self, page: Page) -> Iterator[Piece]:
        """As many facts to a line as fit."""
        line = ""
        for part in self.parts:
            joined = f"{line} · {part}" if line else f"  {part}"
            if line and columns_of(joined) > page.width:
                yield line, self.style
                yield NEWLINE
                line = f"  {part}"
            else:
                line = joined
        yield line, self.style
        yield NEWLINE


class Wrapped:
    """A sentence, broken between words where the terminal ends; not at a `NO_BREAK`."""

    def __init__(self, text: str, style: Style | None = None) -> None:
        self.text, self.style = text, style

    def pieces(self, page: Page) -> Iterator[Piece]:
        """Its lines, the first one two characters in, the others four."""
        for line in _wrapped(self.text, max(20, page.width)):
            yield line.replace(NO_BREAK, " "), self.style
            yield NEWLINE


def _wrapped(text: str, width: int) -> list[str]:
    if len(text) + 2 <= width and text.strip() and text == text.strip(" ") and _OTHER_BLANKS.isdisjoint(text):
        return [f"  {text}"]
    import textwrap  # a pipe is wide enough

    return textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="    ")


def network(costs: Costs, rows: Iterable[Row], formulas: bool = False, rule: bool = True) -> Block:
    """The table of one network: title, rows, totals and the counting convention."""
    graph = costs.graph
    sizes = ", ".join(
        (f"{name} " if name != "input" else "") + numbers.shape(x.shape) for name, x in graph.inputs.items()
    )
    title = Line(graph.model, f"input {sizes}, batch {graph.batch}")
    table = Columns(_LAYERS, (_cells(row, costs, formulas) for row in rows), rule)
    return Group(title, "", table, *([] if rule else [""]), *footer(costs))


def _cells(row: Row, costs: Costs, formulas: bool) -> tuple[list[str], Style | None]:
    cost = row.cost
    label = "  " * row.level + row.label + (f"  ×{row.copies:,}" if row.copies > 1 else "")
    if row.node is not None and row.node.weights > 1:
        label += f"  ×{row.node.weights:,}"
    if row.node is not None and row.node.name:
        label += f"  ({row.node.name})"
    params = numbers.exact(cost.params) if cost.params else f"= {row.tied}" if row.tied else ""
    cells = [
        label,
        row.output,
        params,
        numbers.share(cost.params, costs.totals.params),
        numbers.column(cost.macs),
        "",
        numbers.size(cost.activation_bytes),
        _formula(row) if formulas else "",
    ]
    is_group = row.node is None or bool(row.node.children)
    return cells, BOLD if is_group and row.level == 0 and row.node is not None and row.node.block else None


def _formula(row: Row) -> str:
    """The row's parameters with its copies counted, so that it gives the number beside it."""
    if row.node is None or row.node.layer is None or not row.node.params:
        return ""
    from archcalc.derivation import parameter_formula  # formulas are asked for

    one = parameter_formula(row.node)
    copies = row.own.params // int(one)
    return (one if copies == 1 else one * copies).numbers()


def footer(costs: Costs) -> Iterator[Block]:
    """Totals, and what they count."""
    totals = costs.totals
    by_dtype = ", ".join(
        f"{numbers.size(totals.params * DTYPE_BYTES[name]) or '0 B'} in {name}" for name in ("fp32", "bf16")
    )
    facts = [f"{totals.params:,} parameters, {declared(costs)}{trained(totals)} ({by_dtype})"]
    if totals.active_params != totals.params:
        facts.append(f"{totals.active_params:,} active for each position")
    if totals.buffers:
        facts.append(f"{totals.buffers:,} buffers")
    least = "at least " if costs.declared.unknown else ""
    facts.append(f"{least}{numbers.with_unit(totals.macs, 'MACs')} = {numbers.with_unit(totals.flops, 'FLOPs')}")
    facts.append(f"{numbers.with_unit(totals.other_flops, 'FLOPs')} element-wise")
    facts.append(f"activations {numbers.size(totals.activation_bytes) or '0 B'} in {costs.dtype}")
    yield Parts(facts)
    yield Parts(convention(costs), DIM)


def declared(costs: Costs) -> str:
    """How many of the parameters stand in the spec, where parts of it are opaque."""
    found = costs.declared
    if not found.layers:
        return ""
    return f"{found.params:,} of them declared ({found.layers:,} opaque layer{'' if found.layers == 1 else 's'}), "


def trained(totals: Cost) -> str:
    """How many of the parameters are trained."""
    return f"{totals.trainable:,} trainable" if totals.frozen else "all trainable"


def convention(costs: Costs) -> list[str]:
    """What is counted, in sentences; the first two hold for every network."""
    sentences = [
        "MACs: convolution, linear, attention, recurrent products",
        "FLOPs = 2 × MACs, as torch.utils.flop_counter",
    ]
    found = costs.declared
    if found.layers:
        macs = "MACs" if found.unknown else numbers.with_unit(found.macs, "MACs")
        layers = f"{found.layers:,} opaque layer{'' if found.layers == 1 else 's'}"
        sentences.append(f"declared, not computed: {macs} of {layers}" + ", some of them unknown" * found.unknown)
    if any(node.masked_macs for node in costs.layers()):
        sentences.append(
            "masked attention: only the scores a query may see (--causal half)"
            if costs.useful
            else "masked attention: all scores counted (--causal dense)"
        )
    return sentences


_NETWORKS = (
    Column("model", right=False),
    Column("input", right=False, rank=4),
    Column("params"),
    Column("trainable", rank=1),
    Column("MACs"),
    Column("element-wise", rank=5),
    Column("activations", rank=2),
    Column("depth", rank=3),
)


def comparison(networks: Iterable[Costs], rule: bool = True) -> Block:
    """A row for each network: its input and its totals."""
    rows: list[tuple[list[str], None]] = []
    notes = ["depth: layers with weights on the longest path"]
    for costs in networks:
        totals, graph = costs.totals, costs.graph
        if not rows:
            notes += convention(costs)[:2]
        inputs = ", ".join(numbers.shape(x.shape) for x in graph.inputs.values())
        rows.append(
            (
                [
                    graph.model,
                    inputs + (f", batch {graph.batch}" if graph.batch > 1 else ""),
                    numbers.short(totals.params),
                    (numbers.short(totals.trainable) or "0") if totals.frozen else "",
                    numbers.short(totals.macs),
                    numbers.short(totals.other_flops),
                    numbers.size(totals.activation_bytes),
                    str(depth(graph)),
                ],
                None,
            )
        )
    return Group(Columns(_NETWORKS, rows, rule), *([] if rule else [""]), Parts(notes, DIM))
