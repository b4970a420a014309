"""`archcalc verify`: the static numbers beside those of the running module.

The module is built on the meta device, which computes shapes and counts operations without memory
or arithmetic, so that a model of any size is compared in seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from archcalc.cost import Costs
from archcalc.diagnostics import RequestError
from archcalc.layers.algebra import MatMul, MoE
from archcalc.layers.correlation import Convolution
from archcalc.layers.filters import Filtering
from archcalc.layers.recurrent import Recurrent
from archcalc.layers.tensor import Tensor
from archcalc.network.gradients import Backward, backward
from archcalc.network.graph import Node, walk
from archcalc.network.load import Graph
from archcalc.network.parameters import named_parameters
from archcalc.pytorch.instance import example_inputs, instantiate
from archcalc.pytorch.layer_times import watched
from archcalc.pytorch.memory import available_bytes
from archcalc.reports.numbers import size
from archcalc.reports.verification.report import Difference, Verification

# Bytes of a layer as a module on the meta device, with autograd's records; measured: 11,000 to 14,000.
_LAYER_BYTES = 15_000
# Steps of recurrences; measured: ten milliseconds each, with autograd's records.
_MOST_STEPS = 3_000
# What PyTorch raises for layers that it rejects.
_REFUSALS = (RuntimeError, ValueError, IndexError, AssertionError)


@dataclass
class _Output:
    name: str
    shapes: list[list[int]]
    samples: set[int]
    flops: int


def verify(graph: Graph) -> Verification:
    """Compare output shapes, named parameters, and forward and backward FLOPs layer by layer; buffers in total.

    Raises:
        BuildError: something in the network cannot be written as a module yet.
        RequestError: this machine has too little memory for so many layers; a sequence is too long.
    """
    _check_memory(graph)
    _check_steps(graph)
    counter = FlopCounterMode(display=False)
    seen: list[_Output] = []
    arrivals: list[tuple[int, int]] = []  # of gradients: which layer, and what had been counted before
    before = 0

    def probe(module: nn.Module, segment: str, output: Any) -> Any:
        nonlocal before
        total, index = counter.get_total_flops(), len(seen)
        path = getattr(module, "_archcalc_path", "")
        name = f"{path}.{segment}" if path else segment
        tensors = _tensors(output)
        shapes, samples = [list(one.shape[1:]) for one in tensors], {one.shape[0] for one in tensors[:1]}
        seen.append(_Output(name, shapes, samples, total - before))
        before = total
        return watched(output, lambda: arrivals.append((index, counter.get_total_flops())))

    # In training, PyTorch refuses a batch norm of one value per channel, which is fine at inference.
    module = instantiate(graph, "meta", probe).eval()
    for name, inner in module.named_modules():
        inner._archcalc_path = name
    expected = list(_expected(graph.nodes, "", graph.batch))
    with counter, torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        try:
            outputs = module(*example_inputs(graph, "meta"))
        except _REFUSALS as error:
            refused = expected[len(seen)].id if len(seen) < len(expected) else graph.model
            reason = f"{type(error).__name__}: {error}".partition("\n")[0]
            return Verification(
                len(seen), differences=[Difference(refused, "the layer", "possible", f"refused ({reason})")]
            )
        forward = counter.get_total_flops()
        _backward(outputs if isinstance(outputs, tuple) else (outputs,))
    result = Verification(len(seen), flops=forward)
    result.declared = sum(_is_declared(one.node) for one in expected)
    _compare_outputs(graph, expected, seen, result)
    _compare_parameters(graph, module, result)
    gradients = list(_with_one_expert(graph))
    if len(expected) == len(seen):
        _compare_backward(graph, gradients, expected, [*arrivals, (0, counter.get_total_flops())], result)
    total = counter.get_total_flops() - forward - sum(_counted_too_often(one, graph.batch) for one in gradients)
    result.backward_flops = total
    ours = sum(2 * one.macs(graph.batch) for one in gradients)
    if ours != total:
        result.differences.append(Difference(graph.model, "backward FLOPs", ours, total))
    return result


def _check_memory(graph: Graph) -> None:
    """Raise `RequestError` if the modules and PyTorch's records about them would not fit in memory."""
    layers = sum(stored for node, stored, _ in walk(graph.nodes) if node.layer is not None)
    needed, there = layers * _LAYER_BYTES, available_bytes(torch.device("cpu"))
    if there is not None and needed > there:
        raise RequestError(
            f"{graph.model} has {layers:,} layers, which take about {size(needed)} as modules, and there are {size(there)}: "
            "verify it with fewer copies"
        )


