"""Formulas as people write them, `depth·(12·width² + 13·width)`, and as Python evaluates them.

Of several ways to write a sum - as computed, multiplied out, with common factors taken out - the shortest is used.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any

import sympy

from archcalc.symbolic.algebra import Algebra, Floor, Gcd, Larger
from archcalc.traced import Traced

_RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_SUPERSCRIPTS = str.maketrans("0123456789", _RAISED)
# The extra cost of a pair of parentheses and of a power, in characters.
_PARENTHESES, _POWERS = 2, 3
# Above this, terms are grouped by what most of them share, without comparing.
_COMPARED = 14
_FACTORED = 40
_SUM, _PRODUCT, _POWER, _ATOM = 1, 2, 3, 4

Text = tuple[str, int]  # with its precedence
Term = tuple[Any, tuple[tuple[Any, int], ...]]  # a coefficient, and factors with their exponents
Part = tuple[Text, tuple[int, ...]]  # of a sum, with its place in it


class Writer:
    """Writes formulas, names in the given order.

    Args:
        names: in their order in a product.
        python: for Python, with `*`, `**` and `//`, instead of for people.
    """

    def __init__(self, names: Sequence[str] = (), python: bool = False) -> None:
        self.order = {name: index for index, name in enumerate(names)}
        self.python = python
        self._known: dict[Any, Text] = {}
        self._sums: dict[frozenset[Term], list[Part]] = {}

    def write(self, expression: Any) -> str:
        """The text of an expression."""
        return self._written(expression)[0]

    def _written(self, expression: Any) -> Text:
        found = self._known.get(expression)
        if found is None:
            found = self._known[expression] = self._fraction(expression) if self.python else self._simplest(expression)
        return found

    # -- the ways to write a sum ------------------------------------------------------------

    def _fraction(self, expression: Any) -> Text:
        """A single exact division of whole numbers, since Python has no exact fractions."""
        numerator, denominator = sympy.fraction(sympy.together(expression))
        expanded = sympy.expand(numerator)
        below = reduce(math.lcm, (int(coefficient.q) for coefficient, _ in _terms(expanded)), 1)
        if below > 1:  # a factor with fractions of its own, e.g. (n/3 - 1/3)·m
            numerator, denominator = sympy.expand(below * expanded), below * denominator
        if denominator == 1:
            return self._simplest(expression)
        return (
            f"{self._in(self._simplest(numerator), _POWER)}//{self._in(self._simplest(denominator), _POWER)}",
            _PRODUCT,
        )

    def _simplest(self, expression: Any) -> Text:
        expanded = sympy.expand(expression)
        forms = [self._sum(_terms(expression)), self._sum(_terms(expanded))]
        if 1 < len(sympy.Add.make_args(expanded)) <= _FACTORED:
            forms.append(self._sum(_terms(sympy.factor(expanded))))
        return min(forms, key=_cost)

    def _sum(self, terms: list[Term]) -> Text:
        return self._joined(self._parts(terms))

    def _parts(self, terms: list[Term]) -> list[Part]:
        """The shortest way to write a sum, as its parts."""
        if len(terms) < 2:
            return [(self._product(*term), _degree(term)) for term in terms]
        key = frozenset(terms)
        if key not in self._sums:
            self._sums[key] = min(self._ways(terms), key=lambda parts: _cost(self._joined(parts)))
        return self._sums[key]

    def _ways(self, terms: list[Term]) -> Iterator[list[Part]]:
        coefficient, common = _common(terms)
        for number in {sympy.Integer(1), coefficient}:
            if common or number != 1:
                rest = _divided(terms, number, common)
                for inner in self._groupings(rest) if common else [self._plain(rest)]:
                    yield [(self._product(number, common, self._joined(inner)), min(map(_degree, terms)))]
        yield from self._groupings(terms)

    def _groupings(self, terms: list[Term]) -> Iterator[list[Part]]:
        """The ways to group the terms: all separate, or those with a common factor and those without it."""
        yield self._plain(terms)
        counts: dict[Any, int] = {}
        for _, factors in terms:
            for factor, exponent in factors:
                if exponent > 0:
                    counts[factor] = counts.get(factor, 0) + 1
        shared = [factor for factor, count in counts.items() if 1 < count < len(terms)]
        if len(terms) > _COMPARED:
            shared = sorted(shared, key=lambda factor: (-counts[factor], str(factor)))[:1]
        for factor in shared:
            having = [term for term in terms if dict(term[1]).get(factor, 0) > 0]
            without = [term for term in terms if term not in having]
            yield self._parts(having) + self._parts(without)

    def _plain(self, terms: list[Term]) -> list[Part]:
        return [(self._product(*term), _degree(term)) for term in terms]

    # -- texts ------------------------------------------------------------------------------

    def _joined(self, parts: list[Part]) -> Text:
        """A sum of parts, highest powers first."""
        if not parts:
            return "0", _ATOM
        minus = "-" if self.python else "−"
        ordered = sorted(parts, key=lambda part: (part[1], part[0][0]))
        first = next((part for part in ordered if not part[0][0].startswith(minus)), ordered[0])
        ordered.remove(first)
        out, binds = first[0]
        for (text, _), _ in ordered:
            out += f" {minus} {text[1:]}" if text.startswith(minus) else f" + {text}"
        return out, _SUM if ordered else binds

    def _product(self, coefficient: Any, factors: Sequence[tuple[Any, int]], rest: Text | None = None) -> Text:
        """coefficient · factors · (rest)."""
        above: list[str] = []
        below: list[str] = []
        for factor, exponent in sorted(factors, key=self._place):
            text = self._power(factor, abs(exponent))
            (above if exponent > 0 else below).append(text)
        if rest is not None:
            above.append(self._in(rest, _PRODUCT + 1))
        number = abs(int(coefficient.p))
        if number != 1 or not above:
            above.insert(0, self.number(number))
        if coefficient.q != 1:
            below.insert(0, self.number(int(coefficient.q)))
        times = "*" if self.python else "·"
        text = times.join(above)
        if below:
            text += "/" + (below[0] if len(below) == 1 else f"({times.join(below)})")
        binds = _ATOM if len(above) == 1 and not below and rest is None and not factors else _PRODUCT
        if len(above) == 1 and not below and len(factors) == 1 and rest is None:
            binds = _POWER if factors[0][1] != 1 else _ATOM
        if coefficient < 0:
            return ("-" if self.python else "−") + text, _SUM
        return text, binds

    def _place(self, factor: tuple[Any, int]) -> tuple[Any, ...]:
        base = factor[0]
        if base.is_Symbol:
            return (0, self.order.get(base.name, len(self.order)), base.name)
        return (1 if isinstance(base, (Floor, Gcd)) else 2, 0, self._base(base)[0])

    def _power(self, base: Any, exponent: int) -> str:
        text = self._base(base)
        if exponent == 1:
            return self._in(text, _POWER)
        if self.python:
            return f"{self._in(text, _ATOM)}**{exponent}"
        return f"{self._in(text, _ATOM)}{str(exponent).translate(_SUPERSCRIPTS)}"

    def _base(self, base: Any) -> Text:
        if base.is_Symbol:
            return base.name, _ATOM
        if isinstance(base, Floor):
            return self._floor(*base.args)
        if isinstance(base, Gcd):
            return f"gcd({', '.join(map(self.write, base.args))})", _ATOM
        if isinstance(base, Larger):
            return f"max({', '.join(map(self.write, base.args))})", _ATOM
        if base.is_Pow:  # an exponent that is a formula
            sign = "**" if self.python else "^"
            return (
                f"{self._in(self._written(base.base), _ATOM)}{sign}{self._in(self._written(base.exp), _ATOM)}",
                _POWER,
            )
        return self._written(base)

    def _floor(self, numerator: Any, divisor: Any) -> Text:
        if self.python:
            above, below = sympy.fraction(sympy.together(numerator / divisor))
            return f"({self._in(self._simplest(above), _POWER)}//{self._in(self._simplest(below), _POWER)})", _ATOM
        constant, rest = numerator.as_coeff_Add()
        up = divisor.is_Integer and constant == divisor - 1 and constant > 0
        top = self._in(self._written(rest if up else numerator), _PRODUCT)
        text = f"{top}/{self._in(self._written(divisor), _ATOM)}"
        return f"⌈{text}⌉" if up else f"⌊{text}⌋", _ATOM

    def number(self, number: int) -> str:
        """A whole number: with commas for people."""
        return str(number) if self.python else f"{number:,}"

    def _in(self, text: Text, at_least: int) -> str:
        return text[0] if text[1] >= at_least else f"({text[0]})"


class Labels:
    """Writes the expressions of one trace's numbers for labels, given the decisions made so far."""

    def __init__(self) -> None:
        self._writer, self._algebra = Writer(), Algebra()
        self._learnt = 0

    def __call__(self, value: Traced) -> str:
        """The expression of a number."""
        decisions = value.trace.decisions
        for decision in decisions[self._learnt :]:
            self._algebra.learn(decision)
        self._learnt = len(decisions)
        return self._writer.write(self._algebra.of(value))


