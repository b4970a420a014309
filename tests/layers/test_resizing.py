import contextlib

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from archcalc.diagnostics import SpecError

from .oracle import DRAWN, FEW, Draw, compare, covers, graph, layer, line

MODES = ["nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear"]


@covers("upsample")
@DRAWN
@given(data=st.data())
def test_upsample(data):
    draw = Draw(data)
    axes = draw.of(1, 2, 3)
    shape = draw.shape(axes, high=9)
    mode = (
        draw.of(*MODES)
        if draw.wild
        else draw.of("nearest", "nearest-exact", ("linear", "bilinear", "trilinear")[axes - 1])
    )
    whole = draw.number(1, 4, 0, -1)
    factor = whole | st.integers(1, 40).map(lambda tenths: tenths / 10) | st.floats(0.2, 3.5)
    scale = draw(factor | st.tuples(*[factor] * axes) if axes > 1 else factor)
    keys = draw.some(
        **({"align_corners": st.booleans()} if "nearest" not in mode or draw.wild else {}),
        recompute_scale_factor=st.booleans(),
    )
    if draw.of(False, False, True):
        size = draw(draw.sizes(axes, 1, 12))
        if not draw.wild:
            keys.pop("recompute_scale_factor", None)
        compare(line("upsample", size=size, mode=mode, **keys), shape, lambda: nn.Upsample(size, mode=mode, **keys))
        return
    module = nn.Upsample(scale_factor=scale, mode=mode, **keys)
    compare(line("upsample", scale, mode=mode, **keys), shape, lambda: module)


@pytest.mark.parametrize(("scale", "size"), [(None, None), (2, 8)])
def test_upsample_takes_a_scale_or_a_size(scale, size):
    keys = {"size": size} if size else {}
    compare(line("upsample", scale, **keys), (3, 4, 4), lambda: nn.Upsample(size, scale_factor=scale).forward)


@pytest.mark.parametrize("keys", [{}, {"mode": "bilinear", "align_corners": "true"}])
def test_upsample_to_the_size_of_another(keys):
    """As with its size; the other tensor is no input of the layer."""
    net = graph(
        ["conv 4 kernel=3 name=a", "conv 5 kernel=3 stride=2 from=input", line("upsample like=a", **keys)], (3, 32, 30)
    )
    node = net.nodes[-1]
    assert node.output.shape == (5, 30, 28)
    assert node.inputs == (net.nodes[-2].output,)
    assert node.label == line("upsample", size="30x28", **keys)


def test_a_size_is_taken_from_a_map_with_as_many_axes():
    with pytest.raises(SpecError, match=r"`like` .* has another number of axes than the input"):
        graph(
            [
                "conv 4 kernel=3 name=a",
                "rearrange 'c h w -> c (h w)' name=b",
                "upsample 2 from=a name=d",
                "upsample like=b from=a",
            ],
            (3, 8, 8),
        )
    with pytest.raises(SpecError, match=r"`upsample` wants `like` channels first, but .* is features last"):
        graph(["rearrange 'c h w -> h w c' name=b", "conv 4 kernel=3 from=input", "upsample like=b"], (3, 8, 8))


