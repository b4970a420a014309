"""Networks for images in plain PyTorch, written from their papers."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


def convolved(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


class SegNet(nn.Module):
    """Thirteen convolutions as VGG's, and as many on the way back."""

    DOWN = ((3, 64, 64), (64, 128, 128), (128, 256, 256, 256), (256, 512, 512, 512), (512, 512, 512, 512))
    UP = ((512, 512, 512, 512), (512, 512, 512, 256), (256, 256, 256, 128), (128, 128, 64), (64, 64))

    def __init__(self, classes: int) -> None:
        super().__init__()
        stages = [nn.Sequential(*map(convolved, widths, widths[1:])) for widths in (*self.DOWN, *self.UP)]
        self.down, self.up = nn.ModuleList(stages[:5]), nn.ModuleList(stages[5:])
        self.last = nn.Conv2d(64, classes, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = []
        for stage in self.down:
            x = stage(x)
            size = x.shape
            x, places = F.max_pool2d(x, 2, return_indices=True)
            found.append((places, size))
        for stage in self.up:
            places, size = found.pop()
            x = stage(F.max_unpool2d(x, places, 2, output_size=size[2:]))
        return self.last(x)


class Same(nn.Conv2d):
    """TensorFlow's SAME."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        sides: list[int] = []
        for size, k, s in zip(x.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1]):
            total = max(0, (-(-size // s) - 1) * s + k - size)
            sides += [total // 2, total - total // 2]
        return super().forward(F.pad(x, sides))


def normed(conv: nn.Module, channels: int) -> nn.Sequential:
    return nn.Sequential(conv, nn.BatchNorm2d(channels))


class Inverted(nn.Module):
    """An inverted residual with squeeze and excitation."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expand: int) -> None:
        super().__init__()
        wide = inputs * expand
        self.adds = stride == 1 and inputs == outputs
        self.widen = normed(nn.Conv2d(inputs, wide, 1, bias=False), wide) if expand > 1 else None
        self.deep = normed(Same(wide, wide, kernel, stride, groups=wide, bias=False), wide)
        self.squeeze, self.excite = nn.Conv2d(wide, inputs // 4, 1), nn.Conv2d(inputs // 4, wide, 1)
        self.project = normed(nn.Conv2d(wide, outputs, 1, bias=False), outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.silu(self.deep(F.silu(self.widen(x)) if self.widen else x))
        y = y * self.excite(F.silu(self.squeeze(y.mean((2, 3), keepdim=True)))).sigmoid()
        return x + self.project(y) if self.adds else self.project(y)


class Separable(nn.Sequential):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False), nn.Conv2d(inputs, outputs, 1)
        )


class Fused(nn.Module):
    """Fast normalised fusion, section 3.3."""

    def __init__(self, count: int, width: int) -> None:
        super().__init__()
        self.shares = nn.ParameterList([torch.ones(count)])
        self.after = normed(Separable(width, width), width)

    def forward(self, *maps: torch.Tensor) -> torch.Tensor:
        shares = self.shares[0].relu()
        shares = shares / (shares.sum() + 1e-4)
        return self.after(F.silu(sum(share * one for share, one in zip(shares, maps))))  # type: ignore[arg-type]


class Cell(nn.Module):
    """Figure 3 (d) and the equations of section 3.3."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.to6, self.to5, self.to4, self.out3 = (Fused(2, width) for _ in range(4))
        self.out4, self.out5, self.out6 = (Fused(3, width) for _ in range(3))
        self.out7 = Fused(2, width)

    def forward(self, p3: torch.Tensor, p4: torch.Tensor, q4: torch.Tensor, p5: torch.Tensor, q5: torch.Tensor, p6: torch.Tensor, p7: torch.Tensor) -> list[torch.Tensor]:  # fmt: skip
        def up(x: torch.Tensor) -> torch.Tensor:
            return F.interpolate(x, scale_factor=2)

        def down(x: torch.Tensor) -> torch.Tensor:
            return F.max_pool2d(x, 3, 2, 1)

        t6 = self.to6(p6, up(p7))
        t5 = self.to5(p5, up(t6))
        t4 = self.to4(p4, up(t5))
        n3 = self.out3(p3, up(t4))
        n4 = self.out4(q4, t4, down(n3))
        n5 = self.out5(q5, t5, down(n4))
        n6 = self.out6(p6, t6, down(n5))
        return [n3, n4, n5, n6, self.out7(p7, down(n6))]


class Head(nn.Module):
    """The same convolutions for all levels, each with norms of its own."""

    def __init__(self, width: int, depth: int, outputs: int) -> None:
        super().__init__()
        self.outputs = outputs
        self.layers = nn.ModuleList()
        for _ in range(depth):
            norms = [nn.BatchNorm2d(width) for _ in range(5)]
            self.layers.append(nn.ModuleList([Separable(width, width), *norms]))
        self.last = Separable(width, 9 * outputs)

    def forward(self, maps: list[torch.Tensor]) -> torch.Tensor:
        for conv, *norms in self.layers:  # type: ignore[misc]
            maps = [F.silu(norm(conv(one))) for norm, one in zip(norms, maps)]
        found = [self.last(one).unflatten(1, (9, self.outputs)).permute(0, 3, 4, 1, 2).flatten(1, 3) for one in maps]
        return torch.cat(found, 1)


class EfficientDet(nn.Module):
    STAGES = ((24, 3, 2, 2), (40, 5, 2, 2), (80, 3, 2, 3), (112, 5, 1, 3), (192, 5, 2, 4), (320, 3, 1, 1))

    def __init__(self, width: int = 64, cells: int = 3, depth: int = 3, classes: int = 90) -> None:
        super().__init__()
        self.stem = normed(Same(3, 32, 3, 2, bias=False), 32)
        self.stages = nn.ModuleList([Inverted(32, 16, 3, 1, 1)])
        inputs = 16
        for outputs, kernel, stride, count in self.STAGES:
            blocks = [Inverted(inputs, outputs, kernel, stride, 6)]
            blocks += [Inverted(outputs, outputs, kernel, 1, 6) for _ in range(count - 1)]
            self.stages.append(nn.Sequential(*blocks))
            inputs = outputs
        self.laterals = nn.ModuleList([normed(nn.Conv2d(c, width, 1), width) for c in (40, 112, 112, 320, 320, 320)])
        self.cells = nn.ModuleList([Cell(width) for _ in range(cells)])
        self.scores, self.boxes = Head(width, depth, classes), Head(width, depth, 4)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = F.silu(self.stem(x))
        seen = []
        for stage in self.stages:
            x = stage(x)
            seen.append(x)
        sources = [seen[index] for index in (2, 4, 4, 6, 6, 6)]
        maps = [lateral(one) for lateral, one in zip(self.laterals, sources)]
        maps[5] = F.max_pool2d(maps[5], 3, 2, 1)
        maps.append(F.max_pool2d(maps[5], 3, 2, 1))
        for cell in self.cells:
            n3, n4, n5, n6, n7 = cell(*maps)
            maps = [n3, n4, n4, n5, n5, n6, n7]
        five = [maps[index] for index in (0, 1, 3, 5, 6)]
        return self.scores(five), self.boxes(five)


BLUR = torch.tensor([1.0, 3, 3, 1])
BLUR = BLUR[:, None] * BLUR / 16  # the sum is 4: images grow in both directions


class Modulated(nn.Module):
    """A convolution whose filters each style scales, sample by sample."""

    def __init__(self, inputs: int, outputs: int, kernel: int, grows: bool = False, demodulates: bool = True) -> None:
        super().__init__()
        self.style = nn.Linear(512, inputs)
        self.learned = nn.ParameterList([torch.randn(outputs, inputs, kernel, kernel)])
        self.grows, self.demodulates = grows, demodulates

    def forward(self, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        found = []
        for image, style in zip(x, self.style(w)):
            weight = self.learned[0] * style[None, :, None, None]
            if self.demodulates:
                weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
            if self.grows:
                y = F.conv_transpose2d(image[None], weight.transpose(0, 1), stride=2)
                found.append(F.conv2d(y, BLUR.expand(len(weight), 1, 4, 4), padding=1, groups=len(weight)))
            else:
                found.append(F.conv2d(image[None], weight, padding=weight.shape[-1] // 2))
        return torch.cat(found)


class Styled(nn.Module):
    def __init__(self, inputs: int, outputs: int, size: int, grows: bool = False) -> None:
        super().__init__()
        self.conv = Modulated(inputs, outputs, 3, grows)
        self.register_buffer("noise", torch.randn(1, 1, size, size))
        self.learned = nn.ParameterList([torch.zeros(1), torch.zeros(outputs)])

    def forward(self, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        strength, bias = self.learned
        y = self.conv(x, w) + strength * self.noise + bias[:, None, None]
        return F.leaky_relu(y, 0.2) * 2**0.5


class Colours(nn.Module):
    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.conv, self.bias = Modulated(inputs, 3, 1, demodulates=False), nn.ParameterList([torch.zeros(3)])

    def forward(self, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return self.conv(x, w) + self.bias[0][:, None, None]


class StyleGAN2(nn.Module):
    """The generator up to one size of its images, with fixed noise."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.mapping = nn.ModuleList([nn.Linear(512, 512) for _ in range(8)])
        self.start = nn.ParameterList([torch.randn(512, 4, 4)])
        self.first, self.colours = Styled(512, 512, 4), Colours(512)
        self.stages = nn.ModuleList()
        for index, (inputs, outputs) in enumerate(zip((512, *widths), widths)):
            size = 8 * 2**index
            layers = [Styled(inputs, outputs, size, grows=True), Styled(outputs, outputs, size), Colours(outputs)]
            self.stages.append(nn.ModuleList(layers))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        w = z / (z.square().mean(1, keepdim=True) + 1e-8).sqrt()
        for layer in self.mapping:
            w = F.leaky_relu(layer(w), 0.2) * 2**0.5
        x = self.first(self.start[0].expand(len(z), -1, -1, -1), w)
        image = self.colours(x, w)
        for one, two, colours in self.stages:  # type: ignore[misc]
            x = two(one(x, w), w)
            larger = F.conv_transpose2d(image, BLUR.expand(3, 1, 4, 4), stride=2, padding=1, groups=3)
            image = larger + colours(x, w)
        return image


class Blur(nn.Module):
    """1 2 1 along both axes, on every channel."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        row = torch.tensor([0.25, 0.5, 0.25])
        kernel = (row[:, None] * row).expand(x.shape[1], 1, 3, 3)
        return F.conv2d(F.pad(x, [1] * 4, mode="reflect"), kernel, stride=2, groups=x.shape[1])


class Bottleneck(nn.Module):
    """A block of ResNet; one that halves its images blurs them before its last convolution."""

    def __init__(self, inputs: int, width: int, halves: bool) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            normed(nn.Conv2d(inputs, width, 1, bias=False), width), nn.ReLU(),
            normed(nn.Conv2d(width, width, 3, padding=1, bias=False), width), nn.ReLU(),
            Blur() if halves else nn.Identity(), normed(nn.Conv2d(width, 4 * width, 1, bias=False), 4 * width),
        )  # fmt: skip
        shortcut = nn.Conv2d(inputs, 4 * width, 1, stride=1 + halves, bias=False)
        self.shortcut = normed(shortcut, 4 * width) if inputs != 4 * width else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.layers(x) + self.shortcut(x))


class BlurredResNet(nn.Module):
    """With `depths` blocks of each width."""

    def __init__(self, depths: tuple[int, ...]) -> None:
        super().__init__()
        self.stem = normed(nn.Conv2d(3, 64, 7, 2, 3, bias=False), 64)
        self.before = nn.Sequential(nn.ReLU(), nn.MaxPool2d(3, 1, 1), Blur())
        blocks, inputs = [], 64
        for width, depth in zip((64, 128, 256, 512), depths):
            blocks.append(Bottleneck(inputs, width, width > 64))
            blocks += [Bottleneck(4 * width, width, False) for _ in range(depth - 1)]
            inputs = 4 * width
        self.blocks, self.last = nn.Sequential(*blocks), nn.Linear(2048, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.blocks(self.before(self.stem(x))).mean((2, 3)))


class MaskRCNNHeads(nn.Module):
    def __init__(self, classes: int = 91) -> None:
        super().__init__()
        self.box = nn.Sequential(nn.Flatten(), nn.Linear(256 * 49, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU())
        self.scores, self.boxes = nn.Linear(1024, classes), nn.Linear(1024, 4 * classes)
        deep = [layer for _ in range(4) for layer in (nn.Conv2d(256, 256, 3, padding=1), nn.ReLU())]
        self.mask = nn.Sequential(*deep, nn.ConvTranspose2d(256, 256, 2, 2), nn.ReLU(), nn.Conv2d(256, classes, 1))

    def forward(self, proposals: torch.Tensor, detections: torch.Tensor) -> tuple[torch.Tensor, ...]:
        features = [self.box(one) for one in proposals]  # those of one image at a time
        found = [torch.stack([head(one) for one in features]) for head in (self.scores, self.boxes)]
        return *found, torch.stack([self.mask(one) for one in detections])


class Windows(nn.Module):
    """Attention inside windows of 7×7, moved by `shift` along axes that have several; figure 4 hides what came round."""

    def __init__(self, width: int, heads: int, shift: int) -> None:
        super().__init__()
        self.norm, self.shift = nn.LayerNorm(width), shift
        self.table = nn.ParameterList([torch.zeros(13 * 13, heads)])
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm(x)
        n, h, w, _ = y.shape
        y = F.pad(y, (0, 0, 0, -w % 7, 0, -h % 7))
        sizes = y.shape[1:3]
        moved = [self.shift if size > 7 else 0 for size in sizes]
        parts = torch.zeros(1, *sizes, 1)
        parts[:, sizes[0] - moved[0] :] += 1
        parts[:, :, sizes[1] - moved[1] :] += 2
        y = cut(y.roll([-one for one in moved], (1, 2)))
        part = cut(parts)[..., 0]
        places = torch.cartesian_prod(torch.arange(7), torch.arange(7))
        apart = places[:, None] - places + 6
        scores = self.table[0][apart[..., 0] * 13 + apart[..., 1]].permute(2, 0, 1)
        scores = scores + torch.where(part[:, None, :, None] == part[:, None, None], 0.0, -torch.inf)
        y = self.attention(y, y, y, attn_mask=scores.repeat(n, 1, 1, 1).flatten(0, 1), need_weights=False)[0]
        y = y.reshape(n, sizes[0] // 7, sizes[1] // 7, 7, 7, -1).transpose(2, 3).reshape(n, *sizes, -1)
        return x + y.roll(moved, (1, 2))[:, :h, :w]


def cut(x: torch.Tensor) -> torch.Tensor:
    """[n, h, w, c] as the windows of every image, one after another: [windows, 49, c]."""
    n, h, w, c = x.shape
    return x.reshape(n, h // 7, 7, w // 7, 7, c).transpose(2, 3).reshape(-1, 49, c)


class Swin(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.embed, self.first = nn.Conv2d(3, width, 4, 4), nn.LayerNorm(width)
        self.stages = nn.ModuleList()
        for stage in range(4):
            wide, many = width * 2**stage, heads * 2**stage
            layers: list[nn.Module] = []
            for shift in (0, 3):
                deep = nn.Sequential(
                    nn.LayerNorm(wide), nn.Linear(wide, 4 * wide), nn.GELU(), nn.Linear(4 * wide, wide)
                )
                layers += [Windows(wide, many, shift), deep]
            if stage < 3:
                layers += [nn.LayerNorm(4 * wide), nn.Linear(4 * wide, 2 * wide, bias=False)]
            self.stages.append(nn.ModuleList(layers))
        self.norm, self.head = nn.LayerNorm(8 * width), nn.Linear(8 * width, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(self.embed(x).permute(0, 2, 3, 1))
        for one, deep, two, deeper, *merge in self.stages:  # type: ignore[misc]
            x = one(x)
            x = x + deep(x)
            x = two(x)
            x = x + deeper(x)
            if merge:
                x = F.pad(x, (0, 0, 0, x.shape[2] % 2, 0, x.shape[1] % 2))
                four = [x[:, i::2, j::2] for j in (0, 1) for i in (0, 1)]
                x = merge[1](merge[0](torch.cat(four, -1)))
        return self.head(self.norm(x).mean((1, 2)))
