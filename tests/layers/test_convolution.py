import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from .oracle import DRAWN, Draw, compare, covers, layer, line


@covers("conv", "convtranspose")
@pytest.mark.parametrize("op", ["conv", "convtranspose"])
@DRAWN
@given(data=st.data())
def test_convolution(op, data):
    draw = Draw(data)
    axes = draw.of(1, 2, 3)
    shape = draw.shape(axes, high=6)
    channels = draw.of(6, 4, 1, 2, 3, 6)
    kernel = draw(draw.sizes(axes, 1, 4))
    transposed = op == "convtranspose"
    padding = draw.sizes(axes, 0, 3, -1)
    keys = draw.some(
        stride=draw.sizes(axes, 1, 3, 0),
        padding=padding if transposed else padding | st.just("same"),
        # PyTorch takes a dilation of 0 where the kernel is 1 and the convolution transposed.
        dilation=draw.sizes(axes, 1, 3, -1 if transposed else 0),
        groups=draw.number(1, 3, 0),
        bias=st.booleans(),
        **({"output_padding": draw.sizes(axes, 0, 2, -1)} if transposed else {}),
    )
    module = getattr(nn, f"Conv{'Transpose' if transposed else ''}{axes}d")
    compare(line(op, channels, kernel=kernel, **keys), shape, lambda: module(shape[0], channels, kernel, **keys))


def test_a_bias_is_one_addition_for_each_output_element():
    assert layer("conv 8 kernel=3 padding=1", (3, 4, 5)).other_flops == 8 * 4 * 5
    assert layer("conv 8 kernel=3 padding=1 bias=false", (3, 4, 5)).other_flops == 0
    assert layer("convtranspose 8 kernel=2 stride=2", (3, 4, 5)).other_flops == 8 * 8 * 10
