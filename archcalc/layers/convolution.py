"""Convolutions over a channels-first tensor; 1-D, 2-D or 3-D follows from the input."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from archcalc.layers.arguments import Flag, Size, Whole, Word, arg
from archcalc.layers.base import Layer, ShapeError, layer
from archcalc.layers.borders import FOREIGN, MODES, Border, check_borders, evenly, pad_call, same_borders, sides
from archcalc.layers.change import Change, divisors_near
from archcalc.layers.code import Code, given, module, sized
from archcalc.layers.facts import ANY
from archcalc.layers.field import Field, windows
from archcalc.layers.layout import CHANNELS_FIRST
from archcalc.layers.memory import LOW
from archcalc.layers.saved import Saved, Saving
from archcalc.layers.strides import Strides, contiguous, imaged
from archcalc.layers.tensor import Shape, Tensor
from archcalc.quantity import ceil_div, gcd, plain, product
from archcalc.terms import work

if TYPE_CHECKING:
    from archcalc.layers.kernels.onednn import Convolving


def sizes_text(sizes: tuple[int, ...]) -> str:
    """`7×7` for (7, 7); a single size stands for itself on every axis."""
    return "×".join(str(plain(size)) for size in sizes)


def one_size(sizes: tuple[int, ...]) -> tuple[int, ...]:
    """As a spec writes it: (7,) for (7, 7), which stands for every axis; (7, 1) as it is."""
    return tuple(plain(size) for size in (sizes[:1] if len(set(sizes)) == 1 else sizes))


def _plain(sizes: Iterable[int]) -> tuple[int, ...]:
    return tuple(plain(size) for size in sizes)


def _bytes(how: Saving, x: Tensor, sizes: Sequence[int]) -> int:
    """Of `x` with other spatial sizes, for the whole batch."""
    return how.batch * plain(x.shape[0] * product(sizes)) * how.width


# Indices of spatial axes in equations: of the convolution's output, of taps, and of its input.
_INDICES = ("s", "t", "u"), ("τ", "γ", "ρ"), ("i", "j", "l")
# What a border of each mode holds.
_OUTSIDE = {
    "zeros": "x = 0 outside of the input",
    "reflect": "outside of the input x is mirrored        the element at the edge stands there once",
    "replicate": "outside of the input x is the nearest element",
    "circular": "outside of the input x goes on from the other end",
}
# What is said of the axes after the first.
ALIKE = "", "        j alike, from t and γ", "        j and l alike"


def indices(axes: int) -> list[str]:
    """`s, t`, `τ, γ` and `i, j` for two spatial axes."""
    return [", ".join(names[:axes]) for names in _INDICES]


class Convolution(Layer):
    """What conv and convtranspose share: groups, windows and the label."""

    span = ANY
    autocast = LOW

    layout = CHANNELS_FIRST
    ranks = (2, 4)
    wants = "a channels-first tensor [channels, ...] with one to three spatial axes"
    depth = 1
    # Of the input, once that is known; a label writes a window along each of them.
    spatial_axes: int = 1

    channels: int = arg(Whole, "output channels", min=1, aliases=("out_channels", "filters"))
    kernel: tuple[int, ...] = arg(Size, "kernel size", aliases=("kernel_size",))
    stride: tuple[int, ...] = arg(Size, "step between two windows", default=(1,), aliases=("strides",))
    padding: Any = arg(Size, "border on both sides", default=(0,), min=0)
    dilation: tuple[int, ...] = arg(Size, "step between two taps of a window", default=(1,))
    groups: int = arg(Whole, "groups of channels that see only each other", default=1, min=1)
    bias: bool = arg(Flag, "add a learned number to each output channel", default=True, aliases=("use_bias",))

    @property
    def equation(self) -> str:
        """For the spatial axes that it has, and the channels that an output sees."""
        return self.equation_over(
            self.spatial_axes, "the input channels k of c's group" if self.groups > 1 else "input channels k"
        )

    @staticmethod
    def equation_over(axes: int, channels: str) -> str:
        """What is computed, over so many spatial axes; `channels` says which are summed over."""
        raise NotImplementedError

    @property
    def label(self) -> str:
        """As people say it: `conv 64 7×7/2`, depthwise as `conv 64 3×3 groups=64`, along one axis `conv 64 kernel=3`."""
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

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """One addition an output element for the bias."""
        return work(y.elements, "output element", ("bias", 1)) if self.bias else 0

    def borders(self, x: Tensor) -> list[Border]:
        """What is added before and after each spatial axis."""
        return [(border, border) for border in self.per_axis("padding", x.rank - 1, x)]

    def windows(self, x: Tensor) -> list[tuple[int, int]]:
        """How far a window reaches along each spatial axis, dilation·(kernel - 1) + 1, and the step between two."""
        n = x.rank - 1
        kernel, dilation = self.per_axis("kernel", n, x), self.per_axis("dilation", n, x)
        return [(d * (k - 1) + 1, s) for k, d, s in zip(kernel, dilation, self.per_axis("stride", n, x))]

    def field(self, y: Tensor, x: Tensor) -> list[Field] | None:
        """A window sees what it reaches over."""
        return [windows(size, step, -before) for (size, step), (before, _) in zip(self.windows(x), self.borders(x))]

    def reach(self, axis: int, x: Tensor) -> tuple[int, int] | None:
        """A window that moves step by step and starts before its place by the border that is added there."""
        if axis == 0:  # all channels are read
            return None
        (window, step), (before, _) = self.windows(x)[axis - 1], self.borders(x)[axis - 1]
        zeros = getattr(self, "padding_mode", None) == "zeros"
        return (before, window - 1 - before) if zeros and step == 1 else None

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """In the format of the input; a signal of one spatial axis is put in order first, as are the volumes of one sample."""
        x, sizes = how.strides[0], (how.batch, *y.shape)
        if (
            x.rank == 5
            and x.suggests_channels_last
            and self.convolving(how, inputs[0].shape[1:], (), y, *inputs).by_columns
        ):
            return contiguous(sizes)
        return imaged(contiguous(x.sizes) if x.rank == 3 and not x.is_contiguous else x, sizes)

    def convolving(
        self, how: Saving, before: tuple[int, ...], padding: tuple[int, ...], y: Tensor, x: Tensor
    ) -> Convolving:
        """What PyTorch's kernels see of an input of the spatial sizes `before`, which they pad themselves."""
        from archcalc.layers.kernels.onednn import Convolving  # only memory asks

        kernel, stride, dilation = (self.per_axis(name, x.rank - 1, x) for name in ("kernel", "stride", "dilation"))
        return Convolving(
            how, plain(x.shape[0]), plain(y.shape[0]), plain(self.groups), _plain(before), _plain(y.shape[1:]), _plain(kernel),
            _plain(padding), _plain(stride), _plain(dilation), self.op == "convtranspose", self.bias,
        )  # fmt: skip


