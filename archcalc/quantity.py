"""Numbers that remember how they were computed.

A `Quantity` is an `int` that behaves as one everywhere and also keeps the expression behind it.
Layer formulas are ordinary Python arithmetic: run on plain integers they give the number, run on
quantities they give the number and its derivation, so the two cannot disagree.

>>> kernel, channels = Quantity.named("kernel", 3), Quantity.named("channels", 2)
>>> count = (kernel * kernel + 1) * channels
>>> count, count.numbers(), count.names()
(20, '(3·3 + 1)·2', '(kernel·kernel + 1)·channels')
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from typing import Any

from archcalc.patterns import Later

_ATOM, _POWER, _TIMES, _PLUS = 4, 3, 2, 1
_NUMBERS = (int, float)
# Whether factors say what they count, such as `3 gates`.
_COUNTS = Later(r"\d [a-z]")


class Quantity(int):
    """An integer with the expression it was computed from.

    Args:
        value: the number.
        op: what made it: "name" (a leaf), "+", "-", "*", "/", "ceil" or "neg"; or "term", the same number with
            words of `archcalc.terms` about it.
        operands: the name of a leaf, and whether it counts things of that name; the two sides (`int` or
            `Quantity`); or a term's number and its words.
    """

    op: str
    operands: tuple[Any, ...]
    known: list[str] | None = None  # its leaves, once they have been asked for

    def __new__(cls, value: int, op: str, operands: tuple[Any, ...]) -> Quantity:
        """An int that also carries `op` and `operands`."""
        self = int.__new__(cls, value)
        self.op = op
        self.operands = operands
        return self

    @classmethod
    def named(cls, name: str, value: int, counts: bool = False) -> Quantity:
        """A leaf: an argument or a size, called `name` in formulas; one that `counts` may be shown as `3 gates`."""
        return cls(value, "name", (name, counts))

    def __add__(self, other: Any) -> Any:
        return self if _is(other, 0) else _made("+", self, other, operator.add)

    def __radd__(self, other: Any) -> Any:
        return self if _is(other, 0) else _made("+", other, self, operator.add)

    def __sub__(self, other: Any) -> Any:
        return self if _is(other, 0) else _made("-", self, other, operator.sub)

    def __rsub__(self, other: Any) -> Any:
        return _made("-", other, self, operator.sub)

    def __mul__(self, other: Any) -> Any:
        return self if _is(other, 1) else _made("*", self, other, operator.mul)

    def __rmul__(self, other: Any) -> Any:
        return self if _is(other, 1) else _made("*", other, self, operator.mul)

    def __floordiv__(self, other: Any) -> Any:
        return self if _is(other, 1) else _made("/", self, other, operator.floordiv)

    def __rfloordiv__(self, other: Any) -> Any:
        return _made("/", other, self, operator.floordiv)

    def __neg__(self) -> Quantity:
        return Quantity(int.__neg__(self), "neg", (self,))

    def __pow__(self, other: Any, modulo: Any = None) -> Any:
        return _made("^", self, other, operator.pow)

    def __reduce__(self) -> tuple[Any, ...]:
        return Quantity, (int(self), self.op, self.operands)

    def numbers(self) -> str:
        """The derivation with the numbers put in: `(3·3·3 + 1)·2`."""
        return _render(self, lambda leaf: f"{int(leaf)}")[0]

    def spoken(self) -> str:
        """The derivation with numbers, which say what they count if anything: `2 directions · (3 gates + 1)`."""
        return _render(self, _spoken)[0]

    def names(self) -> str:
        """The derivation in names: `(kernel_h·kernel_w·in_channels + bias)·channels`."""
        return _render(self, lambda leaf: str(leaf.operands[0]))[0]


def plain(value: int) -> int:
    """`value` without its derivation; other whole numbers as they are."""
    return int(value) if isinstance(value, Quantity) else value


class Varying(float):
    """A number with a fraction that was computed from a quantity."""


def varies(value: Any) -> bool:
    """Whether `value`, a number or a size, was computed from a quantity."""
    return any(map(varies, value)) if isinstance(value, tuple) else isinstance(value, (Quantity, Varying))


def varying(value: Any, name: str) -> Any:
    """`value`, a number or a size computed from a quantity, as something that still shows it.

    Rounding, `min` and division give plain numbers; the dependence on a quantity must not get lost.
    """
    if isinstance(value, tuple):
        return tuple(varying(size, name) for size in value)
    if isinstance(value, float):
        return Varying(value)
    return Quantity.named(name, value) if type(value) is int else value


def leaves(value: int) -> list[str]:
    """The names that `value` was computed from, each once."""
    if isinstance(value, Quantity) and value.known is not None:
        return value.known
    names: dict[str, None] = {}
    seen: set[int] = set()
    pending: list[Any] = [value]
    while pending:  # not recursive: a derivation may be as long as the network
        quantity = pending.pop()
        if isinstance(quantity, Quantity) and id(quantity) not in seen:
            seen.add(id(quantity))
            if quantity.known is not None:
                names |= dict.fromkeys(quantity.known)
            elif quantity.op == "name":
                names[str(quantity.operands[0])] = None
            else:
                pending.extend(reversed(quantity.operands))  # a term's words are not quantities
    found = list(names)
    if isinstance(value, Quantity):
        value.known = found
    return found


def _is(value: Any, number: int) -> bool:
    """Whether `value` is this plain number, which needs no mention in a derivation."""
    return type(value) is int and value == number


def _made(op: str, left: Any, right: Any, compute: Callable[[Any, Any], Any]) -> Any:
    """The result of an operation: a quantity of whole numbers, else a plain number."""
    plain_left = int(left) if isinstance(left, int) else left
    plain_right = int(right) if isinstance(right, int) else right
    if not isinstance(plain_left, _NUMBERS) or not isinstance(plain_right, _NUMBERS):
        return NotImplemented
    value = compute(plain_left, plain_right)
    return Quantity(value, op, (left, right)) if isinstance(value, int) else value


def ceil_div(a: int, b: int) -> int:
    """⌈a / b⌉ of whole numbers, kept as such in a derivation."""
    value = -(-plain(a) // plain(b))
    if isinstance(a, Quantity) or isinstance(b, Quantity):
        return Quantity(value, "ceil", (a, b))
    return value


def gcd(a: int, b: int) -> int:
    """The greatest common divisor; numbers that remember their origin may have their own."""
    return _own("gcd", a, b, math.gcd)


def larger(a: int, b: int) -> int:
    """The larger number; numbers that record comparisons treat it differently from `max`."""
    return _own("larger", a, b, max)


def is_single(size: int) -> bool:
    """Whether a size is 1; a size that remembers its origin records that this decided the memory layout."""
    method: Callable[[], bool] | None = getattr(size, "is_single", None)
    return int(size) == 1 if method is None else method()


def settled(number: int) -> int:
    """The plain number, where another would mean another network, such as an axis; a formula records its value."""
    value = int(number)
    return value if number == value else number  # a number that is a formula records the comparison


def _own(name: str, a: int, b: int, otherwise: Callable[[int, int], int]) -> int:
    """What the method `name` of one of the numbers gives for the other, if one has it."""
    for one, other in ((a, b), (b, a)):
        method: Callable[[int], int] | None = getattr(one, name, None)
        if method is not None:
            return method(other)
    return otherwise(a, b)


def product(factors: Iterable[int]) -> int:
    """The product of `factors`; 1 for none."""
    return math.prod(factors)


def numbers(value: int) -> str:
    """The derivation of `value` with numbers, or the number itself when it is plain."""
    return value.numbers() if isinstance(value, Quantity) else str(value)


def names(value: int) -> str:
    """The derivation of `value` in names, or the number itself when it is plain."""
    return value.names() if isinstance(value, Quantity) else str(value)


def spoken(value: int) -> str:
    """The derivation of `value` with numbers that say what they count, or the number itself when it is plain."""
    return value.spoken() if isinstance(value, Quantity) else str(value)


def _spoken(leaf: Quantity) -> str:
    name, counts = leaf.operands
    return f"{int(leaf)} {name}" if counts else f"{int(leaf)}"


def _render(value: int, leaf: Callable[[Quantity], str]) -> tuple[str, int]:
    """The text of an expression and how tightly it binds."""
    if not isinstance(value, Quantity):
        return (str(value), _ATOM) if value >= 0 else (f"−{-value}", _PLUS)
    if value.op == "name":
        text = leaf(value)
        return (text, _ATOM) if not text.startswith("-") else (f"−{text[1:]}", _PLUS)

    def side(operand: int, at_least: int) -> str:
        text, binds = _render(operand, leaf)
        return text if binds >= at_least else f"({text})"

    op, operands = value.op, value.operands
    if op == "term":
        return _render(operands[0], leaf)
    if op == "+":
        return f"{side(operands[0], _PLUS)} + {side(operands[1], _TIMES)}", _PLUS
    if op == "-":
        return f"{side(operands[0], _PLUS)} − {side(operands[1], _TIMES)}", _PLUS
    if op == "*":
        left, right = side(operands[0], _TIMES), side(operands[1], _TIMES)
        apart = _COUNTS.search(right) or _COUNTS.search(left.rpartition("·")[2])
        return f"{left} · {right}" if apart else f"{left}·{right}", _TIMES
    if op == "^":
        return f"{side(operands[0], _ATOM)}^{side(operands[1], _ATOM)}", _POWER
    if op == "neg":
        return f"−{side(operands[0], _TIMES)}", _PLUS
    quotient = f"{side(operands[0], _TIMES)} / {side(operands[1], _ATOM)}"
    if op == "ceil":
        return f"⌈{quotient}⌉", _ATOM
    if operands[0] % operands[1] == 0 and isinstance(operands[0], Quantity) and operands[0].op in ("name", "*"):
        return quotient.replace(" / ", "/"), _POWER if operands[0].op == "name" else _TIMES
    return f"⌊{quotient}⌋", _ATOM
