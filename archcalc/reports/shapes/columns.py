"""The columns that a table of layers may have, by the names that `--columns` takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from archcalc.advice import suggest
from archcalc.cost import Cost, Costs
from archcalc.diagnostics import RequestError
from archcalc.network.paths import fields
from archcalc.records import NamedTuple
from archcalc.reports import numbers
from archcalc.reports.columns import Column
from archcalc.reports.rows import Row

Cell = Callable[[Row], str]


class Shown(NamedTuple):
    """One column of a table of layers.

    Attributes:
        header: its header.
        right: whether its cells are numbers.
        rank: how early it is dropped on a narrow terminal.
        cell: its cell in a row.
        total: its cell in the row of totals.
        wanted: whether labels are wrapped before it is dropped.
    """

    header: str
    right: bool
    rank: int
    cell: Cell
    total: str = ""
    wanted: bool = False

    @property
    def column(self) -> Column:
        """The column in a table for a terminal."""
        return Column(self.header, self.right, self.rank, self.wanted)


# The default columns, after the layer itself.
USUAL = ("output", "params", "%", "macs", "activations")
NAMES = (
    "id", "input", "output", "params", "%", "trainable", "buffers", "macs", "flops", "element-wise", "activations", "field",
    "formula",
)  # fmt: skip


def parsed(text: str) -> tuple[str, ...]:
    """The names of columns in `output,params`. Raises `RequestError` for an unknown one."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names:
        if name not in NAMES:
            near = suggest(name, NAMES)
            hint = f"did you mean `{near}`?" if near else f"expected one of {', '.join(NAMES)}"
            raise RequestError(f"--columns: no column is named `{name}`: {hint}")
    if not names:
        raise RequestError(f"--columns takes names such as output,params, from {', '.join(NAMES)}")
    return names


def label(row: Row) -> str:
    """A layer in words, indented, with its number of copies and its name."""
    text = "  " * row.level + row.label + (f"  ×{row.copies:,}" if row.copies > 1 else "")
    if row.node is not None and row.node.weights > 1:
        text += f"  ×{row.node.weights:,}"
    if row.node is not None and row.node.name:
        text += f"  ({row.node.name})"
    return text


def columns(names: Sequence[str], costs: Costs) -> list[Shown]:
    """The columns of these names, for one network."""
    totals = costs.totals

    def sizes(count: Callable[[Cost], int], write: Callable[[int], str]) -> tuple[Cell, str]:
        return lambda row: write(count(row.cost)), write(count(totals))

    known: dict[str, Callable[[], Shown]] = {
        "id": lambda: Shown("id", False, 8, lambda row: row.id),
        "input": lambda: Shown("input", False, 6, _inputs),
        "output": lambda: Shown("output", False, 3, lambda row: row.output, wanted=True),
        "params": lambda: Shown("params", True, 0, _params, numbers.exact(totals.params)),
        "%": lambda: Shown("%", True, 4, lambda row: numbers.share(row.cost.params, totals.params)),
        "trainable": lambda: Shown("trainable", True, 1, *sizes(lambda cost: cost.trainable, _exact)),
        "buffers": lambda: Shown("buffers", True, 6, *sizes(lambda cost: cost.buffers, _exact)),
        "macs": lambda: Shown("MACs", True, 2, *sizes(lambda cost: cost.macs, numbers.column)),
        "flops": lambda: Shown("FLOPs", True, 2, *sizes(lambda cost: cost.flops, numbers.column)),
        "element-wise": lambda: Shown("element-wise", True, 7, *sizes(lambda cost: cost.other_flops, numbers.column)),
        "activations": lambda: Shown("activations", True, 5, *sizes(lambda cost: cost.activation_bytes, numbers.size)),
        "field": lambda: Shown("receptive field", False, 6, _field(costs)),
        "formula": lambda: Shown("parameters by formula", False, 9, _formula),
    }
    return [known[name]() for name in names]


def _exact(count: int) -> str:
    return numbers.exact(count) if count else ""


def _params(row: Row) -> str:
    return numbers.exact(row.cost.params) if row.cost.params else f"= {row.tied}" if row.tied else ""


def _inputs(row: Row) -> str:
    return ", ".join(numbers.shape(x.shape) for x in row.node.inputs if x.rank) if row.node else ""


def _field(costs: Costs) -> Cell:
    """The receptive field of a row's output: size and step."""
    seen = fields(costs.graph)

    def cell(row: Row) -> str:
        found: Any = seen.get(id(row.node.output)) if row.node else None
        if not isinstance(found, tuple):
            return {"everything": "all", "nothing": "none"}.get(str(found), "")
        if not found:
            return ""
        steps = dict.fromkeys(str(axis.step) for axis in found)
        return f"{'×'.join(str(axis.size) for axis in found)} step {'×'.join(steps)}"

    return cell


def _formula(row: Row) -> str:
    """The formula of the row's parameters over all copies, which gives the number beside it."""
    if row.node is None or row.node.layer is None or not row.node.params:
        return ""
    from archcalc.derivation import parameter_formula  # only if formulas are requested

    one = parameter_formula(row.node)
    copies = row.own.params // int(one)
    return (one if copies == 1 else one * copies).numbers()
