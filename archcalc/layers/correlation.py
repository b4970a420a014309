"""What convolutions share: groups, windows, weights, and the sum over a window."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from archcalc.layers.arguments import Flag, Size, Whole, arg
from archcalc.layers.base import Layer, ShapeError
from archcalc.layers.borders import Border
from archcalc.layers.change import Change, divisors_near
from archcalc.layers.facts import ANY
from archcalc.layers.field import Field, windows
from archcalc.layers.layout import CHANNELS_FIRST
from archcalc.layers.memory import LOW
from archcalc.layers.saved import Saving
from archcalc.layers.strides import Strides, channels_last, contiguous, imaged
from archcalc.layers.tensor import Shape, Tensor
from archcalc.quantity import ceil_div, gcd, plain, product
from archcalc.terms import work

if TYPE_CHECKING:
    from archcalc.layers.kernels.onednn import Convolving


def sizes_text(sizes: tuple[int, ...]) -> str:
    """`7×7` for (7, 7); a single size applies to every axis."""
    return "×".join(str(plain(size)) for size in sizes)


def one_size(sizes: tuple[int, ...]) -> tuple[int, ...]:
    """The sizes as a spec writes them: (7,) for (7, 7), since one size applies to every axis; (7, 1) unchanged."""
    return tuple(plain(size) for size in (sizes[:1] if len(set(sizes)) == 1 else sizes))


def _plain(sizes: Iterable[int]) -> tuple[int, ...]:
    return tuple(plain(size) for size in sizes)


# Indices of spatial axes in equations: of the convolution's output, of taps, and of its input.
_INDICES = ("s", "t", "u"), ("τ", "γ", "ρ"), ("i", "j", "l")
# What is printed for the axes after the first.
ALIKE = "", "        j alike, from t and γ", "        j and l alike"


def indices(axes: int) -> list[str]:
    """`s, t`, `τ, γ` and `i, j` for two spatial axes."""
    return [", ".join(names[:axes]) for names in _INDICES]


_TWO_SIDES = "for others put a layer such as `pad before=2x0 after=1x1` before it, and no padding here"


class Convolution(Layer):
    """What conv and convtranspose share: groups, windows and the label."""

    span = ANY
    autocast = LOW

    layout = CHANNELS_FIRST
    ranks = (2, 4)
    wants = "a channels-first tensor [channels, ...] with one to three spatial axes"
    depth = 1
    # The number of spatial axes, once the input is known; a label writes a window along each of them.
    spatial_axes: int = 1

    channels: int = arg(Whole, "output channels", min=1, aliases=("out_channels", "filters"))
    kernel: tuple[int, ...] = arg(Size, "kernel size", aliases=("kernel_size",))
    stride: tuple[int, ...] = arg(Size, "step between two windows", default=(1,), aliases=("strides",))
    padding: Any = arg(Size, "border on both sides", default=(0,), min=0)
    dilation: tuple[int, ...] = arg(Size, "step between two taps of a window", default=(1,))
    groups: int = arg(Whole, "groups of channels that see only each other", default=1, min=1)
    bias: bool = arg(Flag, "add a learned number to each output channel", default=True, aliases=("use_bias",))

    def per_axis(self, name: str, count: int, x: Tensor) -> tuple[int, ...]:
        """As for every layer; the message about a border adds that one size is for both sides of an axis."""
        if name == "padding" and len(self.padding) == 2 * count > 2:
            message = f"`padding` has {2 * count} sizes, the input {x} has {count} axes of space"
            raise ShapeError("SHP101", message, name, "it is the same on both sides; " + _TWO_SIDES)
        return super().per_axis(name, count, x)

    @property
    def computes(self) -> str:
        """For its spatial axes, and the channels an output sees."""
        return self.equation_over(
            self.spatial_axes, "the input channels k of c's group" if self.groups > 1 else "input channels k"
        )

    @staticmethod
    def equation_over(axes: int, channels: str) -> str:
        """The equation over this many spatial axes; `channels` says which channels are summed over."""
        raise NotImplementedError

    @property
    def label(self) -> str:
        """In words: `conv 64 7×7/2`, depthwise `conv 64 3×3 groups=64`, along one axis `conv 64 kernel=3`."""
        stride = self.stride if len(set(self.stride)) > 1 else self.stride[:1]
        kernel = self.kernel if len(self.kernel) > 1 else self.kernel * self.spatial_axes
        flat = len(kernel) == 1
        words = f"{self.op} {self.channels} {'kernel=' * flat}{sizes_text(kernel)}"
        if set(stride) != {1}:
            words += f"{' stride=' if flat else '/'}{sizes_text(stride)}"
        if self.groups != 1:
            words += f" groups={self.groups}"
        if set(self.dilation) != {1}:
            words += f" dilation={sizes_text(self.dilation)}"
        return words

    def mixes(self, x: Tensor) -> tuple[int, ...]:
        """The channels, unless they are in groups."""
        return (0,) if self.groups == 1 else ()

    def check_groups(self, x: Tensor) -> None:
        """Raises `ShapeError` unless the groups divide the channels of input and output."""
        for name, channels in (("input", x.shape[0]), ("output", self.channels)):
            if channels % self.groups:
                raise ShapeError(
                    "SHP105",
                    f"groups={self.groups} does not divide the {channels} {name} channels",
                    "groups",
                    changes=self._other_groups(x),
                )

    def _other_groups(self, x: Tensor) -> list[Change]:
        """Groups that divide the channels of input and output; outputs that the groups divide."""
        near = divisors_near(gcd(x.shape[0], self.channels), self.groups)
        found = [Change({"groups": groups}) for groups in near]
        if x.shape[0] % self.groups == 0:
            below = plain(self.channels) // self.groups * self.groups
            found += [Change({"channels": channels}) for channels in (below, below + self.groups) if channels]
        return found

    def group_channels(self, channels: int) -> int:
        """The channels of one group."""
        return channels // self.groups if self.groups != 1 else channels

    def filters(self, x: Tensor) -> Shape:
        """The shape of the weights, as PyTorch stores them."""
        raise NotImplementedError(self.op)

    def params(self, x: Tensor) -> dict[str, Shape]:
        """The weights, and a bias for each output channel."""
        weight = self.filters(x)
        return {"weight": weight, "bias": (self.channels,)} if self.bias else {"weight": weight}

    def learns_filters(self, how: Saving) -> bool:
        """Whether the gradient of the weights is needed."""
        return how.learns

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """One addition per output element for the bias."""
        return work(y.elements, "output element", ("bias", 1)) if self.bias else 0

    def borders(self, x: Tensor) -> list[Border]:
        """What is added before and after each spatial axis."""
        return [(border, border) for border in self.per_axis("padding", x.rank - 1, x)]

    def windows(self, x: Tensor) -> list[tuple[int, int]]:
        """The extent of a window along each spatial axis, dilation·(kernel - 1) + 1, and the step between windows."""
        n = x.rank - 1
        kernel, dilation = self.per_axis("kernel", n, x), self.per_axis("dilation", n, x)
        return [(d * (k - 1) + 1, s) for k, d, s in zip(kernel, dilation, self.per_axis("stride", n, x))]

    def field(self, y: Tensor, x: Tensor) -> list[Field] | None:
        """A window sees everything it covers."""
        return [windows(size, step, -before) for (size, step), (before, _) in zip(self.windows(x), self.borders(x))]

    def reach(self, axis: int, x: Tensor) -> tuple[int, int] | None:
        """The window, if its stride is 1; it begins before its position by the border added there."""
        if axis == 0:  # all channels are read
            return None
        (window, step), (before, _) = self.windows(x)[axis - 1], self.borders(x)[axis - 1]
        zeros = getattr(self, "padding_mode", None) == "zeros"
        return (before, window - 1 - before) if zeros and step == 1 else None

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """In the memory format of the input; signals with one spatial axis, and volumes of a single sample, are made contiguous."""
        x, sizes = how.strides[0], (how.batch, *y.shape)
        if (
            x.rank == 5
            and x.suggests_channels_last
            and self.convolving(how, inputs[0].shape[1:], (), y, *inputs).by_columns
        ):
            return contiguous(sizes)
        if how.channels_last and x.rank == 4:
            return channels_last(sizes)
        return imaged(contiguous(x.sizes) if x.rank == 3 and not x.is_contiguous else x, sizes)

    def convolving(
        self, how: Saving, before: tuple[int, ...], padding: tuple[int, ...], y: Tensor, x: Tensor, *others: Tensor
    ) -> Convolving:
        """The convolution as PyTorch's kernels see it, on an input of spatial sizes `before`, which they pad."""
        from archcalc.layers.kernels.onednn import Convolving  # only memory asks

        kernel, stride, dilation = (self.per_axis(name, x.rank - 1, x) for name in ("kernel", "stride", "dilation"))
        return Convolving(
            how, plain(x.shape[0]), plain(y.shape[0]), plain(self.groups), _plain(before), _plain(y.shape[1:]), _plain(kernel),
            _plain(padding), _plain(stride), _plain(dilation), self.op == "convtranspose", self.bias,
            self.learns_filters(how),
        )  # fmt: skip


