"""Borders around the spatial axes of a tensor: how wide they may be, and how PyTorch adds them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archcalc.language.settings import LARGEST_SIZE
from archcalc.layers.arguments import Size
from archcalc.layers.base import ShapeError
from archcalc.layers.change import Change
from archcalc.layers.problem import whole_number
from archcalc.layers.tensor import Tensor
from archcalc.quantity import ceil_div, plain
from archcalc.quoting import python_string

# What a border may hold. The first is PyTorch's default.
MODES = ("zeros", "reflect", "replicate", "circular")
# Words for `padding` in other frameworks.
FOREIGN = ("valid", *MODES)

Border = tuple[int, int]


class BorderSize(Size):
    """Sizes; negative ones cut."""

    def coerce(self, value: Any) -> Any:
        """Whole numbers, including negative ones."""
        sizes = value if isinstance(value, tuple) else (value,)
        return tuple(whole_number(size, -LARGEST_SIZE) for size in sizes)


def check_borders(mode: str, x: Tensor, borders: Sequence[Border], arguments: tuple[str, str]) -> None:
    """Raises `ShapeError` unless reflect adds less than the size and circular at most the size, as in PyTorch.

    Args:
        borders: the sizes added before and after each spatial axis of `x`.
        arguments: the keys that set them.
    """
    if mode not in ("reflect", "circular"):
        return
    for size, border in zip(x.shape[1:], borders):
        most = size - 1 if mode == "reflect" else size
        for argument, width in zip(arguments, border):
            if width > most:
                raise ShapeError(
                    "SHP109",
                    f"{mode} can add at most {most} to {size}, not {width}",
                    argument,
                    changes=[Change({argument: (plain(most),)})],
                )


def same_borders(sizes: Sequence[int], windows: Sequence[tuple[int, int]]) -> list[Border]:
    """Borders that give ceil(size / stride) windows along each axis; of an odd border, the larger part comes after the axis.

    TensorFlow calls this SAME and ONNX SAME_UPPER.

    Args:
        windows: for each axis, the extent of a window and the step between windows.
    """
    totals = [max(0, (ceil_div(size, s) - 1) * s + reach - size) for size, (reach, s) in zip(sizes, windows)]
    return [(total // 2, total - total // 2) for total in totals]


def evenly(sizes: Sequence[int], windows: Sequence[tuple[int, int]]) -> tuple[int, ...] | None:
    """For each axis, a single number for both sides that gives as many windows as `same_borders`; None if there is none."""
    borders = same_borders(sizes, windows)
    if any(before != after and s == 1 for (before, after), (_, s) in zip(borders, windows)):
        return None
    return tuple(int(after) for _, after in borders)


def sides(borders: Sequence[Border]) -> tuple[int, ...]:
    """The borders in the order of torch.nn.functional.pad, which starts with the last axis."""
    return tuple(side for border in reversed(borders) for side in border)


def pad_call(mode: str, value: float | str = 0) -> str:
    """The call that adds them; `{sides}` stands for `sides`, and a constant border holds `value`."""
    holds = f", value={value}" if value else "" if mode == "zeros" else f", mode={python_string(mode)}"
    return "F.pad({0}, {sides}" + holds + ")"
