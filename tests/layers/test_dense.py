import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from archcalc.cost import Costs
from archcalc.diagnostics import Source, SpecError
from archcalc.memory.simulation import simulate
from archcalc.network.load import build_graph
from archcalc.pytorch.instance import instantiate
from tests.runs import run_of

from .oracle import FEW, Draw, compare, covers, graph, layer, line


class Added(nn.Module):
    """A table of vectors, one for each position, added to the input."""

    def __init__(self, length, features):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(length, features))

    def forward(self, x):
        return x + self.weight[torch.arange(x.shape[-2])]


class Back(nn.Module):
    """A linear map whose weight is [in, out]."""

    def __init__(self, inputs, outputs, bias):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(inputs, outputs))
        self.bias = nn.Parameter(torch.ones(outputs)) if bias else None

    def forward(self, x):
        return x @ self.weight if self.bias is None else torch.nn.functional.linear(x, self.weight.T, self.bias)


@pytest.mark.parametrize("shape", [(5,), (3, 5), (2, 3, 5)])
@pytest.mark.parametrize("bias", [True, False])
def test_a_transposed_linear_layer(shape, bias):
    compare(line("linear", 4, bias=bias, transposed=True), shape, lambda: Back(5, 4, bias))


class Prepended(nn.Module):
    """A learned vector before the first position."""

    def __init__(self, features):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1, features))

    def forward(self, x):
        return torch.cat([self.weight.expand(*x.shape[:-2], 1, x.shape[-1]), x], dim=-2)


class Learned(nn.Module):
    """A tensor that does not depend on the input."""

    def __init__(self, *shape):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(*shape))

    def forward(self, x):
        return self.weight[None]


class Scaled(nn.Module):
    """A factor for each channel or feature."""

    def __init__(self, size, axis):
        super().__init__()
        self.weight, self.axis = nn.Parameter(torch.ones(size)), axis

    def forward(self, x):
        return x.transpose(self.axis, -1).mul(self.weight).transpose(self.axis, -1)


def vectors(draw, least=0):
    """A shape [*, features]."""
    return tuple(draw(st.lists(st.integers(1, 5), min_size=least + 1, max_size=4)))


@covers("linear")
@FEW
@given(data=st.data())
def test_linear(data):
    draw = Draw(data)
    shape = vectors(draw)
    features = draw(draw.number(1, 8, -1))
    keys = draw.some(bias=st.booleans())
    compare(line("linear", features, **keys), shape, lambda: nn.Linear(shape[-1], features, **keys))


@covers("embedding")
@FEW
@given(data=st.data())
def test_embedding(data):
    draw = Draw(data)
    shape = vectors(draw)
    vocab, dim = draw(draw.number(2, 9, -1)), draw(draw.number(1, 5, -1))
    compare(line("embedding", vocab, dim=dim), shape, lambda: nn.Embedding(vocab, dim), tokens=True)


@covers("posembed")
@FEW
@given(data=st.data())
def test_posembed(data):
    draw = Draw(data)
    shape = vectors(draw, least=1)
    length = draw(st.none() | draw.number(shape[-2], 9, 1, 2, -1))
    keys = {} if length is None else {"length": length}
    compare(line("posembed", **keys), shape, lambda: Added(shape[-2] if length is None else length, shape[-1]))
    if length is None:
        compare("posembed kind=sinusoidal", shape, lambda: lambda x: x + waves(*shape[-2:]), loose=True)


