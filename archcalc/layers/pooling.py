"""Pooling over the spatial axes of a channels-first tensor."""

from __future__ import annotations

from typing import ClassVar

from archcalc.layers.arguments import Flag, Size, Whole, arg
from archcalc.layers.base import Layer, ShapeError, layer
from archcalc.layers.borders import evenly
from archcalc.layers.change import Change
from archcalc.layers.code import Code, given, module, sized
from archcalc.layers.correlation import ALIKE, indices, one_size, sizes_text
from archcalc.layers.field import Field, made, whole, windows
from archcalc.layers.layout import CHANNELS_FIRST
from archcalc.layers.neighbours import LONGEST
from archcalc.layers.saved import INPUT, NOTHING, Saved, Saving
from archcalc.layers.strides import Strides, contiguous, imaged
from archcalc.layers.tensor import Tensor
from archcalc.quantity import ceil_div, gcd, plain, product
from archcalc.terms import called, work

_POSITION = 8  # bytes (int64)


def _over_windows(word: str, axes: int, dilated: bool = False) -> str:
    """The equation of windows that move, over so many spatial axes."""
    out, taps, read = indices(axes)
    step = "·dilation" if dilated else ""
    return (
        f"y[c, {out}] = {word} x[c, {read}]        over the taps {taps} of a window\n"
        f"i = s·stride + τ{step} − padding{ALIKE[axes - 1]}"
    )


def _over_shares(word: str, axes: int) -> str:
    """The equation of windows that share the input among the outputs."""
    out, _, read = indices(axes)
    alike = ("", "; j alike", "; j and l alike")[axes - 1]
    return (
        f"y[c, {out}] = {word} x[c, {read}]        over ⌊s·S / S′⌋ ≤ i < ⌈(s + 1)·S / S′⌉, S inputs, S′ outputs{alike}"
    )


