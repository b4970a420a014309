"""A function of one whole number, computed once for all numbers with the same outcome of every comparison."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from archcalc.traced import COMPARE, Decision, InexactError, Trace, Traced

_T = TypeVar("_T")
_COMPUTE: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
    "gcd": math.gcd,
    "max": max,
}
# A term plus a plain number: the index of the term, and the number.
_Sum = tuple[int, int]
_NOTHING, _NUMBER = 0, 1


class Cases(Generic[_T]):
    """The values of `compute`, which may depend on its number only through comparisons.

    The first number is traced, and numbers with the same decisions get its value; the others are computed one by one.

    Args:
        most: how many numbers with different decisions are traced at most.
    """

    def __init__(self, compute: Callable[[int], _T], most: int = 1) -> None:
        self.compute, self.most = compute, most
        self._known: list[tuple[_Conditions, _T]] = []

    def of(self, number: int) -> _T:
        """The value for `number`."""
        found = self.shared(number)
        return self.compute(number) if found is None else found[0]

    def shared(self, number: int) -> tuple[_T] | None:
        """The value for `number`, if it is known from a number with the same decisions, or can be traced now."""
        for conditions, value in self._known:
            if conditions.hold(number):
                return (value,)
        if len(self._known) == self.most:
            return None
        trace = Trace(lambda traced: str(int(traced)))
        try:
            value = self.compute(trace.name("number", number))
        except InexactError:
            return None
        self._known.append((_Conditions(trace.decisions), value))
        return (value,)


class _Conditions:
    """Evaluates decisions for other numbers; each repeated question is evaluated once."""

    def __init__(self, decisions: Iterable[Decision]) -> None:
        self.terms: list[tuple[str, _Sum, _Sum]] = []  # each made of sums of those before it
        self._places: dict[tuple[str, _Sum, _Sum], int] = {}
        self._known: dict[int, _Sum] = {}
        self.conditions: dict[tuple[str, int, int, int, bool], None] = {}
        for op, left, right, holds, _ in decisions:
            (one, more), (other, less) = self._sum(left), self._sum(right)
            if one != other:
                self.conditions[op, one, other, less - more, holds] = None

    def hold(self, number: int) -> bool:
        """Whether every decision is the same."""
        values = [0, number]
        for op, (one, more), (other, further) in self.terms:
            try:
                values.append(_COMPUTE[op](values[one] + more, values[other] + further))
            except ZeroDivisionError:  # never reached if all earlier decisions are the same
                return False
        return all(
            COMPARE[op](values[one], values[other] + more) == holds for op, one, other, more, holds in self.conditions
        )

    def _sum(self, number: int) -> _Sum:
        """A number as a sum, shared by equal expressions."""
        pending: list[Any] = [number]  # not recursive: an expression may be as long as the network
        while pending:
            one = pending[-1]
            missing = [side for side in one.operands if self._is_new(side)] if self._is_new(one) else []
            pending += missing
            if not missing:
                pending.pop()
                if self._is_new(one):
                    self._known[id(one)] = self._made(one)
        return self._told(number)

    def _is_new(self, number: Any) -> bool:
        return isinstance(number, Traced) and id(number) not in self._known

    def _told(self, number: int) -> _Sum:
        return self._known[id(number)] if isinstance(number, Traced) else (_NOTHING, number)

    def _made(self, number: Traced) -> _Sum:
        if number.op == "name":
            return _NUMBER, 0
        left, right = map(self._told, number.operands)
        if number.op in ("+", "-") and right[0] == _NOTHING:
            return left[0], _COMPUTE[number.op](left[1], right[1])
        if number.op == "+" and left[0] == _NOTHING:
            return right[0], left[1] + right[1]
        key = number.op, left, right
        if key not in self._places:
            self._places[key] = len(self.terms) + 2
            self.terms.append(key)
        return self._places[key], 0
