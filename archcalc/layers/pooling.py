"""Pooling over the spatial axes of a channels-first tensor."""

from __future__ import annotations

from typing import Any, ClassVar

from archcalc.layers.arguments import Flag, Size, Whole, arg
from archcalc.layers.base import Layer, ShapeError, layer
from archcalc.layers.borders import Border, evenly, pad_call, same_borders, sides
from archcalc.layers.change import Change
from archcalc.layers.code import Code, given, module, sized
from archcalc.layers.correlation import ALIKE, indices, one_size, sizes_text
from archcalc.layers.field import Field, windows
from archcalc.layers.layout import CHANNELS_FIRST
from archcalc.layers.saved import INPUT, Saved, Saving
from archcalc.layers.strides import Strides, contiguous, imaged
from archcalc.layers.tensor import Tensor
from archcalc.quantity import ceil_div, plain, product
from archcalc.terms import work

POSITION = 8  # bytes (int64)


def _over_windows(word: str, axes: int, dilated: bool = False) -> str:
    """The equation of windows that move, over so many spatial axes."""
    out, taps, read = indices(axes)
    step = "·dilation" if dilated else ""
    return (
        f"y[c, {out}] = {word} x[c, {read}]        over the taps {taps} of a window\n"
        f"i = s·stride + τ{step} − padding{ALIKE[axes - 1]}"
    )


def formatted(reorders_volumes: bool, how: Saving, y: Tensor) -> Strides:
    """In the memory format of the input; a volume may become contiguous."""
    sizes = (how.batch, *y.shape)
    return contiguous(sizes) if y.rank == 4 and reorders_volumes else imaged(how.strides[0], sizes)


class Windowed(Layer):
    """Computes something over windows of each channel separately."""

    one_pass = True
    traffic = "windows"
    nonnegative = True
    # True: a volume becomes contiguous whatever the format of the input.
    reorders_volumes: ClassVar[bool] = False
    # The number of spatial axes, once the input is known; a label writes a window along each of them.
    spatial_axes: int = 1

    # The result for a window, and the operation on each of its elements.
    word: ClassVar[str]
    step: ClassVar[str]

    layout = CHANNELS_FIRST
    ranks = (2, 4)
    wants = "a channels-first tensor [channels, ...] with one to three spatial axes"


class Pooling(Windowed):
    """A window that moves over each channel separately."""

    kernel: tuple[int, ...] = arg(Size, "window size", aliases=("kernel_size", "pool_size"))
    stride: tuple[int, ...] | None = arg(Size, "step between two windows; default: the kernel", default=None)
    padding: Any = arg(
        Size, "border on both sides, at most half the kernel", default=(0,), min=0, foreign=("same", "valid")
    )
    ceil: bool = arg(Flag, "round the output size up", default=False, aliases=("ceil_mode",))
    dilation: tuple[int, ...] = (1,)

    @property
    def computes(self) -> str:
        """The equation for its spatial axes, with the value of a border."""
        border = self.border_told if isinstance(self.padding, str) or any(self.padding) else ""
        return _over_windows(self.word, self.spatial_axes, "dilation" in self.arguments) + border

    @property
    def border_told(self) -> str:
        """A line on what a window reads outside its input."""
        raise NotImplementedError(self.op)

    @property
    def label(self) -> str:
        """In words: `maxpool 3×3/2`."""
        kernel = self.kernel if len(self.kernel) > 1 else self.kernel * self.spatial_axes
        stride = self.stride or self.kernel
        return f"{self.op} {sizes_text(kernel)}/{sizes_text(stride if len(set(stride)) > 1 else stride[:1])}"

    def axes(self, x: Tensor) -> list[tuple[int, int, int, int]]:
        """(kernel, stride, padding, dilation) of each spatial axis."""
        n = x.rank - 1
        stride = self.per_axis("stride" if self.stride else "kernel", n, x)
        padding = [before for before, _ in self.borders(x)]
        return list(zip(self.per_axis("kernel", n, x), stride, padding, self.per_axis("dilation", n, x)))

    def borders(self, x: Tensor) -> list[Border]:
        """The border before and after each spatial axis."""
        return [(padding, padding) for padding in self.per_axis("padding", x.rank - 1, x)]

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
        """What to write for a word from TensorFlow, whose means do not count the border."""
        self.padding = (0,)
        axes = self.axes(x)
        changes, help = [Change({"padding": (0,)})], None
        if word == "same":
            even = evenly(x.shape[1:], [(d * (k - 1) + 1, s) for k, s, _, d in axes])
            changes = [Change({"padding": "same_upper"})] if self.op == "maxpool" else []
            help = (
                None
                if changes
                else "no border of one width on both sides does this: choose an odd kernel, or put `pad` before it"
            )
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
        return formatted(self.reorders_volumes, how, y)

    def field(self, y: Tensor, x: Tensor) -> list[Field]:
        """A window spans dilation·(kernel − 1) + 1 inputs."""
        return [windows(d * (k - 1) + 1, s, -p) for k, s, p, d in self.axes(x)]


