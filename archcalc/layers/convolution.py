"""Convolutions over a channels-first tensor; 1-D, 2-D or 3-D follows from the input."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from archcalc.layers.arguments import Flag, Size, Whole, arg
from archcalc.layers.base import Layer, ShapeError, layer
from archcalc.layers.code import Code, given, module, sized
from archcalc.layers.onednn import Convolving
from archcalc.layers.saved import Saved, Saving
from archcalc.layers.tensor import CHANNELS_FIRST, Shape, Tensor
from archcalc.quantity import plain, product


def sizes_text(sizes: tuple[int, ...]) -> str:
    """`7×7` for (7, 7); a single size stands for itself on every axis."""
    return "×".join(str(plain(size)) for size in sizes)


def _plain(sizes: Iterable[int]) -> tuple[int, ...]:
    return tuple(plain(size) for size in sizes)


class Convolution(Layer):
    """What conv and convtranspose share: groups, windows and the label."""

    keeps_order = True
    layout = CHANNELS_FIRST
    ranks = (2, 4)
    wants = "a channels-first tensor [channels, ...] with one to three spatial axes"
    depth = 1

    channels: int = arg(Whole, "output channels", min=1, aliases=("out_channels", "filters"))
    kernel: tuple[int, ...] = arg(Size, "kernel size", aliases=("kernel_size",))
    stride: tuple[int, ...] = arg(Size, "step between two windows", default=(1,), aliases=("strides",))
    padding: Any = arg(Size, "border on both sides", default=(0,), min=0)
    dilation: tuple[int, ...] = arg(Size, "step between two taps of a window", default=(1,))
    groups: int = arg(Whole, "groups of channels that see only each other", default=1, min=1)
    bias: bool = arg(Flag, "add a learned number to each output channel", default=True, aliases=("use_bias",))

    @property
    def label(self) -> str:
        """As people say it: `conv 64 7×7/2`, depthwise as `conv 64 3×3 groups=64`, along one axis `conv 64 kernel=3`."""
        stride = self.stride if len(set(self.stride)) > 1 else self.stride[:1]
        kernel = self.kernel if len(self.kernel) > 1 else self.kernel * self.__dict__.get("spatial_axes", 1)
        flat = len(kernel) == 1
        words = f"{self.op} {self.channels} {'kernel=' * flat}{sizes_text(kernel)}"
        if set(stride) != {1}:
            words += f"{' stride=' if flat else '/'}{sizes_text(stride)}"
        if self.groups != 1:
            words += f" groups={self.groups}"
        if set(self.dilation) != {1}:
            words += f" dilation={sizes_text(self.dilation)}"
        return words

    def check_groups(self, x: Tensor) -> None:
        """Raises `ShapeError` unless the groups divide the channels of input and output."""
        for name, channels in (("input", x.shape[0]), ("output", self.channels)):
            if channels % self.groups:
                raise ShapeError(
                    "SHP105",
                    f"groups={self.groups} does not divide the {channels} {name} channels",
                    "groups",
                    "choose a common divisor of input and output channels",
                )

    def group_channels(self, channels: int) -> int:
        """The channels of one group."""
        return channels // self.groups if self.groups != 1 else channels

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """One addition an output element for the bias."""
        return y.elements if self.bias else 0

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The input, for the gradient of the weights; one that is padded on one side alone is a copy."""
        x = inputs[0]
        n = x.rank - 1
        uneven = [
            d * (k - 1) % 2 if self.padding == "same" else 0
            for k, d in zip(self.per_axis("kernel", n, x), self.per_axis("dilation", n, x))
        ]
        if not any(uneven):
            return Saved((0,))
        padded = product(size + more for size, more in zip(x.shape[1:], uneven))
        return Saved(extra={"padded input": how.batch * plain(x.shape[0] * padded) * how.width})

    def passing(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, int]:
        """Copies in the order of the kernels' own."""
        x = inputs[0]
        n = x.rank - 1
        kernel, stride, dilation = (self.per_axis(name, n, x) for name in ("kernel", "stride", "dilation"))
        padding = (0,) * n if self.padding == "same" else self.per_axis("padding", n, x)
        before, after = (_plain(z.shape[1:]) for z in (x, y))
        return Convolving(
            how, plain(x.shape[0]), plain(y.shape[0]), plain(self.groups), before, after, _plain(kernel),
            _plain(padding), plain(product(stride)), set(dilation) != {1}, self.op == "convtranspose", self.bias,
        ).passing()  # fmt: skip

    def field(self, x: Tensor) -> list[tuple[int, int]] | None:
        """A window spans dilation·(kernel − 1) + 1 inputs."""
        n = x.rank - 1
        kernel, dilation = self.per_axis("kernel", n, x), self.per_axis("dilation", n, x)
        return [(d * (k - 1) + 1, s) for k, d, s in zip(kernel, dilation, self.per_axis("stride", n, x))]


