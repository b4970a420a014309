"""The tensors of a run, and the assignment of the file's weights to layers."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from archcalc.onnx.numbers import Array
from archcalc.tracing.calls import PARAMETER, Call, Number, Value

Shape = tuple[int, ...]


class Traced(Value):
    """A tensor of a run.

    Attributes:
        label: its name in the file; array: its elements, if known; claimed: whether it is a layer's weight;
        flipped: whether its two axes are swapped.
    """

    __slots__ = ("array", "claimed", "flipped", "label")

    def __init__(self, source: str, shape: Sequence[int], kind: str, name: str = "", call: Call | None = None) -> None:
        super().__init__(source, shape, kind, name, call)
        self.label = name
        self.array: Array | None = None
        self.claimed = False
        self.flipped = False

    def known(self, array: Array | None) -> Traced:
        """Sets its known elements and returns itself."""
        self.array = array
        if array is not None:
            self.look = array.only
        return self


class Weights:
    """The assignment of initialisers to layers; an initialiser that serves as several weights is copied.

    Attributes:
        numbers: elements of each weight, by name; merged: how many elements the copies add to the file's.
    """

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.merged = 0
        self._owners: dict[str, tuple[object, ...]] = {}
        self._sets: dict[tuple[object, ...], list[str]] = {}

    def claim(self, names: Sequence[tuple[str, Shape]], where: str) -> list[str]:
        """The names of a layer's weights: the file's own, or copies if another layer has them.

        Args:
            names: the initialisers, with their sizes; where: the module.
        """
        matrix = any(_is_matrix(shape) for _, shape in names)
        key: tuple[object, ...] = tuple(name for name, _ in names)
        if not matrix:
            key = (*key, where)
        if key in self._sets:
            return self._sets[key]
        found = []
        for name, shape in names:
            owner = self._owners.setdefault(name, key)
            new, index = name, 2
            if (owner != key and not _is_matrix(shape)) or name in found:
                while f"{name}:{index}" in self.numbers:
                    index += 1
                new = f"{name}:{index}"
                self.merged += prod(shape)
            self.numbers[new] = prod(shape)
            found.append(new)
        self._sets[key] = found
        return found


def _is_matrix(shape: Shape) -> bool:
    return sum(1 for size in shape if size > 1) > 1


def is_initial(value: Traced | None) -> bool:
    """Whether it is a weight of the file, unmodified."""
    return value is not None and value.source == PARAMETER


def number(value: Traced | None) -> Number | None:
    """The value of a scalar constant; None for any other tensor."""
    if value is None or value.source == PARAMETER or value.array is None or len(value.array.numbers) != 1:
        return None
    found: Number = value.array.numbers[0]
    return found
