"""The times of single layers: a second pass over the same weights, in which every layer is marked.

In forward the mark comes after a layer, so the span before it is the layer's. In backward it comes where the gradient
of a layer's output arrives, so the span after it is the layer's; what a checkpoint runs again belongs to its last
layer. On a CPU a span is the time that the thread ran.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import nn

from archcalc.cost import Costs
from archcalc.network.gradients import backward
from archcalc.network.graph import Node
from archcalc.prediction.backward import gradients
from archcalc.prediction.operations import operations
from archcalc.pytorch.timing import Clock
from archcalc.quantity import plain
from archcalc.reports.profile.report import LayerTime, Times
from archcalc.reports.rows import Row, flat

_FORWARD, _BACKWARD = "forward", "backward"


class Layers:
    """The probe: marks the end of each layer, and in training the arrival of its gradient."""

    def __init__(self, costs: Costs, clock: Clock, train: bool) -> None:
        self.clock = clock
        self.train = train
        self.rows = list(_calls(flat(costs, expand=True, every=True)))
        experts = _inside_experts(costs.graph.nodes)
        loops = _loops(costs.graph.nodes)
        apart = [index for index, row in enumerate(self.rows) if _has_statement(row) and id(row.node) not in experts]
        self._in_order = list(_in_turn(apart, [loops.get(id(self.rows[index].node), ()) for index in apart]))
        self._experts = {
            name: index
            for index, row in enumerate(self.rows)
            if id(row.node) in experts
            for name in (row.id, row.id.removesuffix(".0"))
        }
        self._next = 0
        self.forward = [Times() for _ in self.rows]
        self.backward = [Times() for _ in self.rows]
        self._marked: list[tuple[int | None, str]] = []
        self._again = False

    def attach(self, module: nn.Module) -> None:
        """Record which layer of an expert each inner module is; all experts' times are added to the first."""
        for name, inner in module.named_modules():
            parts = name.split(".")
            inside = [at for at, part in enumerate(parts[:-1]) if part == "experts" and parts[at + 1].isdigit()]
            for at in inside:
                parts[at + 1] = "0"
            inner._archcalc_expert = ".".join(parts) if inside else None

    def probe(self, module: nn.Module, segment: str, output: Any) -> Any:
        """Mark the end of a layer; returns its output."""
        expert = getattr(module, "_archcalc_expert", None)
        index = self._experts.get(f"{expert}.{segment}") if expert else None
        if self._again:
            return output  # a checkpoint runs again: its gradients are already watched
        if index is None:
            index = self._in_order[self._next]
            self._next += 1
        self._mark(index, _FORWARD)
        return self._watch(output, index) if self.train else output

    def run(self, forward: Callable[[], Any], loss: Callable[[Any], torch.Tensor]) -> None:
        """Run one pass, and keep the seconds of each layer."""
        self._next = 0
        self._marked, self._again = [], False
        self.clock.start()
        if self.train:
            total = loss(forward())
            self._mark(None, _FORWARD)
            self._again = True
            total.backward()  # type: ignore[no-untyped-call]
            self._mark(None, _FORWARD)
        else:
            with torch.inference_mode():
                forward()
        spans = [*(self.clock.worked() or self.clock.between()), 0.0]
        found = {way: [0.0] * len(self.rows) for way in (_FORWARD, _BACKWARD)}
        for position, (index, way) in enumerate(self._marked):
            if index is not None:
                found[way][index] += spans[position + 1 if way == _BACKWARD else position]
        for times, way in ((self.forward, _FORWARD), (self.backward, _BACKWARD)):
            for one, seconds in zip(times, found[way]):
                one.seconds.append(seconds)

    def forget(self) -> None:
        """Drop the seconds kept so far: they were the warm-up."""
        for one in (*self.forward, *self.backward):
            one.seconds.clear()

    def result(self, costs: Costs, dtype: str) -> list[LayerTime]:
        """One entry for each node of the graph, whose tensors are of the type `dtype`."""
        folded = {id(row.node): row for row in flat(costs)}
        work = _backward_flops(costs) if self.train else {}
        moved = bytes_moved(costs, dtype, self.train)
        found: dict[int, LayerTime] = {}
        for row, forward, backward_ in zip(self.rows, self.forward, self.backward):
            node = row.node
            assert node is not None
            if node.layer is not None and not node.layer.shown:
                continue  # a view
            if id(node) not in found:
                shown = folded[id(node)]
                found[id(node)] = LayerTime(shown, shown.cost.flops + work.get(id(node), 0), moved[id(node)])
            found[id(node)].forward.append(forward)
            found[id(node)].backward.append(backward_)
        return list(found.values())

    def _mark(self, index: int | None, way: str) -> None:
        self.clock.mark()
        self._marked.append((index, way))

    def _watch(self, output: Any, index: int) -> Any:
        return watched(output, lambda: self._mark(index, _BACKWARD))