def _terms(expression: Any) -> list[Term]:
    terms = []
    for term in sympy.Add.make_args(expression):
        coefficient, rest = term.as_coeff_Mul()
        factors: dict[Any, int] = {}
        for factor in sympy.Mul.make_args(rest):
            base, exponent = factor.as_base_exp()
            if not exponent.is_Integer:
                base, exponent = factor, 1
            if base.is_Add and _is_negative(base):
                base, coefficient = -base, coefficient * (-1) ** int(exponent)
            if base != 1:
                factors[base] = factors.get(base, 0) + int(exponent)
        if coefficient != 0:
            terms.append((coefficient, tuple(sorted(factors.items(), key=lambda pair: str(pair[0])))))
    return terms


def _is_negative(total: Any) -> bool:
    """Whether more terms are subtracted than added: H − k + 1 is easier to read than k − H − 1."""
    taken = [term.as_coeff_Mul()[0] < 0 for term in total.args]
    return 2 * taken.count(True) > len(taken)


def _common(terms: list[Term]) -> tuple[Any, tuple[tuple[Any, int], ...]]:
    """What all terms have in common: their greatest common divisor, and factors."""
    above = reduce(math.gcd, (abs(int(coefficient.p)) for coefficient, _ in terms))
    below = reduce(math.lcm, (int(coefficient.q) for coefficient, _ in terms))
    powers = [dict(factors) for _, factors in terms]
    common = []
    for factor in powers[0]:
        exponents = [power.get(factor, 0) for power in powers]
        least = min(exponents) if min(exponents) > 0 else max(exponents) if max(exponents) < 0 else 0
        if least:
            common.append((factor, least))
    return sympy.Rational(above, below), tuple(common)


