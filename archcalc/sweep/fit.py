"""Finds the largest value of a name within limits, and the limit that binds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from itertools import pairwise

from archcalc.advice import suggest
from archcalc.diagnostics import RequestError
from archcalc.largest import Largest, largest
from archcalc.memory.sizes import BATCH
from archcalc.network.load import Graph
from archcalc.running import FIELDS, Running
from archcalc.sweep.axis import batch_size
from archcalc.sweep.evaluate import Network, Outcome, check_names, evaluate, is_of_run, network_at, outcome
from archcalc.sweep.grid import Point
from archcalc.sweep.measures import COUNT, MEASURES, Measure

# How far above a fitting value others are tried, in possible steps; the same if none fits; and the number of rounds.
# With the batch all tensors grow, and only the kernels that it chooses may take less: then they do so soon or never.
_FURTHER: tuple[int, ...] = tuple(4**power for power in range(8))
_FURTHEST: tuple[int, ...] = tuple(2**power for power in range(24))
_ROUNDS = 8
_NONE = float("inf")
# Multiples of the network's own value, most of what others are multiples of: where all are refused in the same words as
# that one, the value is not what is refused.
_ALIKE = (2, 12, 64)


@dataclass(frozen=True)
class Fit:
    """The result of a fit.

    Attributes:
        model, name: what was varied.
        limits: the maximum of each measure, by name.
        best: the network at the largest value that fits, or None.
        beyond: the network at the next value, which exceeds a limit or is impossible; None if all fit.
        falling: measures that decreased as the value grew, so larger values may fit again.
        tried: the number of networks computed.
    """

    model: str
    name: str
    limits: Mapping[str, float]
    best: Outcome | None
    beyond: Outcome | None
    falling: tuple[str, ...]
    tried: int

    def value_of(self, one: Outcome) -> str:
        """The varied value of an outcome."""
        return str(one.point.batch) if self.name == BATCH else dict((*one.point.run, *one.point.settings))[self.name]

    @property
    def how(self) -> list[Running]:
        """How the network is run in each computed mode, without the varied field; empty if it does not matter."""
        one = self.best or self.beyond
        ran = one.how.items() if one is not None and any(MEASURES[name].unit != COUNT for name in self.limits) else ()
        return [
            Running(
                **{**Running.parse(line).said, self.name: None} if self.name in FIELDS else Running.parse(line).said
            ).assuming(name for name in assumed if name != self.name)
            for _, (line, assumed) in ran
        ]

    @property
    def binding(self) -> list[str]:
        """The measures whose limits the next value exceeds."""
        return _over(self.beyond, self.limits) if self.beyond is not None else []


def fit(
    point: Point,
    name: str,
    limits: Mapping[Measure, float],
    said: Running,
    values: Iterable[str] | None = None,
    jobs: int = 0,
) -> Fit:
    """Find the largest value of `name`, a whole-number hparam, dim or field of `Running`, within `limits`.

    Args:
        point: the other settings.
        limits: the maximum of each measure.
        values: the values to try; by default integers searched up and down from the spec's own.

    Raises:
        RequestError: the name is unknown or not a number, or the run is refused whatever its value.
        SpecError: the spec itself is invalid, so there is no starting point.
    """
    most = {measure.name: limit for measure, limit in limits.items()}
    known: dict[Decimal, Outcome] = {}
    if name != BATCH and is_of_run(point, name):
        start = point.said.over(said).said.get(name) or 1
        point = replace(point, run=(*point.run, (name, str(start))))
    if values is None:
        graph = network_at(point, said)
        found = _searched(point, name, _start(graph, point, name), list(limits), most, said, known)
    else:
        graph = None
        found = _listed(point, name, values, list(limits), said, known, most, jobs)
    best, beyond = found
    ordered = [known[value] for value in sorted(known) if known[value].is_valid]
    falling = tuple(
        measure for measure in most if any(a.values[measure] > b.values[measure] for a, b in pairwise(ordered))
    )
    model = graph.model if graph else next(iter(known.values())).model
    return Fit(model, name, most, best, beyond, falling if values is None else (), len(known))


def _searched(
    point: Point,
    name: str,
    start: int,
    wanted: list[Measure],
    most: Mapping[str, float],
    said: Running,
    known: dict[Decimal, Outcome],
) -> tuple[Outcome | None, Outcome | None]:
    names = [measure.name for measure in wanted]

    network = Network(point)  # that of the last value: neither the batch nor how it is run changes it

    def measure(value: int) -> float | str:
        nonlocal network
        one = known.get(Decimal(value))
        if one is None:
            at = _at(point, name, str(value))
            network = network if network.has(at) else Network(at)
            one = known[Decimal(value)] = outcome(at, names, said, network)
        return max(one.values[name] - most[name] for name in names) if one.is_valid else one.reason

    def is_possible(value: int) -> bool:
        """Whether there is such a network; nothing of it is measured."""
        one = known.get(Decimal(value))
        return one.is_valid if one is not None else outcome(_at(point, name, str(value)), [], said).is_valid

    def likely(low: int, high: int) -> int | None:
        """Where a line through two measured values, on both sides of the limits if there are such, crosses them."""
        sizes = sorted(int(value) for value, one in known.items() if one.is_valid)
        over = [size for size in sizes if size >= high]
        fit = [size for size in sizes if size <= low or (size < high and _amount(measure(size)) <= 0)]
        near = [*fit[-1:], *over[:2]][:2] if over else fit[-2:]
        if len(near) < 2:
            return None
        amounts = [_amount(measure(size)) for size in near]
        grown = amounts[1] - amounts[0]
        return near[0] + int(-amounts[0] / grown * (near[1] - near[0])) if grown > 0 else None

    refused = measure(start)
    if isinstance(refused, str) and all(
        measure(value) == refused for value in (1, start + 1, *(start * times for times in _ALIKE))
    ):
        raise RequestError(refused)
    found = largest(start, measure, 0, likely)
    for _ in range(_ROUNDS):
        further = _FURTHER if name == BATCH or found.value else _FURTHEST
        higher = _higher(found, start, measure, is_possible, further)
        if higher is None:
            break
        found = largest(higher, measure, 0, likely)
    best = known[Decimal(found.value)] if found.value else None
    return best, None if found.unbounded else known[Decimal(found.next)]


def _higher(
    found: Largest,
    start: int,
    measure: Callable[[int], float | str],
    is_possible: Callable[[int], bool],
    further: Sequence[int],
) -> int | None:
    """A larger value that fits as well, as measures need not grow with every value.

    A few values are tried, ever further apart, up to the last possible one; where a limited measure falls
    among them, its minimum is tried too. If nothing fits at all, values below the first are tried likewise.
    """
    if found.unbounded:
        return None
    first = found.next if found.value else start
    step = max(1, found.next - found.value) if found.value else 1
    amounts = {first: _amount(measure(first))}
    if not found.value:
        amounts |= {start - far: _amount(measure(start - far)) for far in _FURTHEST if far < start}
    low = first
    for far in further:
        value = first + far * step
        amounts[value] = _amount(measure(value))
        if amounts[value] == _NONE:
            last = _last(low, value, is_possible)
            amounts[last] = _amount(measure(last))
            break
        low = value
    if min(amounts.values()) > 0:
        amounts |= _down_to_the_least(amounts, measure)
    return max((value for value, amount in amounts.items() if amount <= 0), default=None)


def _amount(found: float | str) -> float:
    """How far a value exceeds the limits; `_NONE` if it is impossible."""
    return _NONE if isinstance(found, str) else found


def _last(low: int, high: int, is_possible: Callable[[int], bool]) -> int:
    """The last possible value between one that is possible and one that is not."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if is_possible(middle) else (low, middle)
    return low