def _check_steps(graph: Graph) -> None:
    """Raise `RequestError` for a recurrence whose steps would take minutes, because PyTorch records them one by one."""
    for node, _, run in walk(graph.nodes):
        steps = run if node.listed else 0  # of a scan
        if isinstance(node.layer, Recurrent):
            steps = node.inputs[0].shape[0] * node.layer.layers * node.layer.directions * run
        if steps > _MOST_STEPS:
            raise RequestError(
                f"{graph.model}: `{node.id}` has {steps:,} steps, which PyTorch would go through one by one, "
                f"and at most {_MOST_STEPS:,} are: verify it with a shorter sequence"
            )


def _backward(outputs: tuple[torch.Tensor, ...]) -> None:
    loss = sum((output.float().sum() for output in outputs), torch.zeros((), device="meta"))
    if loss.requires_grad:
        loss.backward()  # type: ignore[no-untyped-call]


def _counted_too_often(one: Backward, batch: int) -> int:
    """PyTorch's counter (2.13) counts the weight gradient of a grouped convolution once for each group, and zeros."""
    layer = one.node.layer
    if isinstance(layer, MatMul):
        zeros = _counted(one.node) - int(one.node.macs)
        return 2 * one.node.runs(one.stored, one.runs, batch) * zeros * sum(one.needs)
    given = isinstance(layer, Filtering) and layer.weight is not None
    if not isinstance(layer, Convolution) or not (one.needs[-1] if given else one.node.learns):
        return 0
    apart = isinstance(layer, Filtering) and layer.each_sample  # samples with their own filters are groups
    groups = int(layer.groups) * (batch if apart else 1)
    return 2 * one.node.runs(one.stored, one.runs, batch) * int(one.node.macs) * (groups - 1)


