"""Choices are gone through, sizes are drawn: a few for each case."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from archcalc.diagnostics import SpecError

from .oracle import DRAWN, TIMES, Draw, compare, covers, layer, line


@covers("gridsample")
@pytest.mark.parametrize("padding_mode", ["zeros", "border", "reflection"])
@pytest.mark.parametrize(
    ("axes", "mode"), [(2, "bilinear"), (2, "nearest"), (2, "bicubic"), (3, "bilinear"), (3, "nearest")]
)
@settings(DRAWN, max_examples=2 * TIMES)
@given(data=st.data())
def test_gridsample(axes, mode, padding_mode, data):
    draw = Draw(data)
    keys = {"mode": mode, "padding_mode": padding_mode, **draw.some(align_corners=st.booleans())}
    shapes = {"x": draw.shape(axes, low=2, high=5), "g": (*draw.shape(axes - 1, high=4, channels=(1, 2, 4)), axes)}
    compare(line("gridsample grid=g", **keys) + " from=x", shapes, sampled(**keys))


def sampled(**keys):
    call = {"align_corners": False, **keys}
    return lambda: lambda x, grid: F.grid_sample(x, grid, **call)


def test_defaults_of_a_gridsample():
    compare("gridsample grid=g from=x", {"x": (2, 4, 3), "g": (3, 5, 2)}, sampled())


@pytest.mark.parametrize(("mode", "each"), [("nearest", 0), ("bilinear", 7), ("bicubic", 31)])
def test_work_of_a_gridsample(mode, each):
    node = layer(f"gridsample grid=g mode={mode} from=x", {"x": (3, 5, 5), "g": (2, 4, 2)})
    assert (node.output.shape, node.macs, node.other_flops) == ((3, 2, 4), 0, each * 24)


class Deformed(nn.Conv2d):
    """Every tap by its four neighbours, as in the kernel of torchvision.ops.deform_conv2d."""

    def windows(self, x):
        """How many there are along each axis."""
        keys = zip(x.shape[2:], self.kernel_size, self.stride, self.padding, self.dilation, strict=True)
        counts = tuple((size + 2 * p - d * (k - 1) - 1) // s + 1 for size, k, s, p, d in keys)
        if min(counts) < 1:
            raise ValueError("a window larger than the image")
        return counts

    def forward(self, x, offset, mask=None):
        if self.padding_mode != "zeros" or isinstance(self.padding, str):
            raise ValueError("sizes and zeros only")
        (batch, channels, height, width), space = x.shape, self.windows(x)
        taps, (_, kw) = self.weight[0, 0].numel(), self.kernel_size
        if offset.shape[1] % (2 * taps) or offset.shape[2:] != space:
            raise ValueError("offsets of other windows")
        parts = offset.shape[1] // (2 * taps)
        if channels % parts or (mask is not None and mask.shape != (batch, parts * taps, *space)):
            raise ValueError("another mask, or parts that do not divide the channels")
        moved = offset.view(batch, parts, taps, 2, *space)
        along = [
            torch.arange(k, device=x.device)[:, None] * d + torch.arange(count, device=x.device) * s - p
            for k, d, count, s, p in zip(self.kernel_size, self.dilation, space, self.stride, self.padding)
        ]
        row = moved[:, :, :, 0] + along[0].repeat_interleave(kw, 0)[:, :, None]
        column = moved[:, :, :, 1] + along[1].repeat(taps // kw, 1)[:, None]
        corners = torch.arange(4, device=x.device).view(4, 1, 1, 1, 1, 1)
        i, j = row.floor() + corners // 2, column.floor() + corners % 2
        share = (1 - (row - i).abs()) * (1 - (column - j).abs())
        inside = (i >= 0) & (i < height) & (j >= 0) & (j < width)
        place = (i.clamp(0, height - 1) * width + j.clamp(0, width - 1)).long()
        at = place.flatten(3)[:, :, :, None].expand(-1, -1, -1, channels // parts, -1)
        flat = x.view(batch, parts, channels // parts, -1).expand(4, -1, -1, -1, -1)
        read = flat.gather(4, at).unflatten(4, (taps, *space))
        seen = (read * (share * inside)[:, :, :, None]).sum(0)
        if mask is not None:
            seen = seen * mask.view(batch, parts, 1, taps, *space)
        columns = seen.flatten(1, 2).flatten(3)
        y = F.conv2d(columns, self.weight.flatten(2).unsqueeze(-1), self.bias, groups=self.groups)
        return y.view(batch, -1, *space)


@covers("deformconv")
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("groups", [1, 2])
@settings(DRAWN, max_examples=3 * TIMES)
@given(data=st.data())
def test_deformconv(groups, parts, weighted, data):
    draw = Draw(data)
    keys = {
        name: draw(st.tuples(*[st.integers(low, low + 1)] * 2))
        for name, low in (("stride", 1), ("padding", 0), ("dilation", 1))
    }
    keys |= {"groups": groups} | draw.some(bias=st.booleans())
    channels, kernel = groups * draw.of(1, 2), draw(st.tuples(*[st.integers(1, 3)] * 2))
    reach = [d * (k - 1) + 1 for d, k in zip(keys["dilation"], kernel)]
    image = [max(1, size - 2 * p) + draw.of(0, 1, 3) for size, p in zip(reach, keys["padding"])]
    windows = [
        (size + 2 * p - r) // s + 1 for size, r, s, p in zip(image, reach, keys["stride"], keys["padding"])
    ]  # fmt: skip
    taps = kernel[0] * kernel[1]
    shapes = {"x": (groups * parts * draw.of(1, 2), *image), "o": (2 * parts * taps, *windows)}
    words = line("deformconv", channels, kernel=kernel, **keys) + " offset=o from=x"
    if weighted:
        shapes["m"] = (parts * taps, *windows)
        words += " mask=m"
    compare(words, shapes, moving(shapes["x"][0], channels, kernel, **keys))


def moving(inputs, outputs, kernel, **keys):
    return lambda: Deformed(inputs, outputs, kernel, **keys)


def test_defaults_of_a_deformconv():
    shapes = {"x": (4, 5, 6), "o": (18, 3, 4)}
    compare("deformconv 5 kernel=3 offset=o from=x", shapes, moving(4, 5, kernel=3))


def test_work_of_a_deformconv():
    """MACs of the convolution; 7 for each element of a window, 1 for its weight, 1 for each bias."""
    shapes = {"x": (4, 8, 8), "o": (18, 6, 6), "m": (9, 6, 6)}
    node = layer("deformconv 5 kernel=3 offset=o mask=m from=x", shapes)
    assert node.macs == 5 * 36 * 4 * 9
    assert node.other_flops == 8 * 4 * 9 * 36 + 5 * 36


@pytest.mark.parametrize(
    ("keys", "shapes", "said"),
    [
        ({}, {"g": (5, 2)}, r"`grid` is \[height, width, 2\] beside"),
        ({}, {"g": (2, 5, 3)}, r"`grid` is \[height, width, 2\] beside"),
        ({}, {"x": (4, 3, 8, 8), "g": (2, 5, 5, 2)}, r"`grid` is \[depth, height, width, 3\] beside"),
        ({"mode": "bicubic"}, {"x": (4, 3, 8, 8), "g": (2, 5, 5, 3)}, "does not work on 3 spatial axes"),
    ],
)
def test_what_a_gridsample_refuses(keys, shapes, said):
    words, shapes = line("gridsample grid=g", **keys) + " from=x", {"x": (4, 8, 8), **shapes}
    with pytest.raises(SpecError, match=said):
        layer(words, shapes)
    compare(words, shapes, sampled(**keys))


@pytest.mark.parametrize(
    ("keys", "shapes", "said"),
    [
        ({"kernel": (3, 3, 1)}, {}, "`kernel` has 3 sizes"),
        ({"stride": (1, 1, 1)}, {}, "`stride` has 3 sizes"),
        ({"padding": (0, 0, 0)}, {}, "`padding` has 3 sizes"),
        ({"dilation": (1, 1, 1)}, {}, "`dilation` has 3 sizes"),
        ({"kernel": 9}, {"o": (162, 1, 1)}, "larger than the padded input"),
        ({"groups": 3}, {}, "groups=3 does not divide the 4 input channels"),
        ({"groups": 4}, {}, "groups=4 does not divide the 6 output channels"),
        ({}, {"o": (20, 6, 6)}, r"`offset` must be \[2·parts·9, 6, 6\]"),
        ({}, {"o": (18, 6, 5)}, r"`offset` must be \[2·parts·9, 6, 6\]"),
        ({}, {"o": (54, 6, 6), "m": (27, 6, 6)}, "the 3 parts of `offset` do not divide the 4 channels"),
        ({}, {"m": (18, 6, 6)}, r"`mask` must be \[9, 6, 6\]"),
        ({}, {"m": (9, 6, 7)}, r"`mask` must be \[9, 6, 6\]"),
        ({}, {"o": (36, 6, 6), "m": (9, 6, 6)}, r"`mask` must be \[18, 6, 6\]"),
    ],
)
def test_what_a_deformconv_refuses(keys, shapes, said):
    keys, shapes = {"kernel": 3, **keys}, {"x": (4, 8, 8), "o": (18, 6, 6), **shapes}
    words = line("deformconv", 6, **keys) + " offset=o from=x" + (" mask=m" if "m" in shapes else "")
    with pytest.raises(SpecError, match=said):
        layer(words, shapes)
    compare(words, shapes, moving(4, 6, **keys))
