"""Convolutions whose filters another layer gives: fixed ones, computed ones, and one for each sample."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from archcalc.cost import Costs
from archcalc.diagnostics import SpecError
from archcalc.layers.borders import MODES
from archcalc.pytorch.instance import instantiate
from tests.rules.linting import findings

from .oracle import DRAWN, TIMES, Draw, compare, covers, graph, layer, line


def convolved(function, inputs, outputs, groups, keys, mode="zeros", border=()):
    """Sample by sample; filters of one channel are those of all."""
    all_channels = inputs if "transpose" in function.__name__ else outputs
    sides = [side for width in reversed(border) for side in (width, width)]

    def one(image, filters):
        if mode != "zeros" and any(border):
            image = F.pad(image[None], sides, mode=mode)[0]
        if filters.shape[0] == 1:
            filters = filters.expand(all_channels, *filters.shape[1:])
        y = function(image[None], filters, groups=groups, **keys)[0]
        if y.shape[0] != outputs:
            raise ValueError("other filters give other channels")
        return y

    return lambda x, w: torch.stack([one(*pair) for pair in zip(x, w)])


@covers("conv", "convtranspose")
@pytest.mark.parametrize("op", ["conv", "convtranspose"])
@settings(DRAWN, max_examples=10 * TIMES)
@given(data=st.data())
def test_filters_of_each_sample(op, data):
    draw = Draw(data)
    axes, groups, transposed = draw.of(1, 2, 3), draw.of(1, 2, 3), op == "convtranspose"
    inputs, outputs = groups * draw.of(1, 2), groups * draw.of(1, 2)
    kernel = draw(st.tuples(*[st.integers(1, 3)] * axes))
    keys = draw.some(**{name: st.tuples(*[st.integers(1, 2)] * axes) for name in ("stride", "dilation")})
    padding = draw(st.tuples(*[st.integers(0, 1)] * axes))
    mode = "zeros" if transposed else draw.of(*MODES)
    if mode == "zeros":
        keys["padding"] = padding
    first, second = (inputs, outputs // groups) if transposed else (outputs, inputs // groups)
    first = 1 if draw.of(False, False, True) else first
    if draw.wild:
        second += draw.of(0, 1)
    shapes = {"x": (inputs, *[draw.of(3, 5, 6)] * axes), "w": (first, second, *kernel)}
    text = line(op, outputs, kernel=kernel, groups=groups, **{**keys, "padding": padding}, bias=False)
    text += " weight=w from=x" + ("" if transposed else f" padding_mode={mode}")
    function = getattr(F, f"conv_transpose{axes}d" if transposed else f"conv{axes}d")
    compare(text, shapes, lambda: convolved(function, inputs, outputs, groups, keys, mode, padding))


class Blurred(nn.Module):
    """Zhang's BlurPool: the same filter for every channel, in a buffer."""

    def __init__(self, taps, stride=2):
        super().__init__()
        row = torch.tensor({2: [1.0, 1], 3: [1.0, 2, 1], 4: [1.0, 3, 3, 1], 5: [1.0, 4, 6, 4, 1]}[taps])
        self.register_buffer("value", (row[:, None] * row / row.sum() ** 2)[None, None])
        self.stride = stride

    def forward(self, x):
        x = F.pad(x, [(self.value.shape[-1] - 1) // 2] * 4, mode="reflect")
        return F.conv2d(x, self.value.expand(x.shape[1], -1, -1, -1), stride=self.stride, groups=x.shape[1])


@pytest.mark.parametrize("taps", [2, 3, 4, 5])
def test_a_binomial_filter_blurs(taps):
    lines = [
        f"constant 1x1x{taps}x{taps} kind=binomial buffer=true name=f",
        f"conv 3 kernel={taps} stride=2 padding={(taps - 1) // 2} padding_mode=reflect groups=3 weight=f bias=false from=input",
    ]
    net = graph(lines, (3, 8, 7))
    assert Costs(net).totals.buffers == taps**2
    x = torch.randn(2, 3, 8, 7)
    assert torch.equal(instantiate(net)(x), Blurred(taps)(x))


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_binomial_filters_of_any_rank(axes):
    net = graph(f"constant 2x3{'x3' * axes} kind=binomial", (5,))
    values = instantiate(net)(torch.zeros(1, 5))[0]
    assert values.shape == (2, 3, *[3] * axes)
    assert torch.equal(values.sum(dim=tuple(range(2, 2 + axes))), torch.ones(2, 3))
    assert values[0, 0].flatten()[0] == 0.25**axes


def test_the_work_of_filters_that_are_the_same_for_all_is_done_once():
    lines = ["parameter 4x3x1x1 name=p", "square name=w", "conv 4 kernel=1 weight=w bias=false from=input"]
    totals = Costs(graph(lines, (3, 5, 5), batch=8)).totals
    assert (totals.other_flops, totals.macs) == (12, 8 * 4 * 25 * 3)


def test_an_image_that_is_the_same_for_all_meets_the_filters_of_each():
    lines = ["parameter 3x4x4 name=p", "conv 2 kernel=3 weight=w bias=false from=p"]
    net = graph(lines, {"w": (2, 3, 3, 3)})
    w, module = torch.randn(5, 2, 3, 3, 3), instantiate(net)
    image = next(module.parameters())
    assert torch.allclose(module(w), torch.stack([F.conv2d(image, one) for one in w]), atol=1e-6)


def test_rules_count_no_weights_in_filters_of_another_layer():
    text = """{model: m, input: [4, 1, 1], layers: [constant 1x1x3x3 kind=binomial name=f, constant 4x4x1x1 name=g,
      conv cin kernel=3 padding=1 groups=cin weight=f bias=false from=input, conv cin kernel=1 weight=g bias=false]}"""
    assert not findings(text, ("PRM302", "PRM305"))
    learned = text.replace(" weight=f", "").replace(" weight=g", "")
    assert findings(learned, ("PRM302",))


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("conv 4 kernel=3 weight=f bias=false", r"`weight` must be \[4, 3, 3, 3\], not \[1, 1, 3, 3\]"),
        ("conv 3 kernel=3 groups=3 weight=f", "filters from `weight=` come without a bias"),
        ("convtranspose 2 kernel=3 weight=f bias=false", r"`weight` must be \[3, 2, 3, 3\], not"),
    ],
)
def test_filters_that_do_not_fit_are_refused(keys, said):
    with pytest.raises(SpecError, match=said):
        layer(["constant 1x1x3x3 kind=binomial name=f", f"{keys} from=input"], (3, 8, 8))
