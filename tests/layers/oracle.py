"""PyTorch as the judge of a layer: the same arguments go to both, then everything is compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from hypothesis import settings
from hypothesis import strategies as st
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from archcalc.cost import Costs
from archcalc.diagnostics import Source, SpecError
from archcalc.network.graph import Node, walk
from archcalc.network.load import Graph, build_graph
from tests.outcome import TIMES

from .values import difference

BATCH = 2
DRAWN = settings(max_examples=25 * TIMES, derandomize=True, database=None)
# For layers with little to go wrong.
FEW = settings(DRAWN, max_examples=10 * TIMES)
# What PyTorch raises for arguments it does not take.
REFUSALS = (RuntimeError, ValueError, IndexError, AssertionError, ZeroDivisionError)

Shape = tuple[int, ...]


def covers(*ops: str) -> Callable[[Any], Any]:
    """Says which layers a test compares with PyTorch; test_coverage.py adds them up."""

    def mark(test: Any) -> Any:
        test.covers = ops
        return test

    return mark


# -- arguments ------------------------------------------------------------------------------


class Draw:
    """Draws arguments; in a wild example some of them are such as must be refused.

    Whether an example is wild is drawn first: else most examples would have something to refuse.
    """

    def __init__(self, data: st.DataObject) -> None:
        self.data = data
        self.wild = self(st.sampled_from([False, True, False]))

    def __call__(self, strategy: st.SearchStrategy[Any]) -> Any:
        return self.data.draw(strategy)

    def of(self, *values: Any) -> Any:
        """One of `values`."""
        return self(st.sampled_from(values))

    def number(self, low: int, high: int, *refused: int) -> st.SearchStrategy[int]:
        """A number of the range, or in a wild example one of `refused`."""
        return st.integers(low, high) | st.sampled_from(refused) if self.wild and refused else st.integers(low, high)

    def sizes(self, axes: int, low: int, high: int, *refused: int) -> st.SearchStrategy[int | Shape]:
        """One size for all axes or one for each; in a wild example it may be one too many."""
        one = self.number(low, high, *refused)
        each = st.tuples(*[one] * axes) if axes > 1 else one
        return st.one_of(one, each, each, each, st.tuples(*[one] * (axes + 1))) if self.wild else one | each

    def some(self, **values: st.SearchStrategy[Any]) -> dict[str, Any]:
        """Any of the keys with their values."""
        return self(st.fixed_dictionaries({}, optional=values))

    def shape(self, axes: int, low: int = 1, high: int = 7, channels: Sequence[int] = (2, 6, 1, 3, 4, 6)) -> Any:
        """[channels, ...] with `axes` spatial axes."""
        return self(st.tuples(st.sampled_from(channels), *[st.integers(low, high)] * axes))


def text(value: Any) -> str:
    """A value as a spec writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)


def line(op: str, first: Any = None, **keys: Any) -> str:
    """A layer as one line of a spec."""
    words = [op] if first is None else [op, text(first)]
    return " ".join([*words, *(f"{key}={text(value)}" for key, value in keys.items())])


# -- ours -----------------------------------------------------------------------------------


def graph(
    layers: str | Sequence[str],
    shape: Shape | Mapping[str, Shape],
    batch: int = BATCH,
    layout: str | None = None,
    output: str = "",
) -> Graph:
    """A network of `layers`, lines of YAML, whose inputs have a stated `layout` or none. Raises `SpecError`."""
    inputs: Any = {name: list(sizes) for name, sizes in shape.items()} if isinstance(shape, Mapping) else list(shape)
    if layout is not None:
        named = inputs if isinstance(inputs, dict) else {"x": inputs}
        inputs = {name: {"size": sizes, "layout": layout} if len(sizes) > 1 else sizes for name, sizes in named.items()}
    lines = [layers] if isinstance(layers, str) else layers
    spec = f"model: t\ninput: {inputs}\nlayers:\n".replace("'", "") + "".join(f"  - {item}\n" for item in lines)
    return build_graph(Source("t.yaml", spec + (f"output: {output}\n" if output else "")), batch=batch)


def layer(layers: str | Sequence[str], shape: Shape | Mapping[str, Shape], layout: str | None = None) -> Node:
    """The last node of that network."""
    return graph(layers, shape, layout=layout).nodes[-1]


# -- theirs ---------------------------------------------------------------------------------


@dataclass
class Reference:
    """What PyTorch makes of a layer; shapes without the batch, "" for the output itself."""

    outputs: dict[str, Shape]
    params: dict[str, Shape]
    buffers: dict[str, Shape]
    flops: int