def waves(positions, features):
    """Vaswani et al. 2017, section 3.5, number by number."""
    rows = []
    for position in range(positions):
        angles = [position / 10000 ** (2 * (index // 2) / features) for index in range(features)]
        rows.append([math.cos(angle) if index % 2 else math.sin(angle) for index, angle in enumerate(angles)])
    return torch.tensor(rows)


@covers("clstoken")
@FEW
@given(data=st.data())
def test_clstoken(data):
    shape = vectors(Draw(data), least=1)
    compare("clstoken", shape, lambda: Prepended(shape[-1]))


@covers("parameter")
@FEW
@given(data=st.data())
def test_parameter(data):
    draw = Draw(data)
    shape = draw(st.lists(draw.number(1, 5, -1), min_size=1, max_size=4).map(tuple))
    compare(line("parameter", shape), (3,), lambda: Learned(*shape), once=True)


@covers("layerscale")
@FEW
@given(data=st.data())
def test_layerscale(data):
    draw = Draw(data)
    shape = vectors(draw, least=1)
    compare("layerscale init=1e-6", shape, lambda: Scaled(shape[-1], -1), layout="features-last")
    axis = draw(draw.number(0, len(shape) - 1, len(shape)))
    compare(line("layerscale", axis=axis), shape, lambda: Scaled(shape[axis], axis + 1))
    shape = draw.shape(draw.of(1, 2, 3))
    compare(["maxpool 1", "layerscale"], shape, lambda: Scaled(shape[0], 1))


def test_additions_and_products_are_counted_for_each_element():
    assert layer("linear 7", (5, 3)).other_flops == 5 * 7
    assert layer("linear 7 bias=false", (5, 3)).other_flops == 0
    assert layer("posembed", (5, 3)).other_flops == layer("layerscale axis=-1", (5, 3)).other_flops == 5 * 3
    assert layer("embedding 9 dim=4", (5,)).other_flops == layer("clstoken", (5, 3)).other_flops == 0


class Fixed(nn.Module):
    """A tensor that is not learned."""

    def __init__(self, value, persistent=False):
        super().__init__()
        self.register_buffer("value", value, persistent=persistent)

    def forward(self, x):
        return self.value[None]


@covers("constant")
@pytest.mark.parametrize(
    ("keys", "value"),
    [
        ("3", torch.zeros(3)),
        ("2x3 kind=ones", torch.ones(2, 3)),
        ("2x3 kind=eye", torch.eye(2, 3)),
        ("4 kind=arange", torch.arange(4.0)),
        ("2x3x4 kind=arange", torch.arange(4.0).expand(2, 3, 4)),
        ("3x4 kind=triangle", torch.ones(3, 4).tril()),
        ("2x3x3 kind=triangle", torch.ones(2, 3, 3).tril()),
        ("1x1x4x4 value=0.0625", torch.full((1, 1, 4, 4), 0.0625)),
        ("3 value=-2", torch.full((3,), -2.0)),
    ],
)
def test_constant(keys, value):
    compare(f"constant {keys} buffer=true", (5,), lambda: Fixed(value), once=True)


def test_constant_of_listed_numbers():
    compare(
        "{constant: {values: [[1, 0.5], [-2, 1e-3]], buffer: true}}",
        (5,),
        lambda: Fixed(torch.tensor([[1, 0.5], [-2, 1e-3]])),
        once=True,
    )


def test_a_constant_is_counted_where_it_is_a_buffer():
    assert Costs(graph("constant 2x3", (5,))).totals.buffers == 0
    counted = graph("constant 2x3 buffer=true", (5,))
    assert (Costs(counted).totals.buffers, Costs(counted).totals.params) == (6, 0)
    for keys in ("", " buffer=true"):  # it is there in any case
        assert simulate(graph(f"constant 2x3{keys}", (5,)), run_of()).buffers == 24


def test_a_constant_of_whole_numbers_is_looked_up():
    net = graph(["constant 4 kind=arange", "embedding 4 dim=6"], (5,))
    values = instantiate(net)(torch.zeros(2, 5))
    assert values.shape == (1, 4, 6)
    with pytest.raises(SpecError, match=r"its input .4. holds numbers"):
        graph(["constant 4 value=0.5", "embedding 4 dim=6"], (5,))


def test_constants_of_the_same_numbers_are_stored_apart():
    block = (
        "two(n): [constant n buffer=true name=a, constant n buffer=true name=b, {concat: {operands: [a, b], axis: 0}}]"
    )
    text = f"{{model: m, input: [5], blocks: {{{block}}}, layers: [two 3 name=x, two 4 name=y], output: [x, y]}}"
    buffers = [*instantiate(build_graph(Source("t.yaml", text))).buffers()]
    assert [len(one) for one in buffers] == [3, 3, 4, 4]


def test_work_on_constants_alone_is_done_once():
    once = ["constant 4x4 kind=triangle name=a", "constant 4x4 name=b", "add: [a, b]"]
    assert Costs(graph(once, (5,), batch=8)).totals.other_flops == 16


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("constant", "`constant` needs `shape` or `values`"),
        ("constant 3 kind=eye", "kind=eye has 2 axes, not 1"),
        ("constant 3 kind=triangle", "kind=triangle has at least 2 axes, not 1"),
        ("constant 3 kind=ones value=2", "a number is given, and kind=ones says another"),
        ("{constant: {shape: 2, values: [1, 2]}}", "`values` has a shape of its own"),
        ("{constant: {values: [1, 2], value: 3}}", "`values` are given, and `value` is a number everywhere"),
        ("{constant: {values: [[1, 2], [3]]}}", "the lists of numbers have unequal lengths"),
        ("{constant: {values: [a]}}", "`values` must be a list of numbers"),
        ("{constant: {values: 3}}", "`values` must be a list of numbers"),
    ],
)
def test_constants_that_are_refused(line, said):
    with pytest.raises(SpecError, match=said):
        graph(line, (5,))