@covers("crop")
@DRAWN
@given(data=st.data())
def test_crop(data):
    draw = Draw(data)
    axes = draw.of(1, 2, 3)
    shape = draw.shape(axes)
    size = draw(draw.sizes(axes, 1, 9))
    wanted = size if isinstance(size, tuple) else (size,) * axes

    def middle(x):
        assert len(wanted) == axes
        for axis, left in enumerate(wanted, 2):
            x = x.narrow(axis, (x.shape[axis] - left) // 2, left)
        return x

    compare(line("crop", size), shape, lambda: middle)


@DRAWN
@given(data=st.data())
def test_pad_of_axes(data):
    draw = Draw(data)
    shape = draw.shape(draw.of(0, 1, 2, 3))
    axes = data.draw(st.lists(st.integers(-len(shape) - 1, len(shape)), min_size=1, max_size=3))
    keys = draw.some(before=draw.sizes(len(axes), 0, 3), after=draw.sizes(len(axes), 0, 3))

    def borders(x):
        places = [axis % len(shape) for axis in axes if -len(shape) <= axis < len(shape)]
        assert len(set(places)) == len(axes)
        sides = [0] * 2 * len(shape)
        for at, side in enumerate(("before", "after")):
            border = keys.get(side, 0)
            border = border if isinstance(border, tuple) else (border,) * len(axes)
            assert len(border) == len(axes)
            for place, width in zip(places, border):
                sides[2 * (len(shape) - 1 - place) + at] = width
        return F.pad(x, sides)

    compare(line("pad", axis=tuple(axes), **keys), shape, lambda: borders)


@covers("pad")
@DRAWN
@given(data=st.data())
def test_pad(data):
    draw = Draw(data)
    axes = draw.of(1, 2, 3)
    shape = draw.shape(axes)
    keys = draw.some(size=draw.sizes(axes, 0, 4, 7), before=draw.sizes(axes, 0, 3), after=draw.sizes(axes, 0, 3))
    mode = draw.of("zeros", "reflect", "replicate", "circular")

    def borders(x):
        sides = []
        for side in ("before", "after"):
            border = keys.get(side, keys.get("size", 0))
            sides.append(border if isinstance(border, tuple) else (border,) * axes)
            assert len(sides[-1]) == axes
        pairs = [border for pair in list(zip(*sides))[::-1] for border in pair]
        return F.pad(x, pairs, {"zeros": "constant"}.get(mode, mode))

    compare(line("pad", **keys, mode=mode), shape, lambda: borders)


@covers("pixelshuffle")
@DRAWN
@given(data=st.data())
def test_pixelshuffle(data):
    draw = Draw(data)
    shape = draw.shape(2, channels=(4, 8, 9, 16, 18, 1, 6))
    factor = draw(draw.number(1, 4, 0, -1))
    compare(line("pixelshuffle", factor), shape, lambda: nn.PixelShuffle(factor))


@covers("pixelunshuffle")
@DRAWN
@given(data=st.data())
def test_pixelunshuffle(data):
    draw = Draw(data)
    shape = draw(st.tuples(*[st.sampled_from([1, 2, 4, 6, 12, 3])] * 3))
    factor = draw(draw.number(1, 4, 0, -1))
    compare(line("pixelunshuffle", factor), shape, lambda: nn.PixelUnshuffle(factor))


@covers("channelshuffle")
@DRAWN
@given(data=st.data())
def test_channelshuffle(data):
    draw = Draw(data)
    shape = draw.shape(draw.of(1, 2, 3))
    groups = draw(draw.number(1, 4, 0, -1))
    compare(line("channelshuffle", groups), shape, lambda: nn.ChannelShuffle(groups))


@pytest.mark.parametrize(("axes", "mode", "neighbours"), [(1, "nearest", 1), (2, "nearest", 1), (1, "linear", 2),
                                                          (2, "bilinear", 4), (2, "bicubic", 16), (3, "trilinear", 8)])  # fmt: skip
def test_an_upsampled_element_is_a_weighted_sum_of_its_neighbours(axes, mode, neighbours):
    work = 0 if neighbours == 1 else 2 * neighbours - 1
    assert layer(f"upsample 2 mode={mode}", (3, *[4] * axes)).other_flops == 3 * 8**axes * work


def test_moving_elements_takes_no_operations():
    for op in ("pad 1", "pixelshuffle 2", "pixelunshuffle 2", "channelshuffle 2"):
        assert layer(op, (4, 6, 6)).other_flops == 0


@FEW
@given(data=st.data())
def test_pad_that_cuts(data):
    draw = Draw(data)
    axes = draw.of(1, 2, 3)
    shape = draw.shape(axes)
    keys = draw.some(before=draw.sizes(axes, -3, 2), after=draw.sizes(axes, -3, 2))

    def borders(x):
        sides = [keys.get(side, 0) for side in ("before", "after")]
        sides = [border if isinstance(border, tuple) else (border,) * axes for border in sides]
        assert all(len(border) == axes for border in sides)
        return F.pad(x, [border for pair in list(zip(*sides))[::-1] for border in pair])

    compare(line("pad", **keys), shape, lambda: borders)


def test_only_zeros_are_added_and_cut():
    with pytest.raises(SpecError, match="mode=reflect adds, it cannot cut 1"):
        layer("pad 2 before=-1 mode=reflect", (3, 8, 8))
    with pytest.raises(SpecError, match=r"nothing would be left of the 8"):
        layer("pad -4", (3, 8, 8))


def windows(draw):
    keys = draw.some(stride=draw.sizes(2, 1, 3, 0), padding=draw.sizes(2, 0, 2, -1), dilation=draw.sizes(2, 1, 2, 0))
    return draw(draw.sizes(2, 1, 3, 0)), keys


@covers("unfold")
@FEW
@given(data=st.data())
def test_unfold(data):
    draw = Draw(data)
    kernel, keys = windows(draw)
    compare(line("unfold", kernel, **keys), draw.shape(2), lambda: nn.Unfold(kernel, **keys))


@covers("fold")
@FEW
@given(data=st.data())
def test_fold(data):
    draw = Draw(data)
    kernel, keys = windows(draw)
    output, channels = draw.of((6, 5), (4, 4), 5), draw.of(1, 2, 3)
    sizes = output if isinstance(output, tuple) else (output, output)
    shape = (channels * 4, draw.of(6, 9, 20))
    with contextlib.suppress(RuntimeError, ValueError):
        shape = tuple(nn.Unfold(kernel, **keys)(torch.ones(1, channels, *sizes)).shape[1:])
    if draw.wild:
        shape = (shape[0], shape[1] + draw.of(0, 1))
    compare(line("fold", output, kernel=kernel, **keys), shape, lambda: nn.Fold(output, kernel, **keys))
    if not draw.wild:
        assert layer(line("fold", output, kernel=kernel, **keys), shape).other_flops == shape[0] * shape[1]
