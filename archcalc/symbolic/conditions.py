"""The conditions of a closed form in words, or as Python."""

from __future__ import annotations

from collections.abc import Mapping

import sympy

from archcalc.symbolic.algebra import symbol
from archcalc.symbolic.domain import Domain, sides
from archcalc.symbolic.writing import Writer

_SIGNS = {">=": ("≥", ">="), "!=": ("≠", "!="), "==": ("=", "==")}


def written(domain: Domain, writer: Writer, fixed: Mapping[str, int] | None = None) -> list[str]:
    """Each condition, except that names are positive whole numbers. `fixed` holds names with a single value."""
    equal = _SIGNS["=="][writer.python]
    alone = [f"{name} {equal} {writer.number(number)}" for name, number in (fixed or {}).items()]
    return [*alone, *_bounds(domain, writer), *_divisions(domain, writer), *_relations(domain, writer)]


def _bounds(domain: Domain, writer: Writer) -> list[str]:
    found = []
    for name in domain.values:
        least, most = domain.least[name], domain.most.get(name)
        if least <= _multiple_of(domain, name):
            least = 1
        at_least, at_most = (">=", "<=") if writer.python else ("≥", "≤")
        if most is not None:
            low = f"{writer.number(least)} {at_most} " if least > 1 else ""
            found.append(f"{low}{name} {at_most} {writer.number(most)}")
        elif least > 1:
            found.append(f"{name} {at_least} {writer.number(least)}")
    return found


def _multiple_of(domain: Domain, name: str) -> int:
    """A number that divides `name`, and so is a lower bound of it."""
    ratios = [symbol(name) * divisor / dividend for dividend, divisor in domain.even]
    return max((int(ratio) for ratio in ratios if ratio.is_Integer), default=1)


def _divisions(domain: Domain, writer: Writer) -> list[str]:
    divided: dict[str, list[str]] = {}
    for dividend, divisor in domain.even:
        above, below = sympy.fraction(sympy.together(dividend / divisor))
        divided.setdefault(writer.write(below), []).append(writer.write(above))
    if writer.python:
        return [f"({above}) % ({below}) == 0" for below, all_above in divided.items() for above in all_above]
    return [f"{below} divides {' and '.join(all_above)}" for below, all_above in divided.items()]


def _relations(domain: Domain, writer: Writer) -> list[str]:
    found = []
    for relation in domain.relations:
        left, right = (writer.write(side) for side in sides(relation))
        found.append(f"{left} {_SIGNS[relation.op][writer.python]} {right}")
    return found
