"""Numbers of a block as expressions of its arguments: which arguments explain the numbers of all its calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archcalc.records import NamedTuple
from archcalc.tracing.words import number

# Factors between numbers that belong together; any other factor is taken for a coincidence.
_FACTORS = (2, 3, 4, 6, 8)
# Names of arguments, by the key that they are for.
_NAMES = {
    "channels": "width",
    "features": "width",
    "kernel": "k",
    "count": "depth",
    "hidden": "hidden",
    "shape": "size",
}
_FURTHER: dict[str, tuple[str, ...]] = {"width": ("width", "hidden", "out", "inner", "outer")}
# Keys that have the usual value in most calls.
_USUAL = frozenset(
    ("stride", "kernel", "padding", "dilation", "groups", "shift", "count", "p", "number", "factor", "eps")
)


class Expression(NamedTuple):
    """A number, or an argument times `times` over `over`; of several sizes, `around` has the others and None for it."""

    literal: Any = None
    name: str | None = None
    times: int = 1
    over: int = 1
    around: tuple[int | None, ...] | None = None

    def at(self, values: dict[str, Expression]) -> Expression:
        """The same with its argument's value put in."""
        if self.name is None:
            return self
        given = values[self.name]
        if given.name is None:
            plain = self.times == self.over == 1
            number = given.literal if plain else given.literal * self.times // self.over
            return Expression(number if self.around is None else _filled(self.around, number))
        around = given.around if self.around is None else self.around
        return Expression(None, given.name, given.times * self.times, given.over * self.over, around).reduced()

    def reduced(self) -> Expression:
        """The same without a common factor of both numbers."""
        times, over = self.times, self.over
        for factor in (8, 6, 4, 3, 2):
            while times % factor == 0 and over % factor == 0:
                times, over = times // factor, over // factor
        return self._replace(times=times, over=over)

    def text(self) -> str:
        """Its text in a spec."""
        if self.name is None:
            return "x".join(map(number, self.literal)) if isinstance(self.literal, tuple) else number(self.literal)
        text = self.name if self.times == 1 else f"{self.times}*{self.name}"
        text = text if self.over == 1 else f"{text}//{self.over}"
        if self.around is None:
            return text
        return "x".join(f"({text})" if one is None else str(one) for one in self.around)


def _filled(around: tuple[int | None, ...], number: int) -> tuple[int, ...]:
    return tuple(number if one is None else one for one in around)


class Argument(NamedTuple):
    """An argument of a block: its name, its value in each call, and the one that is left out."""

    name: str
    values: tuple[Any, ...]
    default: Any = None


def explained(
    columns: Sequence[tuple[Any, ...]], keys: Sequence[str], taken: set[str]
) -> tuple[list[Argument], list[Expression]]:
    """Arguments, and an expression for each number. `columns` has each number's values in all calls, `keys` its key."""
    bases: list[tuple[tuple[Any, ...], str]] = []
    varying = [(column, key) for column, key in zip(columns, keys) if any(one != column[0] for one in column)]
    left = list(dict.fromkeys(varying))
    while left:
        best = max(
            left,
            key=lambda one: (
                sum(_related(one[0], other[0]) is not None or _sized(one[0], other[0]) is not None for other in left),
                -_size(one[0]),
            ),
        )
        bases.append(best)
        left = [one for one in left if _related(best[0], one[0]) is None and _sized(best[0], one[0]) is None]
    order = [column for column, _ in varying]
    bases.sort(key=lambda one: order.index(one[0]))
    arguments: list[Argument] = []
    names = set(taken)
    for column, key in bases:
        name = _named(key, names)
        names.add(name)
        usual = max(set(column), key=column.count)
        common = column.count(usual) * 2 >= len(column) and key in _USUAL
        arguments.append(Argument(name, column, usual if common else None))
    first, rest = arguments[:1], arguments[1:]
    if first and first[0].default is not None and any(one.default is None for one in rest):
        first, rest = [], arguments
    arguments = [
        *first,
        *(one for one in rest if one.default is None),
        *(one for one in rest if one.default is not None),
    ]
    return arguments, [_expression(column, arguments) for column in columns]


def _expression(column: tuple[Any, ...], arguments: list[Argument]) -> Expression:
    if all(one == column[0] for one in column):
        return Expression(column[0])
    found: Expression | None = None
    for argument in arguments:
        sized = _sized(argument.values, column)
        if sized is not None:
            around, (times, over) = sized
            return Expression(None, argument.name, times, over, around)
        related = _related(argument.values, column)
        if related is not None:
            times, over = related
            if found is None or times * over == 1:
                found = Expression(None, argument.name, times, over)
    assert found is not None
    return found


def _related(base: tuple[Any, ...], column: tuple[Any, ...]) -> tuple[int, int] | None:
    """The factor and divisor that turn one list of numbers into another."""
    if base == column:
        return 1, 1
    if not all(isinstance(one, int) and not isinstance(one, bool) for one in (*base, *column)):
        return None
    for factor in _FACTORS:
        if all(one * factor == other for one, other in zip(base, column)):
            return factor, 1
        if all(one == other * factor for one, other in zip(base, column)):
            return 1, factor
    if max(base) < 32 and all(one // 2 == other for one, other in zip(base, column)):
        return 1, 2
    return None


def _sized(base: tuple[Any, ...], column: tuple[Any, ...]) -> tuple[tuple[int | None, ...], tuple[int, int]] | None:
    """Sizes of which one follows from an argument: the others with None in its place, and how it follows."""
    if not all(isinstance(one, tuple) and len(one) == len(column[0]) for one in column):
        return None
    changing = [axis for axis in range(len(column[0])) if any(one[axis] != column[0][axis] for one in column)]
    if len(changing) != 1:
        return None
    related = _related(base, tuple(one[changing[0]] for one in column))
    if related is None or any(isinstance(one, tuple) for one in base):
        return None
    around = tuple(None if axis == changing[0] else size for axis, size in enumerate(column[0]))
    return around, related


def _size(column: tuple[Any, ...]) -> float:
    numbers = [one for one in column if isinstance(one, (int, float))]
    return float(sum(numbers)) if len(numbers) == len(column) else 1e18


def _named(key: str, taken: set[str]) -> str:
    base = str(_NAMES.get(key, key))
    for name in (*_FURTHER.get(base, (base,)), *(f"{base}{index}" for index in range(2, 1000))):
        if name not in taken:
            return name
    return base
