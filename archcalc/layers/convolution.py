"""Convolutions over a channels-first tensor; 1-D, 2-D or 3-D follows from the input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archcalc.layers.arguments import Size, Word, arg
from archcalc.layers.base import ShapeError, layer
from archcalc.layers.borders import FOREIGN, MODES, Border, check_borders, evenly, pad_call, same_borders, sides
from archcalc.layers.change import Change
from archcalc.layers.code import Code, given, module, sized
from archcalc.layers.correlation import ALIKE, Correlation, indices, one_size
from archcalc.layers.filters import Filtering
from archcalc.layers.saved import NOTHING, Saved, Saving
from archcalc.layers.tensor import Tensor
from archcalc.quantity import ceil_div, plain, product

# The value of a border in each mode.
_OUTSIDE = {
    "zeros": "x = 0 outside of the input",
    "reflect": "outside of the input x is mirrored        the element at the edge stands there once",
    "replicate": "outside of the input x is the nearest element",
    "circular": "outside of the input x goes on from the other end",
}


def _bytes(how: Saving, x: Tensor, sizes: Sequence[int]) -> int:
    """Bytes of `x` with other spatial sizes, for the whole batch."""
    return how.batch * plain(x.shape[0] * product(sizes)) * how.width


@layer("conv", first="channels", aliases=("convolution", "conv1d", "conv2d", "conv3d"))
class Conv(Filtering, Correlation):
    """Convolution (cross-correlation) over a channels-first tensor, 1-D to 3-D by its input.

    [C, *S] -> [channels, *S'] with S' = floor((S + 2·padding - dilation·(kernel - 1) - 1) / stride) + 1.
    padding=same keeps S and needs stride 1. padding=same_upper gives ceil(S / stride), as TensorFlow's SAME
    and ONNX's SAME_UPPER do; of an odd border, the larger part comes after the axis.
    weight=NAME reads its filters, [channels, input channels / groups, *kernel], from another layer: a `constant` that
    blurs, a computed `parameter`, or filters of each sample's own. Source: torch.nn.Conv1d, Conv2d, Conv3d; F.conv2d.
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
    def computes(self) -> str:
        """The equation, and the value of a border if there is one."""
        padded = isinstance(self.padding, str) or any(self.padding)
        return super().computes + (f"\n{_OUTSIDE[self.padding_mode]}" if padded else "")

    def borders(self, x: Tensor) -> list[Border]:
        """The sizes added before and after each spatial axis."""
        return same_borders(x.shape[1:], self.windows(x)) if isinstance(self.padding, str) else super().borders(x)

    def pads_zeros(self, x: Tensor) -> bool:
        """Whether its input is padded with zeros."""
        return self.padding_mode == "zeros" and any(any(border) for border in self.borders(x))

    def _copied(self, x: Tensor) -> list[int] | None:
        """The spatial sizes of the padded copy of the input that PyTorch makes; None if its kernel pads.

        The kernel adds only zeros, equally on both sides. With padding=same it adds the even part.
        """
        uneven = [after - before for before, after in self.borders(x)]
        if self.padding_mode == "zeros" and not any(uneven):
            return None
        if self.padding_mode == "zeros" and self.padding == "same" and self.weight is None:
            return [size + more for size, more in zip(x.shape[1:], uneven)]
        return self.padded(x)

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for a window larger than the padded input, as PyTorch does."""
        n = x.rank - 1
        stride = self.per_axis("stride", n, x)
        self.spatial_axes = n
        self.check_groups(x)
        self.check_filters(x)
        self._check_word(x)
        check_borders(self.padding_mode, x, self.borders(x), ("padding", "padding"))
        if isinstance(self.padding, str):
            spatial = x.shape[1:] if self.padding == "same" else [ceil_div(*pair) for pair in zip(x.shape[1:], stride)]
            return Tensor((self.channels, *spatial))
        return super().infer(x, *others)

    def module_name(self, x: Tensor) -> str:
        """By its axes."""
        return f"nn.Conv{x.rank - 1}d"

    def _check_word(self, x: Tensor) -> None:
        """Raises `ShapeError` for a word that PyTorch does not accept here, suggesting the number that was meant."""
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
        """The input or its padded copy, and given filters, for each other's gradient."""
        if self.weight is not None and not any(how.needs):
            return NOTHING
        x, filters = inputs[0], self.kept_filters(how, *inputs)
        copied = self._copied(x)
        if copied is None:
            return self.kept_images(how, *inputs, filters=filters)
        kept = (0,) if how.needs[0] and self.padding_mode in ("reflect", "replicate") else ()
        saved = Saved((*kept, *filters.inputs), extra={"padded input": _bytes(how, x, copied), **filters.extra})
        return self.with_weight(how, saved, self.filters(x))

    def passing(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, int]:
        """Copies in the kernels' own layout; a padded copy that is not kept, and its gradient."""
        x = inputs[0]
        copied = self._copied(x)
        if copied is None:
            padding = tuple(before for before, _ in self.borders(x))
            return self.kernels(how, x.shape[1:], padding, y, *inputs)
        inside = self.padding_mode == "zeros" and self.padding == "same" and self.weight is None
        padding = tuple(before if inside else 0 for before, _ in self.borders(x))
        forward, backward = self.kernels(how, tuple(copied), padding, y, *inputs)
        copy = _bytes(how, x, copied)
        if how.needs[0]:
            backward = max(backward + copy - _bytes(how, x, x.shape[1:]), copy)
        return forward if how.keeps else forward + copy, backward

    def passes_shift(self, read: Tensor, y: Tensor, *inputs: Tensor) -> bool:
        """Unless the input is padded with zeros."""
        return not self.pads_zeros(inputs[0])

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        n = x.rank - 1
        padding: Any
        borders, mode = self.borders(x), self.padding_mode
        stride, dilation = (sized(self.per_axis(name, n, x)) for name in ("stride", "dilation"))
        if self.weight is not None:
            ahead = mode != "zeros" or any(before != after for before, after in borders)
            padding = 0 if ahead else sized(tuple(before for before, _ in borders))
            return self.applied(
                f"F.conv{n}d", x, borders if ahead else None, mode,
                stride=(stride, 1), padding=(padding, 0), dilation=(dilation, 1),
            )  # fmt: skip
        apart = self.padding == "same_upper" and any(before != after for before, after in borders)
        padding = "same" if self.padding == "same" else sized(tuple(0 if apart else before for before, _ in borders))
        options = given(
            stride=(stride, 1),
            padding=(padding, 0),
            dilation=(dilation, 1),
            groups=(self.groups, 1),
            bias=(self.bias, True),
            padding_mode=("zeros" if apart else mode, "zeros"),
        )
        kernel = sized(self.per_axis("kernel", n, x))
        code = self.wrapped(module(self.module_name(x), x.shape[0], self.channels, kernel_size=kernel, **options))
        if apart:
            code.call = "{self}(" + pad_call(mode) + ")"
            code.values = {"sides": sides(borders)}
        return code
