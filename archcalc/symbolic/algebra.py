"""Traced numbers as sympy expressions in a normal form, and their exact values.

Every name is a whole number. A division that rounds down is `Floor(numerator, divisor)`, with the evenly divisible
part taken out, nested roundings merged, and an added whole number taken in: the sizes after two convolutions of stride
2 are ⌊(height + 3) / 4⌋, not ⌊(⌊(height + 1) / 2⌋ + 1) / 2⌋.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import reduce
from typing import Any

import sympy

from archcalc.traced import Decision, Traced


class Floor(sympy.Function):  # type: ignore[misc]
    """⌊numerator / divisor⌋, which sympy never rewrites by itself."""

    nargs = 2
    is_integer = True
    is_real = True
    is_commutative = True


class Gcd(sympy.Function):  # type: ignore[misc]
    """The greatest common divisor of two whole numbers."""

    nargs = 2
    is_integer = True
    is_positive = True
    is_commutative = True


class Larger(sympy.Function):  # type: ignore[misc]
    """The larger of two whole numbers."""

    nargs = 2
    is_integer = True
    is_commutative = True


def symbol(name: str) -> sympy.Symbol:
    """The symbol of a name: a positive whole number."""
    return sympy.Symbol(name, integer=True, positive=True)


class Algebra:
    """Expressions of traced numbers, given which divisions are exact.

    Args:
        decisions: those made while the numbers were traced.
        fixed: names that are plain numbers here.

    Attributes:
        even: (dividend, divisor) of the divisions known to be exact.
    """

    def __init__(self, decisions: Iterable[Decision] = (), fixed: Mapping[str, int] | None = None) -> None:
        self.even: list[tuple[Any, Any]] = []
        self._fixed = fixed or {}
        self._known: dict[int, tuple[int, Any]] = {}
        for decision in decisions:
            self.learn(decision)

    def learn(self, decision: Decision) -> None:
        """Take in what a decision says about divisions."""
        found = remainder(decision)
        if found is not None:
            self.assume(self.of(found[0]), self.of(found[1]))

    def assume(self, dividend: Any, divisor: Any) -> None:
        """From now on `divisor` divides `dividend`."""
        if self.rest(dividend, divisor) == 0:
            return
        one = dividend / divisor
        self.even = [(a, b) for a, b in self.even if not whole(sympy.cancel(a / b / one))]  # what this implies
        self.even.append((dividend, divisor))
        self._known.clear()

    def of(self, value: int) -> Any:
        """The expression of a number; a plain number is its own."""
        if not isinstance(value, Traced):
            return sympy.Integer(int(value))
        pending: list[int] = [value]
        while pending:  # not recursive: an expression may be as long as the network
            top = pending[-1]
            inner = [side for side in top.operands if isinstance(side, Traced)] if isinstance(top, Traced) else []
            open_ = [side for side in inner if id(side) not in self._known]
            if open_:
                pending += open_
                continue
            pending.pop()
            if id(top) not in self._known and isinstance(top, Traced):
                self._known[id(top)] = (top, self._made(top))  # the number is kept, so that its id stays its own
        return self._known[id(value)][1]

    def _made(self, value: Traced) -> Any:
        if value.op == "name":
            name = value.operands[0]
            return sympy.Integer(self._fixed[name]) if name in self._fixed else symbol(name)
        left, right = (
            self._known[id(side)][1] if isinstance(side, Traced) else sympy.Integer(int(side))
            for side in value.operands
        )
        if value.op == "+":
            return added(left, right)
        if value.op == "-":
            return added(left, -right)
        if value.op == "*":
            return sympy.Mul(left, right)
        if value.op == "**":
            return sympy.Pow(left, right)
        if value.op == "gcd":
            return Gcd(left, right)
        if value.op == "max":
            return Larger(left, right)
        if value.op == "//":
            return self.floor(left, right)
        return self.rest(left, right)

    def _even(self, left: Any, right: Any) -> bool:
        """Whether a known exact division makes left / right whole."""
        return any(
            (not left.has(Floor) or left.has(dividend)) and whole(sympy.cancel(left * divisor / (right * dividend)))
            for dividend, divisor in self.even
        )

    def rest(self, left: Any, right: Any) -> Any:
        """left − right·⌊left / right⌋."""
        return sympy.expand(left - right * self.floor(left, right))

    def floor(self, left: Any, right: Any) -> Any:
        """⌊left / right⌋ in its normal form."""
        left, right = sympy.expand(left), sympy.expand(right)
        quotient = sympy.cancel(left / right) if not left.has(Floor) else None
        if quotient is not None and whole(quotient):
            return sympy.expand(quotient)
        if self._even(left, right):
            return sympy.expand(left / right)
        outside = [term for term in sympy.Add.make_args(left) if self._even(term, right)]
        if outside:
            taken = sympy.Add(*outside)
            return added(sympy.expand(taken / right), self.floor(left - taken, right))
        if not right.is_Integer or right <= 0:
            return Floor(left, right)
        return _floor_by_number(left, int(right))


def remainder(decision: Decision) -> tuple[int, int] | None:
    """The sides of a division that `decision` found to be exact: `left % right` was 0."""
    sides = (decision.left, decision.right)
    if decision.op != "==" or not decision.holds:
        return None
    for side, other in (sides, sides[::-1]):
        if isinstance(side, Traced) and side.op == "%" and not isinstance(other, Traced) and int(other) == 0:
            return side.operands
    return None


def added(left: Any, right: Any) -> Any:
    """The sum; a whole number added to a single rounded division is moved into it."""
    total = left + right
    if isinstance(total, sympy.Add) and len(total.args) == 2:
        number, (times, other) = total.args[0], total.args[1].as_coeff_Mul()
        if number.is_Integer and isinstance(other, Floor) and number % times == 0:
            return times * Floor(sympy.expand(other.args[0] + number / times * other.args[1]), other.args[1])
    return total


def whole(expression: Any) -> bool:
    """Whether it is a polynomial with whole coefficients, and therefore whole whenever its names are."""
    numerator, denominator = sympy.fraction(sympy.together(expression))
    return denominator == 1 and all(
        factor.is_Integer
        for term in sympy.Add.make_args(sympy.expand(numerator))
        for factor in [term.as_coeff_Mul()[0]]
    )


def _floor_by_number(left: Any, divisor: int) -> Any:
    terms = [term.as_coeff_Mul() for term in sympy.Add.make_args(left)]
    if not all(coefficient.is_Integer and sympy.fraction(rest)[1] == 1 for coefficient, rest in terms):
        return Floor(left, sympy.Integer(divisor))
    outside, constant, inside = sympy.Integer(0), 0, []
    for coefficient, rest in terms:
        if rest == 1:
            constant += int(coefficient)
            continue
        over = int(math.fmod(int(coefficient), divisor))  # with the sign of the coefficient
        outside += (int(coefficient) - over) // divisor * rest
        if over:
            inside.append((over, rest))
    if not inside:
        return outside + constant // divisor
    common = reduce(math.gcd, (coefficient for coefficient, _ in inside), divisor)
    divisor, constant = divisor // common, constant // common
    inside = [(coefficient // common, rest) for coefficient, rest in inside]
    if divisor == 1:
        return outside + sum(c * rest for c, rest in inside) + constant
    inside.sort(key=lambda term: term[1].sort_key())
    if all(coefficient < 0 for coefficient, _ in inside):  # ⌊−y / d⌋ = −⌊(y + d − 1) / d⌋
        turned = sum(-c * rest for c, rest in inside) - constant + divisor - 1
        return outside - _floor_by_number(sympy.expand(turned), divisor)
    nested = [rest for c, rest in inside if c == 1 and isinstance(rest, Floor) and rest.args[1].is_Integer]
    if nested:  # ⌊(⌊p / q⌋ + c) / d⌋ = ⌊(p + q·c) / (q·d)⌋ for a whole c
        one = nested[0]
        p, q = one.args
        c = sum(c * rest for c, rest in inside if rest is not one) + constant
        return added(outside, _floor_by_number(sympy.expand(p + q * c), int(q) * divisor))
    return added(outside, Floor(sum(c * rest for c, rest in inside) + constant, sympy.Integer(divisor)))


def canonical(expression: Any) -> Any:
    """The expression with constants in roundings reduced below their divisors: equal ones become identical."""

    def reduced(numerator: Any, divisor: Any) -> Any:
        if not divisor.is_Integer:
            return Floor(numerator, divisor)
        constant, rest = sympy.expand(numerator).as_coeff_Add()
        if not constant.is_Integer:
            return Floor(numerator, divisor)
        return Floor(rest + constant % divisor, divisor) + constant // divisor

    return sympy.expand(expression.replace(Floor, reduced))


def value(expression: Any, names: Mapping[str, int], known: dict[Any, Fraction] | None = None) -> Fraction:
    """The exact value of an expression, given the values of its names."""
    known = {} if known is None else known
    if expression in known:
        return known[expression]
    result: Fraction
    if expression.is_Symbol:
        result = Fraction(names[expression.name])
    elif expression.is_Rational:
        result = Fraction(int(expression.p), int(expression.q))
    else:
        parts = [value(part, names, known) for part in expression.args]
        if isinstance(expression, Floor):
            result = Fraction(math.floor(parts[0] / parts[1]))
        elif isinstance(expression, Larger):
            result = max(parts)
        elif isinstance(expression, Gcd):
            result = Fraction(math.gcd(int(parts[0]), int(parts[1])))
        elif expression.is_Add:
            result = sum(parts, Fraction(0))
        elif expression.is_Mul:
            result = reduce(lambda a, b: a * b, parts, Fraction(1))
        elif expression.is_Pow:
            result = parts[0] ** int(parts[1])
        else:
            raise NotImplementedError(type(expression).__name__)
    known[expression] = result
    return result