@layer("conv", first="channels", aliases=("convolution", "conv1d", "conv2d", "conv3d"))
class Conv(Convolution):
    """Convolution (cross-correlation) over a channels-first tensor, 1-D to 3-D by its input.

    [C, *S] -> [channels, *S'] with S' = floor((S + 2·padding - dilation·(kernel - 1) - 1) / stride) + 1.
    padding=same keeps S and needs stride 1. Source: torch.nn.Conv1d, Conv2d, Conv3d.
    """

    padding: tuple[int, ...] | str = arg(
        Size, "zeros added on both sides, or same", default=(0,), min=0, words=("same",)
    )

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for a window larger than the padded input, as PyTorch does."""
        n = x.rank - 1
        kernel, stride, dilation = (self.per_axis(name, n, x) for name in ("kernel", "stride", "dilation"))
        self.__dict__["spatial_axes"] = n
        self.check_groups(x)
        if self.padding == "same":
            if set(stride) != {1}:
                raise ShapeError(
                    "SHP109", "padding=same needs stride=1", "padding", "give the padding as a number, as padding=1"
                )
            return Tensor((self.channels, *x.shape[1:]), CHANNELS_FIRST)
        padding = self.per_axis("padding", n, x)
        for size, k, p, d in zip(x.shape[1:], kernel, padding, dilation):
            if size + 2 * p < d * (k - 1) + 1:
                reach = f"kernel {k}" + (f" with dilation {d}" if d != 1 else "")
                padded = (
                    f"the padded input {[int(x.shape[0]), *(int(s + 2 * q) for s, q in zip(x.shape[1:], padding))]}"
                )
                raise ShapeError(
                    "SHP103",
                    f"{reach} is larger than {padded}",
                    "kernel",
                    "use a smaller kernel, more padding or a larger input",
                )
        spatial = tuple(
            (size + 2 * p - d * (k - 1) - 1) // s + 1
            for size, k, s, p, d in zip(x.shape[1:], kernel, stride, padding, dilation)
        )
        return Tensor((self.channels, *spatial), CHANNELS_FIRST)

    def params(self, x: Tensor) -> dict[str, Shape]:
        """Every output channel has a kernel over its group's input channels, and one bias."""
        weight = (self.channels, self.group_channels(x.shape[0]), *self.per_axis("kernel", x.rank - 1, x))
        return {"weight": weight, "bias": (self.channels,)} if self.bias else {"weight": weight}

    def macs(self, y: Tensor, *inputs: Tensor) -> int:
        """Every output element is a product sum over its window."""
        return y.elements * product(self.params(inputs[0])["weight"][1:])

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        n = x.rank - 1
        name = f"nn.Conv{n}d"
        plain = given(
            stride=(sized(self.per_axis("stride", n, x)), 1),
            padding=(self.padding if self.padding == "same" else sized(self.per_axis("padding", n, x)), 0),
            dilation=(sized(self.per_axis("dilation", n, x)), 1),
            groups=(self.groups, 1),
            bias=(self.bias, True),
        )
        return module(name, x.shape[0], self.channels, kernel_size=sized(self.per_axis("kernel", n, x)), **plain)


@layer("convtranspose", first="channels", aliases=("deconv", "conv_transpose", "upconv"))
class ConvTranspose(Convolution):
    """Transposed convolution: each input element adds a weighted kernel to the output.

    [C, *S] -> [channels, *S'] with S' = (S - 1)·stride - 2·padding + dilation·(kernel - 1) + output_padding + 1.
    Source: torch.nn.ConvTranspose1d, ConvTranspose2d, ConvTranspose3d.
    """

    padding: tuple[int, ...] = arg(Size, "border taken off on both sides", default=(0,), min=0)
    output_padding: tuple[int, ...] = arg(
        Size, "size added at the end; less than stride or dilation", default=(0,), min=0
    )

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for an empty output or an output padding PyTorch refuses."""
        n = x.rank - 1
        self.__dict__["spatial_axes"] = n
        self.check_groups(x)
        arguments = [
            self.per_axis(name, n, x) for name in ("kernel", "stride", "padding", "dilation", "output_padding")
        ]
        spatial = []
        for size, k, s, p, d, extra in zip(x.shape[1:], *arguments):
            if extra >= s and extra >= d:
                raise ShapeError(
                    "SHP109",
                    f"output_padding={extra} is not less than stride {s} or dilation {d}",
                    "output_padding",
                    "it only makes up for what a stride rounds away",
                )
            out = (size - 1) * s - 2 * p + d * (k - 1) + extra + 1
            if out < 1:
                raise ShapeError(
                    "SHP104", f"the output would have size {out} for the input {x}", "padding", "use less padding"
                )
            spatial.append(out)
        return Tensor((self.channels, *spatial), CHANNELS_FIRST)

    def params(self, x: Tensor) -> dict[str, Shape]:
        """PyTorch keeps the input channels first: [in_channels, channels / groups, *kernel]."""
        weight = (x.shape[0], self.group_channels(self.channels), *self.per_axis("kernel", x.rank - 1, x))
        return {"weight": weight, "bias": (self.channels,)} if self.bias else {"weight": weight}

    def macs(self, y: Tensor, *inputs: Tensor) -> int:
        """Every input element meets each weight of its channel once."""
        x = inputs[0]
        return x.elements * product(self.params(x)["weight"][1:])

    def field(self, x: Tensor) -> list[tuple[int, int]] | None:
        """Steps become finer, which the whole-number rule for strides cannot say."""
        return None

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        n = x.rank - 1
        plain = given(
            stride=(sized(self.per_axis("stride", n, x)), 1),
            padding=(sized(self.per_axis("padding", n, x)), 0),
            output_padding=(sized(self.per_axis("output_padding", n, x)), 0),
            groups=(self.groups, 1),
            bias=(self.bias, True),
            dilation=(sized(self.per_axis("dilation", n, x)), 1),
        )
        kernel = sized(self.per_axis("kernel", n, x))
        return module(f"nn.ConvTranspose{n}d", x.shape[0], self.channels, kernel_size=kernel, **plain)