class Correlation(Convolution):
    """A weighted sum of a window of the input for each element of the output."""

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
                    changes=self._fitting(x, kernel, dilation),
                )
        spatial = [
            (size + 2 * p - d * (k - 1) - 1) // s + 1
            for size, k, s, p, d in zip(x.shape[1:], kernel, stride, padding, dilation)
        ]
        return Tensor((self.channels, *spatial))

    def _fitting(self, x: Tensor, kernel: tuple[int, ...], dilation: tuple[int, ...]) -> list[Change]:
        """A kernel, and a padding, with which the window fits the input."""
        padded = list(map(plain, self.padded(x)))
        smaller = tuple(min(plain(k), (size - 1) // plain(d) + 1) for size, k, d in zip(padded, kernel, dilation))
        padding = self.per_axis("padding", x.rank - 1, x)
        wider = tuple(
            max(plain(p), ceil_div(plain(d * (k - 1) + 1 - size), 2))
            for size, k, d, p in zip(x.shape[1:], kernel, dilation, padding)
        )
        return [Change({"kernel": one_size(smaller)}), Change({"padding": one_size(wider)})]

    def params(self, x: Tensor) -> dict[str, Shape]:
        """Every output channel has a kernel over its group's input channels, and one bias."""
        weight = (self.channels, self.group_channels(x.shape[0]), *self.per_axis("kernel", x.rank - 1, x))
        return {"weight": weight, "bias": (self.channels,)} if self.bias else {"weight": weight}

    def macs(self, y: Tensor, *inputs: Tensor) -> int:
        """Every output element is a product sum over its window."""
        return y.elements * product(self.params(inputs[0])["weight"][1:])


@layer("conv", first="channels", aliases=("convolution", "conv1d", "conv2d", "conv3d"))
class Conv(Correlation):
    """Convolution (cross-correlation) over a channels-first tensor, 1-D to 3-D by its input.

    [C, *S] -> [channels, *S'] with S' = floor((S + 2·padding - dilation·(kernel - 1) - 1) / stride) + 1.
    padding=same keeps S and needs stride 1. padding=same_upper gives ceil(S / stride), as TensorFlow's SAME
    and ONNX's SAME_UPPER do: of an odd border the larger part comes after the axis.
    Source: torch.nn.Conv1d, Conv2d, Conv3d.
    """

    example = ("conv 2 kernel=3 stride=2 padding=1", "3x32x32")

    padding: tuple[int, ...] | str = arg(
        Size,
        "border on both sides, or same, or same_upper",
        default=(0,),
        min=0,
        words=("same", "same_upper"),
        foreign=FOREIGN,
    )
    padding_mode: str = arg(Word, "what the border holds", choices=MODES, default="zeros")

    @staticmethod
    def equation_over(axes: int, channels: str) -> str:
        """A window of the input for each element of the output."""
        out, taps, read = indices(axes)
        rest = ALIKE[axes - 1]
        return (
            f"y[c, {out}] = b[c] + Σ h[c, k, {taps}] · x[k, {read}]        over {channels} and taps {taps}\n"
            f"i = s·stride + τ·dilation − padding{rest}"
        )

    notation = equation_over(2, "input channels k")

    @property
    def equation(self) -> str:
        """With what stands in a border, where it has one."""
        padded = isinstance(self.padding, str) or any(self.padding)
        return super().equation + (f"\n{_OUTSIDE[self.padding_mode]}" if padded else "")

    def borders(self, x: Tensor) -> list[Border]:
        """What is added before and after each spatial axis."""
        return same_borders(x.shape[1:], self.windows(x)) if isinstance(self.padding, str) else super().borders(x)

    def pads_zeros(self, x: Tensor) -> bool:
        """Whether zeros stand around its input."""
        return self.padding_mode == "zeros" and any(any(border) for border in self.borders(x))

    def _copied(self, x: Tensor) -> list[int] | None:
        """The spatial sizes of the copy of the input that PyTorch makes to pad it; None where its kernel pads.

        The kernel adds zeros alone, and as many before as after. With padding=same it adds what is even.
        """
        uneven = [after - before for before, after in self.borders(x)]
        if self.padding_mode == "zeros" and not any(uneven):
            return None
        if self.padding_mode == "zeros" and self.padding == "same":
            return [size + more for size, more in zip(x.shape[1:], uneven)]
        return self.padded(x)

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for a window larger than the padded input, as PyTorch does."""
        n = x.rank - 1
        stride = self.per_axis("stride", n, x)
        self.spatial_axes = n
        self.check_groups(x)
        self._check_word(x)
        check_borders(self.padding_mode, x, self.borders(x), ("padding", "padding"))
        if isinstance(self.padding, str):
            spatial = x.shape[1:] if self.padding == "same" else [ceil_div(*pair) for pair in zip(x.shape[1:], stride)]
            return Tensor((self.channels, *spatial))
        return super().infer(x, *others)

    def _check_word(self, x: Tensor) -> None:
        """Raises `ShapeError` for a word that PyTorch does not take here, with the number that was meant."""
        word = self.padding
        if not isinstance(word, str):
            return
        even = evenly(x.shape[1:], self.windows(x))
        strided = any(s != 1 for _, s in self.windows(x))
        width = one_size(tuple(even)) if even else "same_upper" if strided else "same"
        if word == "valid":
            raise ShapeError(
                "SHP109",
                "`padding` must be a size, same or same_upper, not `valid`",
                "padding",
                changes=[Change({"padding": (0,)})],
            )
        if word in MODES:
            mode = {} if word == "zeros" else {"padding_mode": word}
            raise ShapeError(
                "SHP109",
                f"`padding` is the width of the border, `{word}` is what it holds",
                "padding",
                changes=[Change({"padding": width, **mode})],
            )
        if word == "same" and strided:
            changes = [Change({"padding": width})]
            if even and self.borders(x) != [(border, border) for border in even]:
                there = "for windows that lie where TensorFlow puts them"
                changes.append(Change({"padding": "same_upper"}, gives=there))
            raise ShapeError("SHP109", "padding=same needs stride=1", "padding", changes=changes)

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The input or its padded copy, for the gradient of the weights."""
        x = inputs[0]
        copied = self._copied(x)
        if copied is None:
            return Saved((0,))
        kept = (0,) if how.needs[0] and self.padding_mode in ("reflect", "replicate") else ()
        return Saved(kept, extra={"padded input": _bytes(how, x, copied)})

    def passing(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, int]:
        """Copies in the order of the kernels' own; a padded copy that is not kept, and the gradient of one."""
        x = inputs[0]
        copied = self._copied(x)
        if copied is None:
            padding = tuple(before for before, _ in self.borders(x))
            return self.convolving(how, x.shape[1:], padding, y, x).passing()
        inside = self.padding_mode == "zeros" and self.padding == "same"
        padding = tuple(before if inside else 0 for before, _ in self.borders(x))
        forward, backward = self.convolving(how, tuple(copied), padding, y, x).passing()
        copy = _bytes(how, x, copied)
        if how.needs[0]:
            backward = max(backward + copy - _bytes(how, x, x.shape[1:]), copy)
        return forward if how.keeps else forward + copy, backward

    def passes_shift(self, read: Tensor, y: Tensor, *inputs: Tensor) -> bool:
        """Where no zeros stand around the input."""
        return not self.pads_zeros(inputs[0])

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        n = x.rank - 1
        borders, mode = self.borders(x), self.padding_mode
        apart = self.padding == "same_upper" and any(before != after for before, after in borders)
        padding: Any = (
            "same" if self.padding == "same" else sized(tuple(0 if apart else before for before, _ in borders))
        )
        options = given(
            stride=(sized(self.per_axis("stride", n, x)), 1),
            padding=(padding, 0),
            dilation=(sized(self.per_axis("dilation", n, x)), 1),
            groups=(self.groups, 1),
            bias=(self.bias, True),
            padding_mode=("zeros" if apart else mode, "zeros"),
        )
        kernel = sized(self.per_axis("kernel", n, x))
        code = module(f"nn.Conv{n}d", x.shape[0], self.channels, kernel_size=kernel, **options)
        if apart:
            code.call = "{self}(" + pad_call(mode) + ")"
            code.values = {"sides": sides(borders)}
        return code