def watched(output: Any, arrived: Callable[[], None]) -> Any:
    """A layer's output that calls `arrived` when its gradient does."""
    if isinstance(output, torch.Tensor):
        return _Arrival.apply(output, arrived) if output.requires_grad else output  # type: ignore[no-untyped-call]
    if isinstance(output, tuple):
        return tuple(watched(one, arrived) for one in output)
    return output


class _Arrival(torch.autograd.Function):
    """The same tensor; calls back when its gradient arrives."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, arrived: Callable[[], None]) -> torch.Tensor:
        ctx.arrived = arrived
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        ctx.arrived()
        return gradients[0], None


def _calls(rows: Iterator[Row]) -> Iterator[Row]:
    """Rows as the module runs them: copies of a single layer are one call."""
    last: Row | None = None
    for row in rows:
        node = row.node
        assert node is not None
        alone = node.copies > 1 and not node.children
        if alone and last is not None and last.node is node and last.id.rpartition(".")[0] == row.id.rpartition(".")[0]:
            continue
        last = row
        yield row


def _has_statement(row: Row) -> bool:
    return row.node is not None and row.node.layer is not None and row.node.layer.written


def _loops(nodes: list[Node], around: tuple[Node, ...] = ()) -> dict[int, tuple[Node, ...]]:
    """The loops of scans around each node, outermost first."""
    found: dict[int, tuple[Node, ...]] = {}
    for node in nodes:
        inside = (*around, node) if node.listed else around
        found[id(node)] = around
        found |= _loops(node.children, inside)
    return found


def _in_turn(calls: Sequence[int], loops: Sequence[tuple[Node, ...]], depth: int = 0) -> Iterator[int]:
    """The calls as they are made: those in a loop once for each of its steps."""
    start = 0
    while start < len(calls):
        loop, end = loops[start][depth : depth + 1], start + 1
        while loop and end < len(calls) and loops[end][depth : depth + 1] == loop:
            end += 1
        for _ in range(plain(loop[0].work) if loop else 0):
            yield from _in_turn(calls[start:end], loops[start:end], depth + 1)
        if not loop:
            yield calls[start]
        start = end


def _inside_experts(nodes: list[Node], inside: bool = False) -> set[int]:
    """The ids of all nodes inside experts."""
    found: set[int] = set()
    for node in nodes:
        if inside:
            found.add(id(node))
        found |= _inside_experts(node.children, inside or node.is_expert)
    return found


def _backward_flops(costs: Costs) -> dict[int, int]:
    """FLOPs of the backward pass of each node that has one, over all its copies."""
    found: dict[int, int] = {}
    for one in backward(costs.graph):
        found[id(one.node)] = found.get(id(one.node), 0) + 2 * one.macs(costs.graph.batch)
    return found


def bytes_moved(costs: Costs, dtype: str, train: bool) -> Counter[int]:
    """The fewest bytes that each node reads and writes over all its copies, in training including backward.

    As in predictions: of a table only the rows that are looked up, and for tied weights those of the other layer.
    """
    forward = operations(costs.graph, dtype)
    back = [kernel for one in gradients(costs.graph, forward) for kernel in one.kernels] if train else []
    found: Counter[int] = Counter()
    for one in (*forward, *back):
        found[id(one.node)] += one.runs * (one.in_bytes + one.weight_bytes + one.out_bytes)
    return found
