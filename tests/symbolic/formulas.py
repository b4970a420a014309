"""Formulas of a closed form read again: from what people see, and from what machines get."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from types import CodeType

_POWERS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")


def number(formula: str, values: Mapping[str, int]) -> int:
    """The value of a formula for people, as `4·batch·⌈height/2⌉²`."""
    names = {name: Fraction(value) for name, value in values.items()}
    result = eval(_read(formula), {"N": Fraction, "down": _floor, "up": _ceil, "gcd": _gcd, **names})
    assert Fraction(result).denominator == 1, formula
    return int(result)


@cache
def _read(formula: str) -> CodeType:
    """A formula for people as one for Python; compiled once, as it is read at many values."""
    text = re.sub(r"(?<=\d),(?=\d{3})", "", formula).replace("·", "*").replace("−", "-").replace("^", "**")
    text = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹]+", lambda power: f"**{power.group().translate(_POWERS)}", text)
    text = text.replace("⌊", "down(").replace("⌋", ")").replace("⌈", "up(").replace("⌉", ")")
    return _compiled(re.sub(r"(?<![\w.])(\d+)(?![\w.])", r"N(\1)", text))


def code(formula: str, values: Mapping[str, int]) -> int:
    """The value of a formula for machines."""
    result = eval(_compiled(formula), {"__builtins__": {}, "gcd": math.gcd}, dict(values))
    assert isinstance(result, int), formula
    return result


@cache
def _compiled(text: str) -> CodeType:
    return compile(text, "<formula>", "eval")


def _floor(value: Fraction) -> Fraction:
    return Fraction(value.__floor__())


def _ceil(value: Fraction) -> Fraction:
    return Fraction(value.__ceil__())


def _gcd(a: Fraction, b: Fraction) -> Fraction:
    return Fraction(math.gcd(int(a), int(b)))
