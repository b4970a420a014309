import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from archcalc.diagnostics import SpecError
from archcalc.layers.borders import MODES

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
        **({"output_padding": draw.sizes(axes, 0, 2, -1)} if transposed else {"padding_mode": st.sampled_from(MODES)}),
    )
    module = getattr(nn, f"Conv{'Transpose' if transposed else ''}{axes}d")
    compare(line(op, channels, kernel=kernel, **keys), shape, lambda: module(shape[0], channels, kernel, **keys))


@DRAWN
@given(data=st.data())
def test_same_upper_is_same_of_tensorflow(data):
    """Each axis has ceil(S / stride) windows, with the odd one of its border at the end."""
    draw = Draw(data)
    axes = draw.of(1, 2, 3)
    shape = draw.shape(axes, high=6)
    kernel, stride, dilation = (draw(st.tuples(*[st.integers(1, 3)] * axes)) for _ in range(3))
    mode = draw.of(*MODES)

    class Padded(getattr(nn, f"Conv{axes}d")):
        def forward(self, x):
            sides = []
            for size, k, s, d in list(zip(x.shape[2:], kernel, stride, dilation))[::-1]:
                out = math.ceil(size / s)
                total = max((out - 1) * s + d * (k - 1) + 1 - size, 0)
                sides += [total // 2, total - total // 2]
            return super().forward(F.pad(x, sides, "constant" if mode == "zeros" else mode))

    keys = {"kernel": kernel, "stride": stride, "dilation": dilation}
    text = line("conv", 4, **keys, padding="same_upper", padding_mode=mode)
    compare(text, shape, lambda: Padded(shape[0], 4, kernel, stride, 0, dilation))
    if mode in ("zeros", "replicate"):  # the others cannot fill every border
        assert layer(text, shape).output.shape[1:] == tuple(-(-size // s) for size, s in zip(shape[1:], stride))


@pytest.mark.parametrize(
    ("text", "shape", "written", "output"),
    [
        ("conv 64 kernel=7 stride=2 padding=same", (3, 224, 224), "padding=3", (64, 112, 112)),
        ("conv 8 kernel=3 stride=2 padding=same", (3, 33, 33), "padding=1", (8, 17, 17)),
        ("conv 8 kernel=5x3 stride=2x1 dilation=2 padding=same", (3, 20, 30), "padding=4x2", (8, 10, 30)),
        ("conv 8 kernel=2 stride=2 padding=same", (3, 32, 32), "padding=0", (8, 16, 16)),
        ("conv 8 kernel=4 stride=2x1 padding=same", (3, 32, 32), "padding=same_upper", (8, 16, 32)),
        ("conv 8 kernel=3 padding=valid", (3, 32, 32), "padding=0", (8, 30, 30)),
        ("conv 8 kernel=3 padding=zeros", (3, 32, 32), "padding=1", (8, 32, 32)),
        ("conv 8 kernel=7 stride=2 padding=reflect", (3, 32, 32), "padding=3 padding_mode=reflect", (8, 16, 16)),
        ("conv 8 kernel=4 padding=circular", (3, 32), "padding=same padding_mode=circular", (8, 32)),
        ("convtranspose 8 kernel=3 stride=2 padding=same", (3, 8, 8), "padding=1 output_padding=1", (8, 16, 16)),
        ("convtranspose 8 kernel=4x3 stride=2x1 padding=same", (3, 8, 8), "padding=1", (8, 16, 8)),
        ("convtranspose 8 kernel=1 stride=3 padding=same", (3, 8, 8), "padding=0 output_padding=2", (8, 24, 24)),
        ("convtranspose 8 kernel=3 stride=2 padding=valid", (3, 8, 8), "padding=0", (8, 17, 17)),
        ("maxpool 3 stride=2 padding=same", (3, 32, 32), "padding=1", (3, 16, 16)),
        ("maxpool 2 padding=same", (3, 32, 32), "padding=0", (3, 16, 16)),
        ("avgpool 3 stride=1 padding=same", (3, 32, 32), "padding=1 count_include_pad=false", (3, 32, 32)),
        ("maxpool 3 stride=2 padding=valid", (3, 32, 32), "padding=0", (3, 15, 15)),
    ],
)
def test_a_word_for_the_padding_is_told_as_the_number_it_stands_for(text, shape, written, output):
    with pytest.raises(SpecError) as caught:
        layer(text, shape)
    (finding,) = caught.value.diagnostics
    assert f"write `{written}`" in finding.help
    mended = " ".join(written if word.startswith("padding=") else word for word in text.split())
    assert layer(mended, shape).output.shape == output


def test_a_bias_is_one_addition_for_each_output_element():
    assert layer("conv 8 kernel=3 padding=1", (3, 4, 5)).other_flops == 8 * 4 * 5
    assert layer("conv 8 kernel=3 padding=1 bias=false", (3, 4, 5)).other_flops == 0
    assert layer("convtranspose 8 kernel=2 stride=2", (3, 4, 5)).other_flops == 8 * 8 * 10
