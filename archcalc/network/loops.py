"""The variables of a repeat: names with a value for each copy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Union

from archcalc.language.values import Value
from archcalc.source import Scalar

# One value for each copy, or the number of copies, which are then numbered from 0.
Values = Union["list[tuple[Scalar, Value]]", "tuple[Scalar, Value]"]


class Loop:
    """The variables of a repeat, each with its place and its values."""

    def __init__(self, place: Scalar) -> None:
        self.place = place
        self.names: dict[str, tuple[Scalar, Values]] = {}

    def written(self) -> list[Value]:
        """Every value, for collecting the names in them."""
        found: list[Value] = []
        for _, values in self.names.values():
            found += [value for _, value in values] if isinstance(values, list) else [values[1]]
        return found


class Turns:
    """The values of a loop's variables, copy by copy."""

    def __init__(self, copies: int, values: Mapping[str, Sequence[Any]]) -> None:
        self.copies = copies
        self._values = values

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {name: values[index] for name, values in self._values.items()}
