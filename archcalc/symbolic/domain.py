"""The values for which a closed form holds: the loader's decisions, simplified."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import sympy

from archcalc.diagnostics import Span
from archcalc.symbolic.algebra import Algebra, Floor, canonical, remainder, value
from archcalc.traced import Decision, Trace

# Decisions about one name are tried at these sizes; if two differ, the bound between them is searched.
_TRIED = (*range(1, 130), *(2**k + d for k in range(8, 21) for d in (-1, 0, 1)))


@dataclass
class Relation:
    """`expression op 0` holds: op is ">=", "==" or "!="."""

    expression: Any
    op: str
    place: Span | None

    def holds(self, names: Mapping[str, int]) -> bool:
        """Whether it holds at these values; not if something is divided by 0."""
        try:
            at = value(self.expression, names)
        except ZeroDivisionError:
            return False
        return at >= 0 if self.op == ">=" else (at == 0) == (self.op == "==")


class PinnedError(Exception):
    """A decision that holds only at one value of a name, or only if two names are equal."""

    def __init__(self, relation: Relation, names: list[str]) -> None:
        super().__init__()
        self.relation = relation
        self.names = names


class Domain:
    """The values for which all decisions of a trace stay the same.

    Attributes:
        least, most: bounds of each name; `most` has only bounded names.
        even: (dividend, divisor) of divisions that must be exact.
        relations: all other conditions, which are not bounds of one name.
    """

    def __init__(self, trace: Trace, algebra: Algebra, values: Mapping[str, int]) -> None:
        self.values = dict(values)
        self.least = dict.fromkeys(values, 1)
        self.most: dict[str, int] = {}
        self.relations: list[Relation] = []
        self._checks: list[Relation] = []
        decisions = [decision for decision in trace.decisions if remainder(decision) is None]
        while any(_divides(_relation(decision, algebra), algebra) for decision in decisions):
            pass  # known exact divisions simplify it further
        self.even = list(algebra.even)
        seen: set[tuple[Any, str]] = set()
        for decision in decisions:
            relation = _relation(decision, algebra)
            key = (relation.expression, relation.op)
            if key not in seen and relation.expression.free_symbols:
                seen.add(key)
                self._add(relation)
        # Conditions implied by the bounds of the names are left out.
        self.relations = [relation for relation in self.relations if not _always(relation, self.least)]

    def __contains__(self, names: Mapping[str, int]) -> bool:
        return (
            all(self.least[name] <= size <= self.most.get(name, size) for name, size in names.items())
            and all(value(a, names) % value(b, names) == 0 for a, b in self.even)
            and all(relation.holds(names) for relation in self._checks)
        )

    def require(self, relation: Relation) -> None:
        """Restrict the domain to where a relation holds. Raises `PinnedError` if that leaves a name a single value."""
        self._add(relation)
        self.relations = [one for one in self.relations if not _always(one, self.least)]

    def _add(self, relation: Relation) -> None:
        symbols = relation.expression.free_symbols
        if relation.op == "==":
            if canonical(relation.expression) == 0:
                return
            name = next(iter(symbols)).name
            if len(symbols) > 1 or sum(relation.holds({name: size}) for size in _TRIED) < 3:
                raise PinnedError(relation, sorted(one.name for one in symbols))
        if _always(relation):
            return
        self._checks.append(relation)
        if len(symbols) > 1 or not self._bound(relation, next(iter(symbols)).name):
            self.relations.append(relation)

    def _bound(self, relation: Relation, name: str) -> bool:
        """Turn a relation of one name into bounds, if possible."""
        here = self.values[name]
        tried = sorted({*_TRIED, *(here + d for d in (-2, -1, 0, 1, 2) if here + d > 0)})
        holds = {size: relation.holds({name: size}) for size in tried}
        changes = sum(holds[a] != holds[b] for a, b in pairwise(tried))
        low = max((size for size in tried if size < here and not holds[size]), default=0)
        high = min((size for size in tried if size > here and not holds[size]), default=None)
        alone = relation.op == "!=" and (high is not None or (low > 2 and holds[low - 1]))
        if changes > 2 or alone:
            return False
        if low:
            start = min(size for size in tried if size > low)
            self.least[name] = max(self.least[name], _edge(relation, name, start, low))
        if high is not None:
            end = _edge(relation, name, max(size for size in tried if size < high), high)
            self.most[name] = min(self.most.get(name, end), end)
        return True


def _edge(relation: Relation, name: str, good: int, wrong: int) -> int:
    """The last size between `good` and `wrong` at which a relation holds."""
    while abs(good - wrong) > 1:
        middle = (good + wrong) // 2
        good, wrong = (middle, wrong) if relation.holds({name: middle}) else (good, middle)
    return good


def _relation(decision: Decision, algebra: Algebra) -> Relation:
    left, right = algebra.of(decision.left), algebra.of(decision.right)
    if decision.op == "==":
        return Relation(sympy.expand(left - right), "==" if decision.holds else "!=", decision.place)
    strict = decision.op == "<"
    if not decision.holds:  # not left < right: left >= right
        left, right, strict = right, left, not strict
    return Relation(sympy.expand(right - left - (1 if strict else 0)), ">=", decision.place)


def _divides(relation: Relation, algebra: Algebra) -> bool:
    """Whether an equation says that a division is exact, e.g. 2·⌊height / 2⌋ = height; if so the algebra assumes it."""
    if relation.op != "==":
        return False
    for term in sympy.Add.make_args(canonical(relation.expression)):
        coefficient, rounded = term.as_coeff_Mul()
        if isinstance(rounded, Floor):
            dividend, divisor = rounded.args
            others = sympy.expand((term - canonical(relation.expression)) / coefficient)
            if sympy.expand(others * divisor - dividend) == 0:
                before = len(algebra.even), algebra.even[-1:]
                algebra.assume(dividend, divisor)
                return (len(algebra.even), algebra.even[-1:]) != before
    return False


def _always(relation: Relation, least: Mapping[str, int] | None = None) -> bool:
    """Whether it holds for all whole numbers from `least`: no coefficient is negative after shifting names by those."""
    if relation.op == "!=" and _all_positive(relation.expression, least):
        return True
    taken = {name: (least or {}).get(name, 1) for name in (one.name for one in relation.expression.free_symbols)}
    whole, divisor = sympy.fraction(sympy.together(relation.expression))
    if not divisor.is_positive or divisor.has(Floor):  # names are positive, and so are their sums and products
        whole = relation.expression
    for expression in (whole, -whole)[: 2 if relation.op == "!=" else 1]:
        low = _lowest(expression, least)
        shifted = sympy.expand(low.subs({one: one + taken[one.name] for one in low.free_symbols}, simultaneous=True))
        terms = [term.as_coeff_Mul() for term in sympy.Add.make_args(shifted)]
        if any(coefficient < 0 or rest.has(Floor) or sympy.fraction(rest)[1] != 1 for coefficient, rest in terms):
            continue
        if relation.op == ">=" or sum(coefficient for coefficient, rest in terms if rest == 1) > 0:
            return True
    return False


def _lowest(expression: Any, least: Mapping[str, int] | None) -> Any:
    """A lower bound of the expression: each added rounded division at its minimum; 0 for products of them."""
    terms = []
    for term in sympy.Add.make_args(expression):
        coefficient, rest = term.as_coeff_Mul()
        if isinstance(rest, Floor) and coefficient > 0 and rest.args[1].is_Integer:
            numerator, divisor = rest.args
            if not numerator.has(Floor):
                terms.append(coefficient * (numerator - divisor + 1) / divisor)
                continue
        if coefficient > 0 and rest.has(Floor) and _not_negative(rest, least):
            continue
        terms.append(coefficient * rest)
    return sympy.Add(*terms)


def _not_negative(product: Any, least: Mapping[str, int] | None) -> bool:
    """Whether all roundings in a product of names and roundings are non-negative."""
    plain = all(not factor.is_Add and not factor.as_base_exp()[0].is_Add for factor in sympy.Mul.make_args(product))
    return plain and all(
        rounded.args[1].is_Integer and _always(Relation(rounded.args[0], ">=", None), least)
        for rounded in product.atoms(Floor)
    )


def _all_positive(product: Any, least: Mapping[str, int] | None) -> bool:
    """Whether a product has only positive names, positive numbers and roundings of at least 1."""
    for factor in sympy.Mul.make_args(product):
        base = factor.as_base_exp()[0]
        rounded = isinstance(base, Floor) and base.args[1].is_Integer
        if not (_always(Relation(base.args[0] - base.args[1], ">=", None), least) if rounded else base.is_positive):
            return False
    return True


def sides(relation: Relation) -> Iterator[Any]:
    """The two sides of a relation without a common factor, each with only positive terms."""
    terms = sympy.Add.make_args(relation.expression.primitive()[1])
    positive = [term for term in terms if term.as_coeff_Mul()[0] > 0]
    yield sympy.Add(*positive)
    yield -sympy.Add(*(term for term in terms if term not in positive))
