import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from archcalc.derivation import derive
from archcalc.diagnostics import SpecError

from .oracle import DRAWN, Draw, compare, covers, layer, line


@covers("maxpool", "avgpool")
@pytest.mark.parametrize("op", ["max", "avg"])
@DRAWN
@given(data=st.data())
def test_pooling(op, data):
    draw = Draw(data)
    axes = draw.of(1, 2, 3)
    shape = draw.shape(axes)
    kernel = draw(draw.sizes(axes, 2, 4, 0, 1))
    half = min(kernel) // 2 if isinstance(kernel, tuple) else kernel // 2
    keys = draw.some(
        stride=draw.sizes(axes, 1, 4, 0),
        padding=draw.sizes(axes, 0, half, -1, half + 1),
        ceil=st.booleans(),
        **({"dilation": draw.sizes(axes, 1, 3, 0)} if op == "max" else {"count_include_pad": st.booleans()}),
        **({"divisor_override": draw.number(1, 5, 0)} if op == "avg" and axes > 1 else {}),
    )
    module = getattr(nn, f"{op.capitalize()}Pool{axes}d")
    spelled = {"ceil_mode" if key == "ceil" else key: value for key, value in keys.items()}
    compare(line(f"{op}pool", kernel, **keys), shape, lambda: module(kernel, **spelled))


@DRAWN
@given(data=st.data())
def test_same_upper_is_same_of_tensorflow(data):
    """ceil(S / stride) windows along each axis, in a border that is never the largest, the odd one of it at the end."""
    draw = Draw(data)
    axes = draw.of(1, 2, 3)
    shape = draw.shape(axes, high=6)
    kernel, stride, dilation = (draw(st.tuples(*[st.integers(1, 3)] * axes)) for _ in range(3))

    class Padded(getattr(nn, f"MaxPool{axes}d")):
        def forward(self, x):
            sides = []
            for size, k, s, d in list(zip(x.shape[2:], kernel, stride, dilation))[::-1]:
                total = max((math.ceil(size / s) - 1) * s + d * (k - 1) + 1 - size, 0)
                sides += [total // 2, total - total // 2]
            return super().forward(nn.functional.pad(x, sides, value=-math.inf))

    text = line("maxpool", kernel, stride=stride, dilation=dilation, padding="same_upper")
    compare(text, shape, lambda: Padded(kernel, stride, 0, dilation))


def test_places_in_a_border_on_one_side_are_refused():
    with pytest.raises(SpecError, match="with a border on one side"):
        layer("maxpool 2 stride=2 padding=same_upper indices=true", (3, 7, 8))


class Unpooled(nn.Module):
    """A pooling, twice what it gives, and the way back to the size that it read."""

    def __init__(self, axes, kernel, keys, back, others):
        super().__init__()
        self.pool = getattr(nn, f"MaxPool{axes}d")(kernel, return_indices=True, **keys)
        self.back = getattr(nn, f"MaxUnpool{axes}d")(back, **others)

    def forward(self, x):
        y, places = self.pool(x)
        return self.back(y * 2, places, output_size=x.shape[2:])


@covers("maxunpool")
@DRAWN
@given(data=st.data())
def test_maxunpool(data):
    draw = Draw(data)
    axes = draw.of(1, 2, 3)
    shape = draw.shape(axes, 3)
    kernel = draw(draw.sizes(axes, 2, 3))
    keys = draw.some(stride=draw.sizes(axes, 1, 3), padding=draw.sizes(axes, 0, 1))
    back, others = kernel, keys
    if draw.wild:
        back, others = draw.of(1, 2, 3, 4), draw.some(stride=st.integers(1, 3), padding=st.just(1))
    compare(
        [
            line("maxpool", kernel, **keys, indices=True, name="p"),
            "scale 2",
            line("maxunpool", back, **others, indices="p.indices"),
        ],
        shape,
        lambda: Unpooled(axes, kernel, keys, back, others),
    )


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_the_places_of_a_pooling(axes):
    module = getattr(nn, f"MaxPool{axes}d")(2, return_indices=True)
    compare("maxpool 2 indices=true", (3, *[5] * axes), lambda: lambda x: dict(zip(("", "indices"), module(x))))


def test_an_unpooling_is_derived():
    node = layer(["maxpool 2 indices=true name=p", "maxunpool 2 indices=p.indices"], (3, 7, 8))
    assert [int(size) for _, size in derive(node).sizes] == [3, 7, 8]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["topk 2 name=p", "maxunpool 2 indices=p.indices"], "are not the places of a `maxpool`"),
        (
            ["maxpool 2 indices=true name=p", "conv 4 kernel=1", "maxunpool 2 indices=p.indices"],
            "have another shape than",
        ),
        (["maxpool 2 indices=true name=p", "maxunpool 3 indices=p.indices"], r"do not come from the \[8, 8\]"),
    ],
)
def test_places_that_do_not_fit(lines, said):
    with pytest.raises(SpecError, match=said):
        layer(lines, (3, 8, 8))


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("keys", [{"padding": 1}, {"padding": 2, "dilation": 3}, {"padding": 2, "dilation": 2}])
def test_padding_is_at_most_half_the_kernel_however_wide_the_window(axes, keys):
    module = getattr(nn, f"MaxPool{axes}d")
    compare(line("maxpool", 2, **keys), (1, *[6] * axes), lambda: module(2, **keys))


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_a_mean_over_three_axes_needs_the_window_inside_the_input(axes):
    module = getattr(nn, f"AvgPool{axes}d")
    compare("avgpool 3 padding=1", (1, *[2] * axes), lambda: module(3, padding=1))


@covers("adaptiveavgpool", "adaptivemaxpool")
@pytest.mark.parametrize("op", ["avg", "max"])
@DRAWN
@given(data=st.data())
def test_adaptive_pooling(op, data):
    draw = Draw(data)
    axes = draw.of(1, 2, 3)
    shape = draw.shape(axes)
    output = draw(draw.sizes(axes, 1, 9, -1))
    module = getattr(nn, f"Adaptive{op.capitalize()}Pool{axes}d")
    sizes = output if isinstance(output, tuple) else (output,) * axes
    kept = [*shape[1:], *[1] * (len(sizes) - axes)]  # -1 keeps the size
    theirs = tuple(size if one == -1 else one for one, size in zip(sizes, kept))
    compare(line(f"adaptive{op}pool", output), shape, lambda: module(theirs))


@DRAWN
@given(size=st.integers(1, 40), output=st.integers(1, 40))
def test_adaptive_windows_hold_as_many_elements_as_pytorchs(size, output):
    """Window i goes from ⌊i·S/S'⌋ to ⌈(i+1)·S/S'⌉, as in ATen/native/AdaptivePooling.h."""
    elements = sum(-(-(i + 1) * size // output) - i * size // output for i in range(output))
    assert layer(f"adaptiveavgpool {output}", (3, size)).other_flops == 3 * elements


def test_a_window_takes_one_operation_for_each_element():
    assert layer("maxpool 3 stride=2 padding=1", (4, 8, 8)).other_flops == 4 * 4 * 4 * 9
    assert layer("avgpool 2x1", (4, 8, 8)).other_flops == 4 * 4 * 8 * 2
    assert layer("adaptivemaxpool 1", (4, 5, 7)).other_flops == 4 * 5 * 7


def test_pytorchs_mean_over_one_axis_divides_by_nothing_else():
    with pytest.raises(TypeError, match="divisor_override"):
        nn.AvgPool1d(2, divisor_override=3)
    with pytest.raises(SpecError, match="divisor_override"):
        layer("avgpool 2 divisor_override=3", (3, 8))
