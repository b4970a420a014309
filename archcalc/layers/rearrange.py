"""Axes reordered, joined and split by a pattern of letters, which also say where the channels are."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from archcalc.layers.arguments import Argument, Text, Whole, arg
from archcalc.layers.base import ShapeError, decided, layer
from archcalc.layers.code import Code, expression
from archcalc.layers.layout import CHANNELS_FIRST, ENDS, FEATURES_LAST, LAYOUTS, Layout, axis_of, between
from archcalc.layers.patterns import CHANNELS, PatternError, parsed
from archcalc.layers.saved import Saving
from archcalc.layers.shape import Rearranging, moved
from archcalc.layers.strides import Strides
from archcalc.layers.tensor import Tensor, Want


@layer("rearrange", first="pattern", aliases=("einops",), family="shape")
class Rearrange(Rearranging):
    """Reorders, joins and splits axes by a pattern. Sizes that cannot be found are given by name.

    'c h w -> (h w) c'; '(a p) (b q) c -> (a b) (p q) c' p=7 q=7. The letter `c` means channels or features: on the
    left it must be the axis that holds them; on the right, as the first or last axis, it sets the layout of the
    output. Source of the notation: einops.
    """

    sets_sizes = True
    reorders = True

    notation = "y has the elements of x, with the axes as the pattern says"

    @property
    def computes(self) -> str:
        """The pattern with indices of elements; in parentheses, the last axis varies fastest."""
        left, _, right = (part.strip().replace("...", "…") for part in self.pattern.partition("->"))
        y, x = (re.sub(r"\s+(?![^(]*\))", ", ", one) for one in (right, left))
        told = "        of axes in parentheses the last runs fastest" if "(" in left + right else ""
        return f"y[{y}] = x[{x}]{told}"

    layout = ENDS
    view = False
    free_keys: ClassVar[Argument | None] = arg(Whole, "size of an axis of the pattern", default=None, min=1)

    pattern: str = arg(Text, "input axes -> output axes, in quotes")

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` if the pattern is invalid or does not fit."""
        given = {name: size for name, size in self.__dict__.items() if name != "pattern"}
        try:
            return moved(x, parsed(self.pattern).apply(x.shape, given))
        except PatternError as error:
            raise ShapeError("SHP108", f"rearrange '{self.pattern}': {error}", "pattern", error.help) from None

    def goes(self, axis: int, x: Tensor, y: Tensor) -> int | None:
        """The position of its letter, if that stands alone on both sides."""
        left, right = (parsed(self.pattern).axes(side, x.rank) for side in ("left", "right"))
        return right.index(left[axis]) if len(left[axis]) == 1 and left[axis] in right else None

    def wanted(self, *inputs: Tensor) -> tuple[Want, ...]:
        """The layout according to the letters on the left."""
        layout = self._said("left", inputs[0].rank)
        return ((inputs[0], layout, "pattern"),) if layout else ()

    def disagreement(self, want: Want, inputs: tuple[Tensor, ...], found: str, by: Any) -> ShapeError:
        """The error for a letter `c` on an axis that is not that of the channels."""
        x = want[0]
        named, real = axis_of(want[1], x.rank), axis_of(found, x.rank)
        what = "features" if found == FEATURES_LAST else "channels"
        return ShapeError(
            "SHP112",
            f"the pattern calls axis {named} `c`, but the {what} of {x} are axis {real}",
            "pattern",
            f"name axis {real} `c`, and the others by other letters",
            notes=decided(by),
        )

    def gives(self, *inputs: Tensor) -> Layout:
        """The layout according to the letters on the right."""
        layout = self._said("right", inputs[0].rank)
        return layout if layout in LAYOUTS else None

    def _said(self, side: str, rank: int) -> Layout:
        """The layout according to the letter `c` on one side, if the input has `rank` axes; None without the letter."""
        try:
            axes = parsed(self.pattern).axes(side, rank)
        except PatternError:
            return None  # reported when it is applied
        at = next((index for index, names in enumerate(axes) if CHANNELS in names), None)
        if at is None or len(axes) < 2:
            return None
        return CHANNELS_FIRST if at == 0 else FEATURES_LAST if at == len(axes) - 1 else between(at)

    def output_rank(self, *inputs: Tensor) -> int:
        """The axes on the right."""
        return len(parsed(self.pattern).axes("right", inputs[0].rank))

    @property
    def label(self) -> str:
        """The pattern and the given sizes."""
        sizes = "".join(f" {name}={size}" for name, size in self.__dict__.items() if name != "pattern")
        return f"rearrange '{self.pattern}'{sizes}"

    def shares(self, how: Saving, y: Tensor, *inputs: Tensor) -> bool:
        """True if something changes and joined axes are adjacent in memory."""
        return self._laid(how)[1]

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """Axes are split and reordered in place, then joined."""
        return self._laid(how)[0]

    def _laid(self, how: Saving) -> tuple[Strides, bool]:
        given = {name: size for name, size in self.__dict__.items() if name != "pattern"}
        return parsed(self.pattern).laid(how.strides[0], given)

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        sizes = {name: size for name, size in self.__dict__.items() if name != "pattern"}
        values = {f"{name}_size": size for name, size in sizes.items()}
        return expression("{0}" + parsed(self.pattern).source(x.rank, sizes), **values)
