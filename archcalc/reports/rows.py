"""The rows of a report about one network, whatever its format.

Copies made by `repeat` are one row with their number, unless single copies are requested. The costs of
the rows inside a group, plus the group's own, add up to the group's row, and all rows add up to the totals.
"""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.cost import Cost, Costs
from archcalc.layers.tensor import Tensor
from archcalc.network.graph import Node
from archcalc.reports.numbers import shape

SORT_KEYS = ("params", "macs", "other_flops", "activation_bytes", "buffers")


class Row:
    """One line: a node, or the rest of a list that was cut.

    Attributes:
        level: how deep it is nested in the report.
        copies: how many consecutive copies of the node there are at its place.
        count: how many copies the row stands for, including those of the groups around it; its costs
        are those of all of them.
        own: costs of the node alone; cost: with everything inside.
    """

    __slots__ = ("copies", "cost", "count", "id", "label", "level", "node", "own")

    def __init__(
        self, id: str, label: str, level: int, node: Node | None, copies: int, count: int, cost: Cost, own: Cost
    ) -> None:
        self.id = id
        self.label = label
        self.level = level
        self.node = node
        self.copies = copies
        self.count = count
        self.cost = cost
        self.own = own

    @property
    def output(self) -> str:
        """The output's shape, `64×55×55`."""
        return shape(self.node.output.shape) if self.node else ""

    @property
    def tied(self) -> str:
        """The nodes whose weights it uses."""
        if self.node is None:
            return ""
        return ", ".join(dict.fromkeys(owner.id for owner in self.node.tied.values()))


def nested(costs: Costs, depth: int, expand: bool = False) -> Iterator[Row]:
    """Rows nested like the spec, with blocks opened down to `depth` levels of calls (1: none).

    Lists written in place (residual, concat, repeat) are always open. With `expand` every copy is
    a row, and every block is open.
    """
    yield from _Nesting(costs, depth, expand).rows(costs.graph.nodes, "", 0, 1, 1, 1)


def flat(costs: Costs, expand: bool = False, every: bool = False) -> Iterator[Row]:
    """A row for every layer, in order of execution, with its own costs; `every` adds both ends of an `each`."""
    for row in _Nesting(costs, 10**9, expand, inner_first=True, every=every).rows(costs.graph.nodes, "", 0, 1, 1, 1):
        if row.node is not None and row.node.layer is not None:
            yield Row(row.id, row.label, 0, row.node, row.count, row.count, row.own, row.own)


def largest(costs: Costs, key: str, count: int | None, expand: bool = False) -> list[Row]:
    """The layers with the most of `key`, largest first; after `count` of them, one row for the rest."""
    rows = sorted(flat(costs, expand), key=lambda row: -getattr(row.cost, key))
    if count is None or len(rows) <= count:
        return rows
    rest = Cost()
    for row in rows[count:]:
        rest += row.cost
    return [*rows[:count], Row("", f"and {len(rows) - count} smaller", 0, None, 1, 1, rest, rest)]


class _Nesting:
    def __init__(self, costs: Costs, depth: int, expand: bool, inner_first: bool = False, every: bool = False) -> None:
        self.inner_first = inner_first
        self.every = every
        self.costs = costs
        self.depth = 10**9 if expand else depth
        self.expand = expand

    def rows(self, nodes: list[Node], prefix: str, level: int, called: int, parts: int, around: int) -> Iterator[Row]:
        """Rows of `nodes` with ids that start with `prefix`.

        `called` is the depth of calls here. `parts` is the number of copies that the groups around have been
        expanded into, by which the graph's costs are divided. `around` is how many copies of those groups a
        row stands for.
        """
        for node in nodes:
            if node.layer is not None and not node.layer.shown and not self.every and self.costs.own(node) == Cost():
                continue  # the ends of a loop that take nothing: rows add up without them
            if node.listed:  # the loop of a scan, whose own row says all of it
                yield from self.rows(node.children, prefix, level, called, parts, around)
                continue
            apart = node.copies if self.expand else 1
            numbered = node.segment.isdigit()  # one of the unequal copies of a repeat
            for index in range(apart):
                if numbered:
                    name = f"{prefix}{int(node.segment) + index}"
                else:
                    name = f"{prefix}{node.segment}" + (f".{index}" if apart > 1 else "")
                copies = node.copies // apart
                row = self._row(node, name, level, copies, around * copies, parts * apart)
                if not self.inner_first:
                    yield row
                if self._open(node, called):
                    inner = called + 1 if node.block and not node.unfolded else called
                    inside = prefix if node.inline else f"{name}."
                    if (node.copies > apart and not numbered) or node.is_expert:
                        inside = f"{name}.0."
                    yield from self.rows(node.children, inside, level + 1, inner, parts * apart, around * copies)
                if self.inner_first:
                    yield row

    def _open(self, node: Node, called: int) -> bool:
        if not node.children:
            return False
        return called < self.depth or not node.block

    def _row(self, node: Node, name: str, level: int, copies: int, count: int, parts: int) -> Row:
        cost, own = _divide(self.costs.total(node), parts), _divide(self.costs.own(node), parts)
        return Row(name, node.label, level, node, copies, count, cost, own)


def _divide(cost: Cost, parts: int) -> Cost:
    if parts == 1:
        return cost
    return Cost(
        cost.params // parts,
        cost.active_params // parts,
        cost.buffers // parts,
        cost.macs // parts,
        cost.other_flops // parts,
        cost.activation_bytes // parts,
        cost.frozen // parts,
    )


def tensors(inputs: tuple[Tensor, ...]) -> list[list[int]]:
    """Shapes as plain lists, for formats that machines read."""
    return [[int(size) for size in tensor.shape] for tensor in inputs]
