"""A network that takes noise off images, in plain PyTorch, written from its paper."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F


class ChannelNorm(nn.Module):
    """Normalises the channels of each place."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        apart = x - x.mean(1, keepdim=True)
        y = apart / (apart.square().mean(1, keepdim=True) + 1e-6).sqrt()
        return y * self.weight[:, None, None] + self.bias[:, None, None]


class Scaled(nn.Module):
    """A learned factor for each channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.weight[:, None, None]


def gated(x: torch.Tensor) -> torch.Tensor:
    a, b = x.chunk(2, 1)
    return a * b


class Block(nn.Module):
    """Figure 3c."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.norm1, self.wide1 = ChannelNorm(c), nn.Conv2d(c, 2 * c, 1)
        self.deep, self.attend = nn.Conv2d(2 * c, 2 * c, 3, padding=1, groups=2 * c), nn.Conv2d(c, c, 1)
        self.last1, self.beta = nn.Conv2d(c, c, 1), Scaled(c)
        self.norm2, self.wide2, self.last2, self.gamma = (
            ChannelNorm(c),
            nn.Conv2d(c, 2 * c, 1),
            nn.Conv2d(c, c, 1),
            Scaled(c),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = gated(self.deep(self.wide1(self.norm1(x))))
        y = y * self.attend(y.mean((2, 3), keepdim=True))
        x = x + self.beta(self.last1(y))
        return x + self.gamma(self.last2(gated(self.wide2(self.norm2(x)))))


class NAFNet(nn.Module):
    """A U-Net of these blocks with `depths` on the way down, one in the middle, and one at each size on the way up."""

    def __init__(self, width: int, depths: Sequence[int]) -> None:
        super().__init__()
        self.first, self.down = nn.Conv2d(3, width, 3, padding=1), nn.ModuleList()
        c = width
        for depth in depths:
            blocks = nn.Sequential(*(Block(c) for _ in range(depth)))
            self.down.append(nn.ModuleList([blocks, nn.Conv2d(c, 2 * c, 2, 2)]))
            c *= 2
        self.middle, self.up = Block(c), nn.ModuleList()
        for _ in depths:
            self.up.append(nn.ModuleList([nn.Conv2d(c, 2 * c, 1, bias=False), Block(c // 2)]))
            c //= 2
        self.last = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        high, wide = image.shape[2:]
        side = 2 ** len(self.down)
        whole = F.pad(image, (0, -wide % side, 0, -high % side))
        x, seen = self.first(whole), []
        for level in self.down:
            blocks, smaller = level  # type: ignore[misc]
            x = blocks(x)
            seen.append(x)
            x = smaller(x)
        x = self.middle(x)
        for level in self.up:
            wider, block = level  # type: ignore[misc]
            x = block(F.pixel_shuffle(wider(x), 2) + seen.pop())
        return (self.last(x) + whole)[..., :high, :wide]
