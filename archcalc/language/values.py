"""Values of open type: hparams and block arguments.

They may be a number or an expression, true or false, or a size (`3x5`); an argument also `none`.
"""

from __future__ import annotations

import re
from typing import Any, Union

from archcalc.diagnostics import fail
from archcalc.language.expressions import Expression, ExpressionError, parse_expression, parse_number
from archcalc.language.sizes import TensorSize
from archcalc.source import Scalar

# An `x` between two sizes; next to letters it is part of a name.
_BETWEEN = r"(?<=[0-9)])x(?=[-0-9(])"


class SizeExpression:
    """A size with an expression for each axis: `(2*k)x3`."""

    __slots__ = ("parts", "scalar")

    def __init__(self, scalar: Scalar, parts: list[Expression]) -> None:
        self.scalar = scalar
        self.parts = parts

    @property
    def names(self) -> dict[str, Scalar]:
        """The names its parts use, with locations."""
        return {name: place for part in self.parts for name, place in part.names.items()}

    @property
    def sizes(self) -> dict[str, TensorSize]:
        """The tensor sizes its parts use, by key."""
        return {key: size for part in self.parts for key, size in part.sizes.items()}

    def evaluate(self, values: Any) -> tuple[Any, ...]:
        """The sizes, given a value for each name."""
        return tuple(part.evaluate(values) for part in self.parts)


class Nothing:
    """An argument that is not there: a key that it is given to is as if it were not written."""

    def __str__(self) -> str:
        return "none"


NONE = Nothing()

Value = Union[bool, int, float, tuple[int, ...], Expression, SizeExpression, Nothing]


def parse_size(scalar: Scalar) -> tuple[Any, ...] | SizeExpression | None:
    """`3x5` as (3, 5), `(2*k)x3` as its expressions; None if it is not a size."""
    text = scalar.text
    if "x" not in text:
        return None
    cuts = [match.start() for match in re.finditer(_BETWEEN, text)]
    if not cuts:
        return None
    if len(cuts) > 7:
        raise fail(
            "SPC005", f"a size has at most 8 axes, not {len(cuts) + 1}", scalar, "one size does for all axes, e.g. 3"
        )
    bounds = list(zip([0, *(cut + 1 for cut in cuts)], [*cuts, len(text)]))
    numbers = [parse_number(text[start:end]) for start, end in bounds]
    if all(isinstance(number, int) for number in numbers):
        return tuple(numbers)
    return SizeExpression(scalar, [parse_expression(scalar.part(start, end)) for start, end in bounds])


def parse_value(scalar: Scalar) -> Value:
    """A value of open type. Raises `SpecError` at an invalid part."""
    text = scalar.text
    if text in ("true", "false"):
        return text == "true"
    if text == str(NONE):
        return NONE
    number = parse_number(text)
    if number is not None:
        return number
    size = parse_size(scalar)
    return parse_expression(scalar) if size is None else size


def evaluate(value: Value, names: Any, place: Scalar) -> Any:
    """The value with its names substituted. Raises `SpecError` at `place`."""
    if not isinstance(value, (Expression, SizeExpression)):
        return value
    try:
        return value.evaluate(names)
    except ExpressionError as error:
        raise fail("SPC005", f"`{place.text}`: {error}", place, error.help) from None