@layer("maxpool", first="kernel", aliases=("maxpooling", "max_pool"))
class MaxPool(Pooling):
    """Largest element of each window. [C, *S] -> [C, *S'].

    padding=same_upper gives ceil(S / stride), as TensorFlow's SAME and ONNX's SAME_UPPER do; of an odd border, the larger
    part comes after the axis. Source: torch.nn.MaxPool1d to MaxPool3d.
    """

    selects = True
    example = ("maxpool 3 stride=2", "8x32x32")
    notation = _over_windows("max", 2, dilated=True)
    word, step = "max", "comparison"
    border_told = "\nx = −∞ outside of the input        so the border is never the largest"

    padding: Any = arg(
        Size, "border on both sides, at most half the kernel, or same_upper",
        default=(0,), min=0, words=("same_upper",), foreign=("same", "valid"),
    )  # fmt: skip
    dilation: tuple[int, ...] = arg(Size, "step between two taps of a window", default=(1,))
    indices: bool = arg(Flag, "also output `indices`, for `maxunpool`", default=False, aliases=("return_indices",))

    def windows(self, x: Tensor) -> list[tuple[int, int]]:
        """The extent of a window along each spatial axis, and the step between windows."""
        kernel, stride, dilation = (
            self.per_axis(key, x.rank - 1, x) for key in ("kernel", "stride" if self.stride else "kernel", "dilation")
        )
        return [(d * (k - 1) + 1, s) for k, s, d in zip(kernel, stride, dilation)]

    def borders(self, x: Tensor) -> list[Border]:
        """What is added before and after each spatial axis."""
        return same_borders(x.shape[1:], self.windows(x)) if isinstance(self.padding, str) else super().borders(x)

    def _copied(self, x: Tensor) -> list[int] | None:
        """The spatial sizes of the copy of the input with its borders; None where the kernel adds them itself."""
        borders = self.borders(x)
        # A dilated window may lie entirely in the kernel's own border, where it finds no element.
        dilated = isinstance(self.padding, str) and any(d > 1 for *_, d in self.axes(x))
        if all(before == after for before, after in borders) and not (dilated and any(map(any, borders))):
            return None
        return [size + before + after for size, (before, after) in zip(x.shape[1:], borders)]

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """As every pooling; the places have the shape of the output. Raises `ShapeError` for those in a padded copy."""
        if self.padding == "same_upper":
            self.spatial_axes = x.rank - 1
            y = Tensor((x.shape[0], *(ceil_div(size, s) for size, (_, s) in zip(x.shape[1:], self.windows(x)))))
            if self.indices and self._copied(x) is not None:
                raise ShapeError(
                    "SHP109", f"places in {x} with a border on one side are not those in {x}", "indices",
                    help="a `pad` before it makes an image of its own, whose places they are",
                )  # fmt: skip
        else:
            y = super().infer(x)
        if self.indices:
            y.outputs, y.state = {"indices": Tensor(y.shape, CHANNELS_FIRST, integer=True)}, (self.op,)
            y.outputs["indices"].places = x.shape[1:]
        return y

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The input or its padded copy, and where each largest element was."""
        there = {"positions": POSITION * how.batch * y.numel}
        if (copied := self._copied(inputs[0])) is not None:
            return how.first(Saved(extra={"padded input": self._bytes(how, inputs[0], copied), **there}))
        return how.first(Saved((0,), further=("indices",)) if self.indices else Saved((0,), extra=there))

    def passing(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, int]:
        """A padded copy that is not kept, and the gradient of one; the places of what is largest, which only sequences leave out."""
        x = inputs[0]
        gives = how.keeps or self.indices or (x.rank == 2 and not how.gpu)
        places = 0 if gives else POSITION * how.batch * y.numel
        if (copied := self._copied(x)) is None:
            return places, 0
        copy = self._bytes(how, x, copied)
        return places if how.keeps else places + copy, copy

    @staticmethod
    def _bytes(how: Saving, x: Tensor, sizes: list[int]) -> int:
        return how.batch * plain(x.shape[0] * product(sizes)) * how.width

    def passes_shift(self, read: Tensor, y: Tensor, *inputs: Tensor) -> bool:
        """The largest element is shifted too."""
        return True

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        kernel, stride, padding, dilation = (sized(sizes) for sizes in zip(*self.axes(x)))
        borders, apart = self.borders(x), self._copied(x) is not None
        padding = 0 if apart else padding
        plain = given(
            stride=(stride, kernel), padding=(padding, 0), dilation=(dilation, 1), ceil_mode=(self.ceil, False),
            return_indices=(self.indices, False),
        )  # fmt: skip
        code = module(f"nn.MaxPool{x.rank - 1}d", kernel_size=kernel, **plain)
        if apart:
            code.call, code.values = "{self}(" + pad_call("zeros", "-torch.inf") + ")", {"sides": sides(borders)}
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
        """The equation, with the sum divided by a given number if there is one."""
        told = super().computes
        return told if self.divisor_override is None else told.replace("mean", f"1/{self.divisor_override} Σ", 1)

    @property
    def border_told(self) -> str:
        """A line that says whether zeros outside the input count."""
        if self.count_include_pad or self.divisor_override is not None:
            return "\nx = 0 outside of the input        and counts in the mean"
        return "\ntaps outside of the input do not count"

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """As for every pooling; over three axes the window must fit the input without its padding, as in PyTorch."""
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
        """True if every window is full: a window over the edge has a smaller sum."""
        return self.divisor_override is None and not any(padding for _, _, padding, _ in self.axes(inputs[0]))

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        kernel, stride, padding, _ = (sized(sizes) for sizes in zip(*self.axes(x)))
        plain = given(stride=(stride, kernel), padding=(padding, 0), ceil_mode=(self.ceil, False))
        plain.update(given(count_include_pad=(self.count_include_pad, True)))
        plain.update(given(divisor_override=(self.divisor_override, None)))
        return module(f"nn.AvgPool{x.rank - 1}d", kernel_size=kernel, **plain)