def _with_one_expert(graph: Graph) -> Iterator[Backward]:
    """The layers that run backward if one expert of each mixture does all the work, as with meta tensors."""
    experts = dict(_experts(graph.nodes))
    for one in backward(graph):
        if _is_declared(one.node):
            continue
        yield replace(one, stored=one.stored // experts[id(one.node)])


def _experts(nodes: list[Node], around: int = 1) -> Iterator[tuple[int, int]]:
    """For each node, how many experts it stands for."""
    for node in nodes:
        yield id(node), around * node.weights
        yield from _experts(node.children, around * node.weights)


def _compare_backward(
    graph: Graph,
    gradients: list[Backward],
    expected: list[_Expected],
    arrivals: list[tuple[int, int]],
    result: Verification,
) -> None:
    """Attribute to a layer what is counted between the arrival of its gradient and the next one."""
    theirs: Counter[int] = Counter()
    for (index, before), (_, after) in pairwise(arrivals):
        theirs[id(expected[index].node)] += after - before
    ours: Counter[int] = Counter()
    for one in gradients:
        ours[id(one.node)] += 2 * one.macs(graph.batch)
        theirs[id(one.node)] -= _counted_too_often(one, graph.batch)
    for node in {id(layer.node): layer.node for layer in expected}.values():
        if ours[id(node)] != theirs[id(node)]:
            result.differences.append(Difference(node.id, "backward FLOPs", ours[id(node)], theirs[id(node)]))


def _tensors(output: Any) -> list[torch.Tensor]:
    return [output] if isinstance(output, torch.Tensor) else [one for one in output if isinstance(one, torch.Tensor)]


@dataclass
class _Expected:
    """A layer as it runs: all copies together if they are of a single layer, else one by one."""

    id: str
    node: Node
    flops: int
    in_expert: bool

    @property
    def output(self) -> Tensor:
        """What comes out of it."""
        return self.node.output


def _expected(nodes: list[Node], prefix: str, runs: int, in_expert: bool = False) -> Iterator[_Expected]:
    for node in nodes:
        name = prefix + node.segment
        if node.unfolded:
            first = 0
            for child in node.children:
                yield from _copies(child, f"{name}.", first, runs, in_expert)
                first += child.copies
        elif node.layer is None and not node.inline:
            if node.copies > 1:
                yield from _copies(node, f"{name}.", 0, runs, in_expert)
            else:
                yield from _expected(node.children, f"{name}.", runs * node.work, in_expert)
        elif isinstance(node.layer, MoE):
            (expert,) = node.children
            yield from _expected(expert.children, f"{name}.experts.0.", runs * expert.work, True)
            yield _layer(node, name, runs, in_expert)
        else:
            for _ in range(node.work if node.listed else 1):  # one step after the other
                yield from _expected(node.children, prefix, runs, in_expert)
            if node.layer is not None and node.layer.written:
                yield _layer(node, name, runs, in_expert)


def _copies(node: Node, prefix: str, first: int, runs: int, in_expert: bool) -> Iterator[_Expected]:
    if node.layer is not None:
        yield _layer(node, f"{prefix}{first}", runs, in_expert)
        return
    for index in range(first, first + node.copies):
        yield from _expected(node.children, f"{prefix}{index}.", runs * node.work, in_expert)


def _layer(node: Node, name: str, runs: int, in_expert: bool) -> _Expected:
    macs = 0 if _is_declared(node) else _counted(node)
    return _Expected(name, node, 2 * macs * node.runs(node.copies, node.copies, runs), in_expert)


def _counted(node: Node) -> int:
    """The multiply-accumulates that PyTorch's counter sees."""
    assert node.layer is not None
    return int(node.layer.counted(node.macs, node.exit, *node.inputs))


def _is_declared(node: Node) -> bool:
    """Whether a layer's cost is declared, so that a stand-in runs in its place."""
    return node.layer is not None and node.layer.declared


def _compare_outputs(graph: Graph, expected: list[_Expected], seen: list[_Output], result: Verification) -> None:
    """Compare outputs; both sides are in order of execution."""
    if len(expected) != len(seen):
        result.differences.append(Difference(graph.model, "the number of layers", len(expected), len(seen)))
        return
    for ours, theirs in zip(expected, seen):
        tensors = [ours.output]
        if ours.output.parts:
            tensors = list((ours.output.outputs or {}).values())
        shapes = [[int(size) for size in tensor.shape] for tensor in tensors]
        beside = not ours.output.parts and (ours.output.state or ours.output.outputs)  # states, further outputs
        seen_shapes = theirs.shapes[: len(shapes)] if beside else theirs.shapes
        if shapes != seen_shapes and not ours.in_expert:
            one = len(shapes) == len(seen_shapes) == 1
            shown = (shapes[0], seen_shapes[0]) if one else (shapes, seen_shapes)
            result.differences.append(Difference(ours.id, "the output", *shown))
        if theirs.samples != {ours.output.samples(graph.batch)} and not ours.in_expert:
            count = ours.output.samples(graph.batch)
            result.differences.append(Difference(ours.id, "the number of samples", count, min(theirs.samples)))
        if ours.flops != theirs.flops:
            result.differences.append(Difference(ours.id, "FLOPs", ours.flops, theirs.flops))
    total = sum(one.flops for one in expected)
    if total != result.flops:
        result.differences.append(Difference(graph.model, "forward FLOPs", total, result.flops))


def _compare_parameters(graph: Graph, module: nn.Module, result: Verification) -> None:
    ours = {name: list(shape) for name, shape in named_parameters(graph.nodes)}
    theirs = {name: list(tensor.shape) for name, tensor in module.named_parameters()}
    result.parameters = len(theirs)
    result.params = sum(tensor.numel() for tensor in module.parameters())
    for name in dict.fromkeys([*ours, *theirs]):
        if ours.get(name) != theirs.get(name):
            result.differences.append(
                Difference(name, "the shape", ours.get(name, "missing"), theirs.get(name, "missing"))
            )
    trained = sum(tensor.numel() for tensor in module.parameters() if tensor.requires_grad)
    totals = Costs(graph).totals
    if trained != totals.trainable:
        result.differences.append(
            Difference(graph.model, "the number of trainable parameters", totals.trainable, trained)
        )
    there = set(module.state_dict())  # constants that are not part of the state are not counted
    buffers = sum(tensor.numel() for name, tensor in module.named_buffers() if name in there)
    if buffers != totals.buffers:
        result.differences.append(Difference(graph.model, "the number of elements in buffers", totals.buffers, buffers))