def _image(x: Tensor) -> str | None:
    """A hint for an input that looks like images with channels last, or with a batch axis."""
    sizes = list(map(plain, x.shape))
    if x.rank == 3 and sizes[2] in (1, 3, 4) and sizes[0] == sizes[1] > 4:
        return f"channels come first: an image of {sizes[0]}×{sizes[1]} is [{sizes[2]}, {sizes[0]}, {sizes[1]}]"
    if x.rank == 4 and sizes[1] in (1, 3, 4) and sizes[2] == sizes[3] > 4:
        return f"the batch has no axis: an image of {sizes[2]}×{sizes[3]} is [{', '.join(map(str, sizes[1:]))}]"
    return None


class Correlation(Convolution):
    """A weighted sum over a window of the input for each element of the output."""

    def padded(self, x: Tensor) -> list[int]:
        """The spatial sizes with their borders."""
        return [size + before + after for size, (before, after) in zip(x.shape[1:], self.borders(x))]

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for a window larger than the padded input, as PyTorch does."""
        n = self.spatial_axes = x.rank - 1
        self.check_groups(x)
        kernel, stride, dilation = (self.per_axis(name, n, x) for name in ("kernel", "stride", "dilation"))
        padding = self.per_axis("padding", n, x)
        for size, k, p, d in zip(x.shape[1:], kernel, padding, dilation):
            if size + 2 * p < d * (k - 1) + 1:
                reach = f"kernel {k}" + (f" with dilation {d}" if d != 1 else "")
                raise ShapeError(
                    "SHP103",
                    f"{reach} is larger than the padded input {[int(size) for size in (x.shape[0], *self.padded(x))]}",
                    "kernel",
                    _image(x),
                    changes=self._fitting(x, kernel, dilation),
                )
        spatial = [
            (size + 2 * p - d * (k - 1) - 1) // s + 1
            for size, k, s, p, d in zip(x.shape[1:], kernel, stride, padding, dilation)
        ]
        return Tensor((self.channels, *spatial))

    def _fitting(self, x: Tensor, kernel: tuple[int, ...], dilation: tuple[int, ...]) -> list[Change]:
        """A kernel and a padding with which the window fits the input."""
        padded = list(map(plain, self.padded(x)))
        smaller = tuple(min(plain(k), (size - 1) // plain(d) + 1) for size, k, d in zip(padded, kernel, dilation))
        padding = self.per_axis("padding", x.rank - 1, x)
        wider = tuple(
            max(plain(p), ceil_div(plain(d * (k - 1) + 1 - size), 2))
            for size, k, d, p in zip(x.shape[1:], kernel, dilation, padding)
        )
        return [Change({"kernel": one_size(smaller)}), Change({"padding": one_size(wider)})]

    def filters(self, x: Tensor) -> Shape:
        """Every output channel has a kernel over its group's input channels."""
        return (self.channels, self.group_channels(x.shape[0]), *self.per_axis("kernel", x.rank - 1, x))

    def macs(self, y: Tensor, *inputs: Tensor) -> int:
        """Every output element is a dot product over its window."""
        return y.elements * product(self.filters(inputs[0])[1:])
