"""What is wrong with the value of a layer's key, and what to write instead."""

from __future__ import annotations

import math
from typing import Any

from archcalc.advice import written
from archcalc.diagnostics import Advice
from archcalc.language.expressions import describe
from archcalc.language.settings import LARGEST_SIZE
from archcalc.language.values import parse_size
from archcalc.source import Scalar

# A whole number computed in floating point may be off by this much, relative to itself: a few roundings. Above the other
# bound, roundings reach one half, and any fraction would pass for a whole number.
_ROUNDING, _EXACT = 16 * 2.0**-52, 2.0**47


class ValueProblem(Exception):
    """A value that its argument cannot take; the message follows "`key` ". A `fraction` can be rounded."""

    def __init__(self, message: str, help: str | None = None, fraction: float | None = None) -> None:
        super().__init__(message)
        self.help = help
        self.fraction = fraction

    def advice(self, place: Scalar) -> str | Advice | None:
        """What to do about the value that stands at `place`."""
        if self.fraction is None:
            return self.help
        if parse_size(place) is not None:
            return "make each size whole, with round(...) or floor(...)"
        wraps = ("floor", math.floor(self.fraction)), ("ceil", math.ceil(self.fraction))
        texts = [(f"{name}({place.text})", value) for name, value in wraps]
        fixes = [written(place, text) for text, _ in texts]
        told = ", or ".join(f"`{text}` for {value:,}" for text, value in texts)
        return Advice(f"write {told}", choices=tuple(fix for fix in fixes if fix))


def whole_number(value: Any, min: int, max: int = LARGEST_SIZE) -> int:
    """`value` as a whole number in its range. Raises `ValueProblem`."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueProblem(f"must be a whole number, not {describe(value)}")
    if isinstance(value, float):
        nearest = round(value)
        if abs(value) >= _EXACT:
            raise ValueProblem(f"is {value:.15g}, a fraction that is too large to be exact", "divide with //")
        if abs(value - nearest) > _ROUNDING * abs(value):
            short = f"{value:.15g}"  # without the last roundings, unless only they tell it from a whole number
            told = repr(value) if float(short) == nearest else short
            raise ValueProblem(f"must be a whole number, not {told}", fraction=value)
        value = nearest
    if value < min:
        raise ValueProblem(f"must be at least {min}, not {value}")
    if value > max:
        raise ValueProblem(f"must be at most {max:,}, not {value:,}")
    whole: int = value
    return whole