def _down_to_the_least(amounts: Mapping[int, float], measure: Callable[[int], float | str]) -> dict[int, float]:
    """The amounts of values around the minimum, if they fall on one side of it and rise on the other."""
    values = sorted(amounts)
    at = min(range(len(values)), key=lambda index: amounts[values[index]])
    low, high = values[max(0, at - 1)], values[min(len(values) - 1, at + 1)]
    found = {}
    while high - low > 2:
        left, right = low + (high - low) // 3, high - (high - low) // 3
        for value in (left, right):
            found[value] = _amount(measure(value))
        low, high = (low, right) if found[left] < found[right] else (left, high)
    return found


def _listed(
    point: Point,
    name: str,
    values: Iterable[str],
    wanted: list[Measure],
    said: Running,
    known: dict[Decimal, Outcome],
    most: Mapping[str, float],
    jobs: int,
) -> tuple[Outcome | None, Outcome | None]:
    numbers = sorted({_number(value, name): value for value in values}.items())
    points = [_at(point, name, value) for _, value in numbers]
    check_names(points[:1])
    known.update(zip((number for number, _ in numbers), evaluate(points, wanted, said, jobs)))
    best = next((one for _, one in sorted(known.items(), reverse=True) if one.is_valid and not _over(one, most)), None)
    above = [one for one in known.values() if best is None or points.index(one.point) > points.index(best.point)]
    return best, next((one for one in above if one.is_valid), above[0] if above else None)


def _over(one: Outcome, limits: Mapping[str, float]) -> list[str]:
    return [name for name, limit in limits.items() if one.is_valid and one.values[name] > limit]


def _at(point: Point, name: str, value: str) -> Point:
    if name == BATCH:
        return replace(point, batch=batch_size(value))
    if name in dict(point.run):
        return replace(point, run=(*((key, old) for key, old in point.run if key != name), (name, value)))
    return replace(point, settings=(*((key, old) for key, old in point.settings if key != name), (name, value)))


def _number(value: str, name: str) -> Decimal:
    try:
        return Decimal(value)
    except InvalidOperation:
        raise RequestError(f"--vary {name}: `{value}` is not a number, so there is no largest one") from None


def _start(graph: Graph, point: Point, name: str) -> int:
    """The network's own value."""
    if name == BATCH:
        return graph.batch
    if name in dict(point.run):
        return int(dict(point.run)[name])
    values = graph.settings.values
    if name not in values:
        known = [BATCH, *values]
        near = suggest(name, known)
        hint = f"did you mean `{near}`?" if near else f"expected one of {', '.join(known)}"
        raise RequestError(f"{graph.path}: neither the batch nor an hparam or dim is named `{name}`: {hint}")
    value = values[name]
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise RequestError(
            f"`{name}` is not a whole number of at least 1: give the values to try, e.g. --vary {name}=0.5..4:0.5"
        )
    return int(value)
