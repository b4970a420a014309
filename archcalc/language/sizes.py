"""Sizes of tensors in expressions: `c(prev)`, `h(e4)`, `size(x, 0)`."""

from __future__ import annotations

import re

from archcalc.diagnostics import fail
from archcalc.source import Scalar

# The axis of each letter, as in rearrange patterns.
LETTERS = {"c": "channels", "d": "depth", "h": "height", "w": "width", "n": "positions"}
CALLS = (*LETTERS, "size")

_CALL = (
    r"\s*(?P<letter>[cdhwn]|size)\s*\(\s*(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)?)\s*"
    r"(?:,\s*(?P<axis>-?[0-9]{1,2})\s*)?\)"
)


class TensorSize:
    """A tensor size used in an expression.

    Attributes:
        letter: one of `LETTERS`, or "size" for an axis by its number.
        name: the layer, input or output, e.g. `e4`, `prev`, `e.h`.
        axis: the axis for `size`, not counting the batch.
        place: the call as written.
    """

    __slots__ = ("axis", "letter", "name", "place")

    def __init__(self, letter: str, name: Scalar, axis: int | None, place: Scalar) -> None:
        self.letter = letter
        self.name = name
        self.axis = axis
        self.place = place

    @property
    def key(self) -> str:
        """The call in canonical form, equal for equivalent calls."""
        return f"{self.letter}({self.name.text}{'' if self.axis is None else f', {self.axis}'})"


def match_size(scalar: Scalar, position: int) -> tuple[TensorSize, int] | None:
    """The size at `position`, and where its call ends; None if there is something else.

    Raises `SpecError` for a missing or extra axis.
    """
    match = re.compile(_CALL).match(scalar.text, position)
    if match is None:
        return None
    letter, axis = match["letter"], match["axis"]
    place = scalar.part(match.start("letter"), match.end())
    if letter == "size" and axis is None:
        raise fail("SPC005", "`size` needs the axis", place, f"e.g. size({match['name']}, 0); the batch is not counted")
    if letter != "size" and axis is not None:
        help = f"write {letter}({match['name']}), or size({match['name']}, {axis}) for the axis of this number"
        raise fail("SPC005", f"`{letter}` takes only the name of a layer", place, help)
    name = scalar.part(match.start("name"), match.end("name"))
    return TensorSize(letter, name, None if axis is None else int(axis), place), match.end()
