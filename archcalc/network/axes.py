"""The sizes that expressions read from tensors: `cin`, `c(x)`, `h(x)`, `size(x, 0)`."""

from __future__ import annotations

from archcalc.language.sizes import LETTERS, TensorSize
from archcalc.layers.layout import CHANNELS_FIRST, FEATURES_LAST, Layout, axis_of
from archcalc.layers.tensor import Tensor


class NoSizeError(Exception):
    """The tensor has no such size, or its layout is not known; `help` says what to write."""

    def __init__(self, message: str, help: str) -> None:
        super().__init__(message)
        self.help = help


def needs_layout(size: TensorSize, x: Tensor) -> bool:
    """Whether the axis that `size` means depends on the layout of `x`."""
    return size.axis is None and x.rank > 1


def axis(size: TensorSize, x: Tensor, layout: Layout) -> int:
    """The axis of `x` that `size` asks for, given the layout. Raises `NoSizeError`."""
    name, key = size.name.text, size.key
    if size.axis is not None:
        if not -x.rank <= size.axis < x.rank:
            axes = f"0 to {x.rank - 1}" if x.rank > 1 else "only 0" if x.rank else "none"
            raise NoSizeError(f"`{key}`: {name} {x} has no axis {size.axis}", f"its axes are {axes}")
        return x.axis(size.axis)
    if size.letter == "c":
        return axis_of(layout, x.rank) if x.rank > 1 else 0
    places = _axes(layout, x.rank)
    if size.letter in places:
        return places[size.letter]
    what = f"has {_told(layout, x.rank)}, no {LETTERS[size.letter]}"
    others = [f"{letter}({name}) is {int(x.shape[at])}" for letter, at in places.items()]
    raise NoSizeError(f"`{key}`: {name} {x} {what}", ", ".join(others) or f"c({name}) is {int(x.shape[0])}")


def undecided(size: TensorSize, x: Tensor) -> NoSizeError:
    """The error for a tensor whose layout nothing decides."""
    name = size.name.text
    *most, last = (f"size({name}, {index})" for index in range(x.rank))
    return NoSizeError(f"`{size.key}`: the layout of {name} {x} is not decided", f"{', '.join(most)} or {last}")


def _axes(layout: Layout, rank: int) -> dict[str, int]:
    """The axes that the letters stand for, without the channels."""
    if layout == CHANNELS_FIRST:
        return {2: {"n": 1}, 3: {"h": 1, "w": 2}, 4: {"d": 1, "h": 2, "w": 3}}.get(rank, {})
    if layout == FEATURES_LAST and rank > 1:
        return {"h": 0, "w": 1, "n": 1} if rank == 3 else {"n": rank - 2}
    return {}


def _told(layout: Layout, rank: int) -> str:
    """What the axes of a tensor are."""
    if rank < 2:
        return "features alone"
    known = [LETTERS[letter] for letter in _axes(layout, rank)]
    first = "channels" if layout == CHANNELS_FIRST else "features"
    return " and ".join([first, *known] if layout == CHANNELS_FIRST else [*known, first]) if known else first
