"""Modules that further tensors go into, beside the first, are blocks with arguments for them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from .test_calls import Of, read
from .test_text import layers


class Up(nn.Module):
    """Takes what came down beside what comes up."""

    def __init__(self, width):
        super().__init__()
        self.up = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.conv = nn.Conv2d(2 * width, width, 3, padding=1)

    def forward(self, x, skip):
        return self.conv(torch.cat([skip, self.up(x)], 1)).relu()


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.ModuleList(
            nn.Conv2d(3 if width == 8 else width // 2, width, 3, padding=1) for width in (8, 16, 32)
        )
        self.up = nn.ModuleList((Up(16), Up(8)))

    def forward(self, x):
        skips = []
        for down in self.down:
            x = down(F.max_pool2d(x, 2) if skips else x).relu()
            skips.append(x)
        for up, skip in zip(self.up, skips[-2::-1]):
            x = up(x, skip)
        return x


def test_a_module_that_further_tensors_go_into_is_a_block():
    text = read(UNet(), (3, 16, 16)).text
    assert "up(width, skip):" in text
    assert "up 16 skip=x2" in text
    assert "up 8 skip=x" in text


class Shared(nn.Module):
    """A table of all layers, which the first of them makes."""

    def __init__(self):
        super().__init__()
        self.maps = nn.ModuleList(nn.Linear(6, 6) for _ in range(4))
        self.register_buffer("table", torch.linspace(0, 1, 30).reshape(5, 6))

    def forward(self, x):
        for one in self.maps:
            x = Of(lambda m, x: m.a(x * self.table).relu() + x, a=one)(x)
        return x


def test_what_several_modules_read_stands_before_them():
    text = layers(Shared(), (5, 6))
    assert text.startswith("- [constant 5x6 name=fixed"), text
    assert "repeat: 4" in text, text


def test_a_sum_of_several_things_is_one():
    maps = {name: nn.Conv2d(8, 8, 3, padding=1) for name in "abc"}
    text = layers(Of(lambda m, x: m.a(x) + m.b(x) + m.c(x) + x, **maps), (8, 6, 6))
    assert (
        text
        == "- add: - [conv 8 kernel=3 padding=1] - [conv 8 kernel=3 padding=1] - [conv 8 kernel=3 padding=1] - prev"
    )


def test_a_part_that_is_widened_to_the_other_is_no_residual():
    text = layers(Of(lambda m, x: x + m.a(x.mean((2, 3), keepdim=True)), a=nn.Conv2d(8, 8, 1)), (8, 6, 6))
    assert text == "- add: [prev, [mean 1x2 keepdim=true, conv 8 kernel=1]]"