class Pooling(Layer):
    """A window that moves over each channel for itself."""

    one_pass = True
    traffic = "windows"
    nonnegative = True
    # True: a volume comes out in the order of its axes, whatever the order of the input.
    reorders_volumes: ClassVar[bool] = False
    # Of the input, once that is known; a label writes a window along each of them.
    spatial_axes: int = 1

    # What a window gives, and what is done with each of its elements.
    word: ClassVar[str]
    step: ClassVar[str]

    layout = CHANNELS_FIRST
    ranks = (2, 4)
    wants = "a channels-first tensor [channels, ...] with one to three spatial axes"

    kernel: tuple[int, ...] = arg(Size, "window size", aliases=("kernel_size", "pool_size"))
    stride: tuple[int, ...] | None = arg(Size, "step between two windows; default: the kernel", default=None)
    padding: tuple[int, ...] = arg(
        Size, "border on both sides, at most half the kernel", default=(0,), min=0, foreign=("same", "valid")
    )
    ceil: bool = arg(Flag, "round the output size up", default=False, aliases=("ceil_mode",))
    dilation: tuple[int, ...] = (1,)

    @property
    def computes(self) -> str:
        """For the spatial axes that it has, with what stands in a border."""
        border = self.border_told if any(self.padding) else ""
        return _over_windows(self.word, self.spatial_axes, "dilation" in self.arguments) + border

    @property
    def border_told(self) -> str:
        """A line on what a window finds outside of its input."""
        raise NotImplementedError(self.op)

    @property
    def label(self) -> str:
        """As people say it: `maxpool 3×3/2`."""
        kernel = self.kernel if len(self.kernel) > 1 else self.kernel * self.spatial_axes
        stride = self.stride or self.kernel
        return f"{self.op} {sizes_text(kernel)}/{sizes_text(stride if len(set(stride)) > 1 else stride[:1])}"

    def axes(self, x: Tensor) -> list[tuple[int, int, int, int]]:
        """(kernel, stride, padding, dilation) of each spatial axis."""
        n = x.rank - 1
        stride = self.per_axis("stride" if self.stride else "kernel", n, x)
        return list(
            zip(self.per_axis("kernel", n, x), stride, self.per_axis("padding", n, x), self.per_axis("dilation", n, x))
        )

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """S' = floor((S + 2·padding - dilation·(kernel - 1) - 1) / stride) + 1.

        With ceil the division rounds up, but the last window must start inside the input or its
        left padding: PyTorch's extra rule.
        """
        self.spatial_axes = x.rank - 1
        if isinstance(self.padding, str):
            raise self._foreign_word(self.padding, x)
        spatial = []
        for size, (k, s, p, d) in zip(x.shape[1:], self.axes(x)):
            reach = d * (k - 1) + 1
            if 2 * p > k:
                raise ShapeError(
                    "SHP109",
                    f"padding {p} is more than half of the kernel {k}",
                    "padding",
                    changes=[Change({"padding": one_size(tuple(min(p, k // 2) for k, _, p, _ in self.axes(x)))})],
                )
            room = size + 2 * p - d * (k - 1) - 1
            out = (ceil_div(room, s) if self.ceil else room // s) + 1
            if self.ceil and (out - 1) * s >= size + p:
                out = out - 1
            if out < 1:
                raise ShapeError(
                    "SHP103",
                    f"window {reach} is larger than the padded input {x}",
                    "kernel",
                    changes=[self._fitting(x)],
                )
            spatial.append(out)
        return Tensor((x.shape[0], *spatial))

    def _foreign_word(self, word: str, x: Tensor) -> ShapeError:
        """What to write for a word of TensorFlow's, whose means leave the border out."""
        self.padding = (0,)
        axes = self.axes(x)
        changes, help = [Change({"padding": (0,)})], None
        if word == "same":
            even = evenly(x.shape[1:], [(d * (k - 1) + 1, s) for k, s, _, d in axes])
            changes = []
            help = "no border of one width on both sides does this: choose an odd kernel, or put `pad` before it"
            if even is not None and all(2 * border <= k for border, (k, _, _, _) in zip(even, axes)):
                left_out = {"count_include_pad": False} if self.op == "avgpool" and any(even) else {}
                changes, help = [Change({"padding": one_size(tuple(even)), **left_out})], None
        return ShapeError("SHP109", f"`padding` must be a size, not `{word}`", "padding", help, changes=changes)

    def _fitting(self, x: Tensor) -> Change:
        """The largest window that fits the input."""
        sizes = (
            min(plain(k), (plain(size + 2 * p) - 1) // plain(d) + 1)
            for size, (k, _, p, d) in zip(x.shape[1:], self.axes(x))
        )
        return Change({"kernel": one_size(tuple(sizes))})

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """One operation for each element of each window."""
        window = product(k for k, _, _, _ in self.axes(inputs[0]))
        return work(y.elements * window, "element of a window", (self.step, 1))

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """In the format of the input."""
        return _formatted(self, how, y)

    def field(self, y: Tensor, x: Tensor) -> list[Field]:
        """A window spans dilation·(kernel − 1) + 1 inputs."""
        return [windows(d * (k - 1) + 1, s, -p) for k, s, p, d in self.axes(x)]


@layer("maxpool", first="kernel", aliases=("maxpooling", "max_pool"))
class MaxPool(Pooling):
    """Largest element of each window. [C, *S] -> [C, *S']. Source: torch.nn.MaxPool1d to MaxPool3d."""

    selects = True
    example = ("maxpool 3 stride=2", "8x32x32")
    notation = _over_windows("max", 2, dilated=True)
    word, step = "max", "comparison"
    border_told = "\nx = −∞ outside of the input        so the border is never the largest"

    dilation: tuple[int, ...] = arg(Size, "step between two taps of a window", default=(1,))
    indices: bool = arg(Flag, "also output `indices`, for `maxunpool`", default=False, aliases=("return_indices",))

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """As every pooling; the places have the shape of the output."""
        y = super().infer(x)
        if self.indices:
            y.outputs, y.state = {"indices": Tensor(y.shape, CHANNELS_FIRST, integer=True)}, (self.op,)
            y.outputs["indices"].places = x.shape[1:]
        return y

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The input, and where each largest element was."""
        there = {"positions": _POSITION * how.batch * y.numel}
        return how.first(Saved((0,), further=("indices",)) if self.indices else Saved((0,), extra=there))

    def passes_shift(self, read: Tensor, y: Tensor, *inputs: Tensor) -> bool:
        """The largest element has it."""
        return True

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        kernel, stride, padding, dilation = (sized(sizes) for sizes in zip(*self.axes(x)))
        plain = given(
            stride=(stride, kernel), padding=(padding, 0), dilation=(dilation, 1), ceil_mode=(self.ceil, False),
            return_indices=(self.indices, False),
        )  # fmt: skip
        code = module(f"nn.MaxPool{x.rank - 1}d", kernel_size=kernel, **plain)
        code.outputs = {"indices": "{state}"} if self.indices else {}
        return code


@layer("avgpool", first="kernel", aliases=("averagepool", "avg_pool", "meanpool", "averagepooling", "avgpooling"))
class AvgPool(Pooling):
    """Mean of each window. [C, *S] -> [C, *S']. Source: torch.nn.AvgPool1d to AvgPool3d."""

    example = ("avgpool 2", "8x32x32")
    notation = _over_windows("mean", 2)
    word, step = "mean", "addition"

    reorders_volumes = True

    count_include_pad: bool = arg(Flag, "the border's zeros count in the mean", default=True)
    divisor_override: int | None = arg(
        Whole, "what a window's sum is divided by; default: its elements", default=None, min=1
    )

    @property
    def computes(self) -> str:
        """The sum by a number of its own where that is given."""
        told = super().computes
        return told if self.divisor_override is None else told.replace("mean", f"1/{self.divisor_override} Σ", 1)

    @property
    def border_told(self) -> str:
        """Zeros, which count or do not."""
        if self.count_include_pad or self.divisor_override is not None:
            return "\nx = 0 outside of the input        and counts in the mean"
        return "\ntaps outside of the input do not count"

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """As every pooling; over three axes the window must fit the input without its padding, as in PyTorch."""
        y = super().infer(x)
        if self.divisor_override is not None and x.rank == 2:
            raise ShapeError(
                "SHP109",
                "PyTorch's mean over one axis takes no `divisor_override`",
                "divisor_override",
                "a `scale` after the layer multiplies all means",
                changes=[Change({"divisor_override": None})],
            )
        for size, (k, _, _, _) in zip(x.shape[1:], self.axes(x)):
            if x.rank == 4 and k > size:
                raise ShapeError(
                    "SHP103",
                    f"window {k} is larger than the input {x} without its padding",
                    "kernel",
                    changes=[Change({"kernel": one_size(tuple(map(min, x.shape[1:], (k for k, *_ in self.axes(x)))))})],
                )
        return y

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The input, though only its sizes are needed."""
        return how.first(INPUT)

    def passes_shift(self, read: Tensor, y: Tensor, *inputs: Tensor) -> bool:
        """Where every window is full: a window over the edge has a smaller sum."""
        return self.divisor_override is None and not any(padding for _, _, padding, _ in self.axes(inputs[0]))

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        kernel, stride, padding, _ = (sized(sizes) for sizes in zip(*self.axes(x)))
        plain = given(stride=(stride, kernel), padding=(padding, 0), ceil_mode=(self.ceil, False))
        plain.update(given(count_include_pad=(self.count_include_pad, True)))
        plain.update(given(divisor_override=(self.divisor_override, None)))
        return module(f"nn.AvgPool{x.rank - 1}d", kernel_size=kernel, **plain)


def _formatted(layer: Pooling | AdaptivePooling, how: Saving, y: Tensor) -> Strides:
    sizes = (how.batch, *y.shape)
    return contiguous(sizes) if y.rank == 4 and layer.reorders_volumes else imaged(how.strides[0], sizes)


class AdaptivePooling(Layer):
    """Windows chosen so that the output has a given size."""

    one_pass = True
    traffic = "windows"
    nonnegative = True
    reorders_volumes = True
    # Of the input, once that is known.
    spatial_axes: int = 1

    # What a window gives, and what is done with each of its elements.
    word: ClassVar[str]
    step: ClassVar[str]

    layout = CHANNELS_FIRST
    ranks = (2, 4)
    wants = "a channels-first tensor [channels, ...] with one to three spatial axes"

    output: tuple[int, ...] = arg(
        Size, "output size; -1 keeps that of an axis, e.g. 1x-1", aliases=("output_size",), also=-1
    )

    @property
    def computes(self) -> str:
        """Of all elements where there is one output."""
        if not self.is_global:
            return _over_shares(self.word, self.spatial_axes)
        _, _, read = indices(self.spatial_axes)
        return f"y[c{', 0' * self.spatial_axes}] = {self.word} x[c, {read}]        over all {read}"

    def sizes(self, x: Tensor) -> tuple[int, ...]:
        """The output size of each spatial axis."""
        given = self.per_axis("output", x.rank - 1, x)
        return tuple(size if out == -1 else out for size, out in zip(x.shape[1:], given))

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """[C, *S] -> [C, *output]; any output size is possible."""
        self.spatial_axes = x.rank - 1
        return Tensor((x.shape[0], *self.sizes(x)))

    def passes_shift(self, read: Tensor, y: Tensor, *inputs: Tensor) -> bool:
        """Every window has it."""
        return True

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """One operation for each element of each window.

        Along an axis of S inputs and S' outputs the windows hold S + S' - gcd(S, S') elements:
        neighbours share one wherever a border falls inside an element, which all but gcd(S, S') borders do.
        """
        axes = zip(inputs[0].shape[1:], y.shape[1:])
        read = y.shape[0] * product(a + called(b - gcd(a, b), "read again", a) for a, b in axes)
        return work(read, "element of a window", (self.step, 1))

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """In the format of the input."""
        return _formatted(self, how, y)

    @property
    def is_global(self) -> bool:
        """Whether a single output looks at all of the input."""
        return set(self.output) == {1}

    def field(self, y: Tensor, x: Tensor) -> list[Field] | None:
        """Windows of different sizes where the output does not divide the input."""
        fields = [_windows(plain(a), plain(b)) for a, b in zip(x.shape[1:], y.shape[1:])]
        known = [field for field in fields if field is not None]
        return known if len(known) == len(fields) else None


def _windows(size: int, output: int) -> Field | None:
    """From ⌊o·size / output⌋ to before ⌈(o + 1)·size / output⌉; None where that has no short rule."""
    if output == 1:
        return whole(size)
    shared = gcd(size, output)
    if output // shared > LONGEST:
        return None
    return made(
        output // shared,
        size // shared,
        lambda one: (one * size // output, ceil_div((one + 1) * size, output) - 1),
    )


@layer("adaptiveavgpool", first="output", aliases=("adaptive_avg_pool",))
class AdaptiveAvgPool(AdaptivePooling):
    """Mean over windows that give the output size. Source: torch.nn.AdaptiveAvgPool1d to AdaptiveAvgPool3d."""

    notation = _over_shares("mean", 2)
    word, step = "mean", "addition"

    @property
    def reorders_volumes(self) -> bool:  # type: ignore[override]
        """A single output is a plain mean."""
        return not self.is_global

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The input; a single output is a plain mean, which keeps nothing."""
        return NOTHING if set(y.shape[1:]) == {1} else how.first(INPUT)

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return module(f"nn.AdaptiveAvgPool{x.rank - 1}d", sized(self.sizes(x)))


@layer("adaptivemaxpool", first="output", aliases=("adaptive_max_pool",))
class AdaptiveMaxPool(AdaptivePooling):
    """Maximum over windows that give the output size. Source: torch.nn.AdaptiveMaxPool1d to AdaptiveMaxPool3d."""

    selects = True
    notation = _over_shares("max", 2)
    word, step = "max", "comparison"

    refused: ClassVar[dict[str, str]] = {"return_indices": "only `maxpool` has an output for the places: leave it out"}

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The input, and where each largest element was."""
        return how.first(Saved((0,), extra={"positions": _POSITION * how.batch * y.numel}))

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return module(f"nn.AdaptiveMaxPool{x.rank - 1}d", sized(self.sizes(x)))