def _divided(terms: list[Term], number: Any, factors: Sequence[tuple[Any, int]]) -> list[Term]:
    divided: dict[tuple[tuple[Any, int], ...], Any] = {}
    for coefficient, old in terms:
        powers = dict(old)
        for factor, exponent in factors:
            powers[factor] -= exponent
        left = tuple((factor, exponent) for factor, exponent in powers.items() if exponent)
        if len(left) == 1 and left[0][1] == 1 and left[0][0].is_Add:  # a nested sum
            parts = _terms(sympy.expand(coefficient / number * left[0][0]))
        else:
            parts = [(coefficient / number, left)]
        for part, key in parts:
            divided[key] = divided.get(key, 0) + part
    return [(coefficient, factors) for factors, coefficient in divided.items() if coefficient != 0]


def _degree(term: Term) -> tuple[int, ...]:
    """A sort key: highest power first, numbers last, roundings by their divisors."""
    divisors = [int(factor.args[1]) for factor, _ in term[1] if isinstance(factor, Floor) and factor.args[1].is_Integer]
    return -sum(max(0, exponent) for _, exponent in term[1]), not term[1], max(divisors, default=0)


def _cost(text: Text) -> tuple[int, int]:
    """The length of a text without a leading number; then the digits in it."""
    written = text[0]
    powers = written.count("**") + sum(character in _RAISED for character in written)
    length = len(written) - 2 * written[:1].isdigit() + _PARENTHESES * written.count("(") + _POWERS * powers
    return length, sum(map(str.isdigit, written))
