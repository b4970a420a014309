import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from archcalc.diagnostics import SpecError

from .oracle import DRAWN, FEW, Draw, compare, covers, layer, line


@covers("gridsample")
@DRAWN
@given(data=st.data())
def test_gridsample(data):
    draw = Draw(data)
    axes = draw.of(2, 2, 3)
    shape, places = draw.shape(axes), draw.shape(axes, channels=(1, 2, 5))
    keys = draw.some(
        mode=st.sampled_from(["bilinear", "nearest", "bicubic"] if axes == 2 or draw.wild else ["bilinear", "nearest"]),
        padding_mode=st.sampled_from(["zeros", "border", "reflection"]),
        align_corners=st.booleans(),
    )
    coordinates = draw.of(2, 3) if draw.wild else axes
    shapes = {"x": shape, "g": (*places[:axes], coordinates)}
    call = {"align_corners": False, **keys}
    compare(
        line("gridsample grid=g", **keys) + " from=x", shapes, lambda: lambda x, grid: F.grid_sample(x, grid, **call)
    )


@pytest.mark.parametrize(("mode", "each"), [("nearest", 0), ("bilinear", 7), ("bicubic", 31)])
def test_work_of_a_gridsample(mode, each):
    node = layer(f"gridsample grid=g mode={mode} from=x", {"x": (3, 5, 5), "g": (2, 4, 2)})
    assert (node.output.shape, node.macs, node.other_flops) == ((3, 2, 4), 0, each * 24)


class Deformed(nn.Conv2d):
    """Every tap by its four neighbours, as in the kernel of torchvision.ops.deform_conv2d."""

    def windows(self, x):
        """How many there are along each axis."""
        keys = zip(x.shape[2:], self.kernel_size, self.stride, self.padding, self.dilation)
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
        seen = []
        for tap in range(taps):
            rows = torch.arange(space[0], device=x.device)[:, None] * self.stride[0] - self.padding[0]
            columns = torch.arange(space[1], device=x.device) * self.stride[1] - self.padding[1]
            row = moved[:, :, tap, 0] + rows + tap // kw * self.dilation[0]
            column = moved[:, :, tap, 1] + columns + tap % kw * self.dilation[1]
            total = 0
            for down in (0, 1):
                for right in (0, 1):
                    i, j = row.floor() + down, column.floor() + right
                    share = (1 - (row - i).abs()) * (1 - (column - j).abs())
                    inside = (i >= 0) & (i < height) & (j >= 0) & (j < width)
                    place = (i.clamp(0, height - 1) * width + j.clamp(0, width - 1)).long()
                    flat = x.view(batch, parts, channels // parts, -1)
                    at = place.flatten(2)[:, :, None].expand(-1, -1, channels // parts, -1)
                    total = total + flat.gather(3, at).unflatten(3, space) * (share * inside)[:, :, None]
            if mask is not None:
                total = total * mask.view(batch, parts, taps, *space)[:, :, tap, None]
            seen.append(total.flatten(1, 2))
        columns = torch.stack(seen, 2).flatten(3)
        y = F.conv2d(columns, self.weight.flatten(2).unsqueeze(-1), self.bias, groups=self.groups)
        return y.view(batch, -1, *space)


@covers("deformconv")
@FEW
@given(data=st.data())
def test_deformconv(data):
    draw = Draw(data)
    shape = draw.shape(2, 3, 7)
    keys = draw.some(
        stride=draw.sizes(2, 1, 2), padding=draw.sizes(2, 0, 1), dilation=draw.sizes(2, 1, 2), bias=st.booleans(),
        groups=st.sampled_from([1, 2, 3]),
    )  # fmt: skip
    channels, kernel = draw.of(1, 4, 6), draw(draw.sizes(2, 1, 3))
    groups = keys.get("groups", 1)
    channels *= 1 if draw.wild else groups
    shape = shape if draw.wild or shape[0] % groups == 0 else (groups * shape[0], *shape[1:])
    taps = kernel**2 if isinstance(kernel, int) else kernel[0] * kernel[-1]
    parts = draw.of(1, 1, 2) if draw.wild or shape[0] % 2 == 0 else 1
    space = []
    for axis, size in enumerate(shape[1:]):
        at = {name: value if isinstance(value, int) else value[axis] for name, value in keys.items() if name != "bias"}
        k = kernel if isinstance(kernel, int) else kernel[axis]
        reach = at.get("dilation", 1) * (k - 1) + 1
        space.append(max(1, (size + 2 * at.get("padding", 0) - reach) // at.get("stride", 1) + 1))
    shapes = {"x": shape, "o": (2 * parts * taps, *space)}
    words = line("deformconv", channels, kernel=kernel, **keys) + " offset=o from=x"
    if draw.of(True, False):
        shapes["m"] = (parts * taps + (draw.wild and draw.of(0, 1)), *space)
        words += " mask=m"
    compare(words, shapes, lambda: Deformed(shape[0], channels, kernel, **keys))


def test_work_of_a_deformconv():
    """MACs of the convolution; 7 for each element of a window, 1 for its weight, 1 for each bias."""
    shapes = {"x": (4, 8, 8), "o": (18, 6, 6), "m": (9, 6, 6)}
    node = layer("deformconv 5 kernel=3 offset=o mask=m from=x", shapes)
    assert node.macs == 5 * 36 * 4 * 9
    assert node.other_flops == 8 * 4 * 9 * 36 + 5 * 36


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("gridsample grid=flat from=x", r"`grid` is \[height, width, 2\] beside"),
        ("deformconv 5 kernel=3 offset=x from=x", r"`offset` is \[2·parts·9, 6, 6\] here"),
        ("deformconv 5 kernel=3 offset=o mask=o from=x", r"`mask` is \[9, 6, 6\] here"),
    ],
)
def test_places_of_another_size(words, said):
    with pytest.raises(SpecError, match=said):
        layer(words, {"x": (4, 8, 8), "o": (18, 6, 6), "flat": (5, 2)})
