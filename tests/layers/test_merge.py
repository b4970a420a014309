import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from archcalc.diagnostics import SpecError

from .oracle import DRAWN, FEW, LAYOUTS, Draw, compare, covers, graph, layer, line, other_flops

OPS = {
    "add": torch.add, "sub": torch.sub, "mul": torch.mul,
    "div": torch.div, "maximum": torch.maximum, "minimum": torch.minimum,
}  # fmt: skip
OF_TWO = ("sub", "div", "maximum", "minimum")


def elementwise(op):
    """`op` with the batch in front: equal ranks broadcast, a vector goes along the last axis."""

    def call(*tensors):
        rank = max(tensor.dim() for tensor in tensors)
        total = None
        for tensor in tensors:
            if tensor.dim() == 2:
                tensor = tensor.reshape(-1, *[1] * (rank - 2), tensor.shape[1])
            elif tensor.dim() != rank:
                raise ValueError("neither equal ranks nor a vector")
            total = tensor if total is None else OPS[op](total, tensor)
        return total

    return call


@covers(*OPS)
@pytest.mark.parametrize("op", OPS)
@DRAWN
@given(data=st.data())
def test_elementwise(op, data):
    draw = Draw(data)
    full = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    shapes = {}
    for name in "abc"[: 2 if op in OF_TWO else draw(st.integers(2, 3))]:
        shapes[name] = tuple(draw(st.sampled_from([size, size, 1])) for size in full)
        if draw(st.integers(0, 3)) == 3:
            shapes[name] = full[-1:]
        if draw.wild and draw(st.booleans()):
            shapes[name] = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    compare(f"{op}: [{', '.join(shapes)}]", shapes, lambda: elementwise(op))


@pytest.mark.parametrize("order", ["a, b, c", "a, c, b", "b, a, c", "b, c, a", "c, a, b", "c, b, a"])
def test_the_order_of_operands_does_not_matter(order):
    shapes = {"a": (4,), "b": (3, 1), "c": (1, 4)}
    assert layer(f"add: [{order}]", shapes).output.shape == (3, 4)


def test_an_operand_may_stand_twice():
    node = layer("add: [a, a, b]", {"a": (4, 3), "b": (4, 3)})
    assert (node.output.shape, node.other_flops) == ((4, 3), 2 * 12)


def test_operations_of_merging():
    shapes = {"a": (4, 3), "b": (4, 3)}
    assert layer("sub: [a, b]", shapes).other_flops == layer("mul: [a, b]", shapes).other_flops == 12
    assert layer("concat: {operands: [a, b], axis: 1}", shapes).other_flops == 0
    assert layer("scale 0.5", (4, 3)).other_flops == 12
    assert other_flops("residual: [relu]", (4, 3)) == 12 + 12


@covers("concat")
@DRAWN
@given(data=st.data())
def test_concat(data):
    draw = Draw(data)
    base = list(draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    rank = len(base)
    axis = draw(st.none() | draw.number(-rank, rank - 1, rank, -rank - 2))
    layout = draw(LAYOUTS)
    at = axis if axis is not None else -1 if layout == "features-last" else 0
    shapes = {}
    for name in "abc"[: draw(st.integers(2, 3))]:
        shape = list(base)
        if -rank <= at < rank:
            shape[at] = draw(st.integers(1, 4))
        shapes[name] = tuple(shape)
        if draw.wild and draw(st.booleans()):
            shapes[name] = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    keys = f", axis: {axis}" if axis is not None else ""
    compare(
        f"concat: {{operands: [{', '.join(shapes)}]{keys}}}",
        shapes,
        lambda: lambda *tensors: torch.cat(tensors, at if at < 0 else at + 1),
        layout=layout if axis is None else None,
    )


def test_concat_is_over_channels_of_images_and_features_of_sequences():
    branches = "concat: [[conv 4 kernel=1], [conv 5 kernel=1]]"
    assert layer(branches, (3, 6, 6)).output.shape == (9, 6, 6)
    assert layer("concat: [[linear 4], [linear 5]]", (6, 6)).output.shape == (6, 9)


@pytest.mark.parametrize("op", ["add", "mul", "sub", "concat", "residual"])
def test_channels_first_and_features_last_do_not_mix(op):
    branches = "[[conv 4 kernel=1], [linear 4]]"
    if op == "residual":
        branches = "{layers: [conv 4 kernel=1], shortcut: [linear 4]}"
    with pytest.raises(SpecError, match="SHP102"):
        graph(f"{op}: {branches}", (4, 4))


class Residual(nn.Module):
    """shortcut(x) + f(x)."""

    def __init__(self, f, shortcut=None):
        super().__init__()
        self.f, self.shortcut = f, shortcut or nn.Identity()

    def forward(self, x):
        f, around = self.f(x), self.shortcut(x)
        if f.shape != around.shape:
            raise ValueError("both ways end in one shape")
        return f + around


@covers("residual")
@FEW
@given(data=st.data())
def test_residual(data):
    draw = Draw(data)
    channels, out = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    stride = draw(st.integers(1, 2))
    conv = lambda size: nn.Conv2d(channels, out, size, stride, size // 2)  # noqa: E731
    inner = f"[conv {out} kernel=3 stride={stride} padding=1, relu]"
    compare(f"residual: {inner}", (channels, 5, 4), lambda: Residual(nn.Sequential(conv(3), nn.ReLU())), whole=True)
    other = draw(st.integers(1, 3))
    compare(
        f"residual: {{layers: {inner}, shortcut: [conv {other} kernel=1 stride={stride}]}}",
        (channels, 5, 4),
        lambda: Residual(nn.Sequential(conv(3), nn.ReLU()), nn.Conv2d(channels, other, 1, stride)),
        whole=True,
    )


@covers("scale")
@FEW
@given(data=st.data())
def test_scale(data):
    draw = Draw(data)
    factor = draw.of(0.5, -2, 0, 1e-3)
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    compare(line("scale", factor), shape, lambda: lambda x: x * factor)
