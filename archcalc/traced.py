"""Whole numbers that carry an expression, and a record of every decision made on them.

A `Traced` is an `int`: the loader and the layers run on it as on any other. Arithmetic keeps the
expression; a comparison is decided by the value, and the trace records the decision. The result is therefore right for
all values with the same decisions.

>>> trace = Trace()
>>> seq = trace.name("seq", 8)
>>> (seq * seq + 1, seq > 4, trace.decisions[0].holds)
(65, True, True)
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

from archcalc.diagnostics import Span
from archcalc.records import NamedTuple

# Limits of the machine, such as 2^63 bytes or 10^30, are not conditions of the network.
_MACHINE = 2**48


class InexactError(Exception):
    """A whole number was made from traced ones in a way without an exact formula; the message says how."""


class Inexact(float):
    """A fractional number computed from traced ones. It may be used, but never converted to a whole number."""

    def __int__(self) -> int:
        raise InexactError("rounds a number with a fraction")

    __round__ = __trunc__ = __floor__ = __ceil__ = __int__  # type: ignore[assignment]


def _still_inexact(name: str) -> Callable[..., Any]:
    """A number computed from an inexact one is inexact too."""
    compute = getattr(float, name)

    def method(self: Inexact, *others: Any) -> Any:
        value = compute(self, *map(_plain, others))
        return Inexact(value) if isinstance(value, float) else value

    return method


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
    for _method in (f"__{_name}__", f"__r{_name}__"):
        setattr(Inexact, _method, _still_inexact(_method))
for _method in ("__neg__", "__pos__", "__abs__"):
    setattr(Inexact, _method, _still_inexact(_method))


class Decision(NamedTuple):
    """`left op right` was decided to hold, or not; op is `<`, `<=` or `==`. `place` is the step that asked."""

    op: str
    left: int
    right: int
    holds: bool
    place: Span | None


class Trace:
    """The decisions of one run; `place` is its current step, None before and after the run.

    Args:
        write: how a traced number is written in a label.
    """

    def __init__(self, write: Callable[[Traced], str] = lambda value: f"<{int(value)}>") -> None:
        self.write = write
        self.decisions: list[Decision] = []
        self.singles: list[Traced] = []
        self.place: Span | None = None
        self.open = True

    def name(self, name: str, value: int) -> Traced:
        """A traced number that is just a name."""
        return Traced(value, "name", (name,), self)

    def decide(self, op: str, left: int, right: int, holds: bool) -> bool:
        """Record a decision and return it."""
        if self.open and not any(type(side) is int and abs(side) >= _MACHINE for side in (left, right)):
            self.decisions.append(Decision(op, left, right, holds, self.place))
        return holds


class Traced(int):
    """An integer with its expression.

    Attributes:
        op: "name", "+", "-", "*", "//", "%", "**", "gcd" or "max".
        operands: the name, or the two sides.
        trace: where decisions go.
    """

    op: str
    operands: tuple[Any, ...]
    trace: Trace

    def __new__(cls, value: int, op: str, operands: tuple[Any, ...], trace: Trace) -> Traced:
        """An int that carries an expression."""
        self = super().__new__(cls, value)
        self.op, self.operands, self.trace = op, operands, trace
        return self

    def __str__(self) -> str:
        """The expression as people write it, for labels."""
        return self.trace.write(self)

    def __format__(self, spec: str) -> str:
        return str(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return int, (int(self),)

    def __copy__(self) -> Traced:
        return self

    # Rounding a whole number changes nothing.
    def __round__(self, digits: Any = None) -> Any:
        return self

    def __ceil__(self) -> Traced:
        return self

    def __floor__(self) -> Traced:
        return self

    def __trunc__(self) -> Traced:
        return self

    def __pos__(self) -> Traced:
        return self

    def __neg__(self) -> Any:
        return _made("-", 0, self, self.trace, operator.sub)

    def __abs__(self) -> Any:
        return -self if self < 0 else self

    def __add__(self, other: Any) -> Any:
        return self if _is(other, 0) else _made("+", self, other, self.trace, operator.add)

    def __radd__(self, other: Any) -> Any:
        return self if _is(other, 0) else _made("+", other, self, self.trace, operator.add)

    def __sub__(self, other: Any) -> Any:
        return self if _is(other, 0) else _made("-", self, other, self.trace, operator.sub)

    def __rsub__(self, other: Any) -> Any:
        return _made("-", other, self, self.trace, operator.sub)

    def __mul__(self, other: Any) -> Any:
        if _is(other, 0):
            return 0
        return self if _is(other, 1) else _made("*", self, other, self.trace, operator.mul)

    def __rmul__(self, other: Any) -> Any:
        return 0 if _is(other, 0) else self if _is(other, 1) else _made("*", other, self, self.trace, operator.mul)

    def __floordiv__(self, other: Any) -> Any:
        return self if _is(other, 1) else _made("//", self, other, self.trace, operator.floordiv)

    def __rfloordiv__(self, other: Any) -> Any:
        return _made("//", other, self, self.trace, operator.floordiv)

    def __mod__(self, other: Any) -> Any:
        return 0 if _is(other, 1) else _made("%", self, other, self.trace, operator.mod)

    def __rmod__(self, other: Any) -> Any:
        return _made("%", other, self, self.trace, operator.mod)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __pow__(self, other: Any, modulo: Any = None) -> Any:
        return _made("**", self, other, self.trace, operator.pow)

    def __rpow__(self, other: Any, modulo: Any = None) -> Any:
        return _made("**", other, self, self.trace, operator.pow)

    def __truediv__(self, other: Any) -> Any:
        return Inexact(int(self) / other)

    def __rtruediv__(self, other: Any) -> Any:
        return Inexact(other / int(self))

    def gcd(self, other: int) -> Any:
        """The greatest common divisor."""
        return 1 if _is(other, 1) else _made("gcd", self, other, self.trace, math.gcd)

    def larger(self, other: int) -> Any:
        """The larger one."""
        return _made("max", self, other, self.trace, max)

    def is_single(self) -> bool:
        """Whether it is 1, recorded separately: only the memory order may depend on it."""
        self.trace.singles.append(self)
        return int(self) == 1

    def __bool__(self) -> bool:
        return not self.trace.decide("==", self, 0, int(self) == 0)

    def __eq__(self, other: object) -> bool:
        return (
            NotImplemented
            if not isinstance(other, (int, float))
            else self is other or _decided("==", self, other, self.trace)
        )

    def __ne__(self, other: object) -> bool:
        return NotImplemented if not isinstance(other, (int, float)) else not self == other

    def __lt__(self, other: int) -> bool:
        return _decided("<", self, other, self.trace)

    def __le__(self, other: int) -> bool:
        return _decided("<=", self, other, self.trace)

    def __gt__(self, other: int) -> bool:
        return _decided("<", other, self, self.trace)

    def __ge__(self, other: int) -> bool:
        return _decided("<=", other, self, self.trace)

    __hash__ = int.__hash__


COMPARE: dict[str, Callable[[Any, Any], bool]] = {"==": operator.eq, "<": operator.lt, "<=": operator.le}


def _is(value: Any, number: int) -> bool:
    return type(value) is int and value == number


def _plain(value: Any) -> Any:
    """A number without its expression. Raises `InexactError` for a list, which must not be repeated this way."""
    if not isinstance(value, (int, float)):
        raise InexactError("has as many parts as one of them says")
    return int(value) if isinstance(value, int) else value


def _made(op: str, left: Any, right: Any, trace: Trace, compute: Callable[[Any, Any], Any]) -> Any:
    value = compute(_plain(left), _plain(right))
    return Traced(value, op, (left, right), trace) if isinstance(value, int) else Inexact(value)


def _decided(op: str, left: Any, right: Any, trace: Trace) -> bool:
    holds = COMPARE[op](_plain(left), _plain(right))
    if isinstance(left, float) or isinstance(right, float):
        return holds  # of a setting such as a probability: no size is computed from it
    return trace.decide(op, left, right, holds)