def run(
    make: Callable[[], Any], inputs: Sequence[Shape], device: str, tokens: bool = False, once: bool = False
) -> Reference:
    """Build a module or function on `device`, call it and count; `once` as in `compare`. Raises one of `REFUSALS`."""
    with torch.device(device):
        module = make()
        kind = torch.long if tokens else torch.float
        tensors = [torch.ones(BATCH, *shape, dtype=kind) for shape in inputs]
        with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
            result = module(*tensors)
    outputs = result if isinstance(result, dict) else {"": result}
    if any(output.shape[0] != (1 if once else BATCH) for output in outputs.values()):
        raise TypeError("the reference lost the batch")
    if not all(output.numel() for output in outputs.values()):
        raise ValueError("an empty tensor: PyTorch's own layers and devices disagree on which they refuse")
    named = isinstance(module, torch.nn.Module)
    return Reference(
        {name: tuple(output.shape[1:]) for name, output in outputs.items()},
        {name: tuple(value.shape) for name, value in module.named_parameters()} if named else {},
        {name: tuple(value.shape) for name, value in module.named_buffers()} if named else {},
        counter.get_total_flops(),
    )


# -- both -----------------------------------------------------------------------------------


def compare(
    layers: str | Sequence[str],
    shape: Shape | Mapping[str, Shape],
    make: Callable[[], Any],
    *,
    stricter: bool = False,
    tokens: bool = False,
    whole: bool = False,
    layout: str | None = None,
    loose: bool = False,
    values: Callable[[], Any] | None = None,
    once: bool = False,
) -> None:
    """Both take the layer and agree on it, on sizes, counts and values, or both refuse it.

    Args:
        layers: the layer as a line of a spec, or several of which the last is compared.
        shape: of the input, or of each input.
        make: the PyTorch module or function for it.
        stricter: we refuse this on purpose though PyTorch does not; say why beside the call.
        tokens: the inputs are whole numbers.
        whole: compare the cost of all layers together and not the names of parameters.
        layout: what is stated of the inputs.
        loose: some values are computed in single precision.
        values: the module or function to compare values with, where `make` gives none that mean something.
        once: what comes out is the same for every sample, and has one.
    """
    inputs = list(shape.values()) if isinstance(shape, Mapping) else [shape]
    try:
        ours: Graph | None = graph(layers, shape, layout=layout)
        refusal = ""
    except SpecError as error:
        ours, refusal = None, str(error)
    try:
        real = run(make, inputs, "cpu", tokens, once)
        theirs: Reference | None = run(make, inputs, "meta", tokens, once)
    except REFUSALS as error:
        theirs, problem = None, f"{type(error).__name__}: {error}"
    where = f"{layers} on {shape}"
    assert theirs is None or theirs.outputs == real.outputs, f"{where}: meta and CPU differ"
    if stricter:
        assert ours is None, f"{where}: we take what is documented as refused"
        return
    if ours is None or theirs is None:
        assert theirs is None, f"{where}: we refuse it, PyTorch does not: {refusal}"
        assert ours is None, f"{where}: we take it, PyTorch does not: {problem}"
        return
    node = ours.nodes[-1]
    outputs = {"": node.output, **(node.output.outputs or {})}
    if node.output.parts:
        del outputs[""]
    assert {name: output.shape for name, output in outputs.items()} == theirs.outputs, where
    if whole:
        params = sum(count(shape) for shape in theirs.params.values())
        totals = Costs(ours).totals
        assert (totals.params, totals.flops) == (params, theirs.flops), where
    else:
        assert node.params == theirs.params, where
        assert list(node.params) == list(theirs.params), where
        assert node.buffers == theirs.buffers, where
        assert 2 * node.macs * BATCH == theirs.flops, where
    if len(outputs) > 1 or node.output.parts:
        names = ", ".join(f"z.{name}" if name else "z" for name in outputs)
        lines = [layers] if isinstance(layers, str) else [*layers]
        ours = graph([*lines[:-1], f"{lines[-1]} name=z"], shape, layout=layout, output=f"[{names}]")
    found = difference(ours, values or make, loose)
    assert not found, f"{where}: {found}"


def count(shape: Shape) -> int:
    """The elements of a tensor."""
    return torch.Size(shape).numel()


def other_flops(layers: str | Sequence[str], shape: Shape | Mapping[str, Shape]) -> int:
    """The element-wise work of all layers for one sample, on inputs that have their features last."""
    return sum(node.other_flops * runs for node, _, runs in walk(graph(layers, shape, layout="features-last").nodes))


def dims(layout: str) -> int:
    """The axis, as PyTorch counts it, of channels or features in a tensor of this stated layout."""
    return 1 if layout == "channels-first" else -1


LAYOUTS = st.sampled_from(["channels-first", "features-last"])
