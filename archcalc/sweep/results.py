"""The results of a sweep for reports: the points, what varies, and the Pareto front of two measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from archcalc.advice import suggest
from archcalc.diagnostics import RequestError
from archcalc.memory.sizes import BATCH
from archcalc.running import Running
from archcalc.sweep.evaluate import Outcome
from archcalc.sweep.front import pareto
from archcalc.sweep.measures import COUNT, MEASURES, Measure, measures


@dataclass(frozen=True)
class Side:
    """One of the two axes of the plot.

    Attributes:
        name: a measure, a name that was set, or `batch`.
        measure: the measure, or None for a name.
        less: whether less of it is better.
    """

    name: str
    measure: Measure | None
    less: bool

    @property
    def unit(self) -> str:
        """The unit of its values."""
        return self.measure.unit if self.measure else COUNT

    def of(self, one: Outcome) -> float | None:
        """Its value at a point; None if the network is impossible or the value is not a number."""
        if not one.is_valid:
            return None
        if self.measure is not None:
            return one.values[self.measure.name]
        try:
            return (
                one.point.batch
                if self.name == BATCH
                else float(dict((*one.point.settings, *one.point.run)).get(self.name, ""))
            )
        except ValueError:
            return None


def sides(text: str, names: Sequence[str], has_device: bool) -> tuple[Side, Side]:
    """`macs,params`: the x and y axes. `-` before a name means less is better, `+` more.

    Without a sign, less of a cost is better, and more of anything else.

    Args:
        names: the set names, which take precedence over measures of the same name.

    Raises:
        RequestError: not two known names.
    """
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 2 or not all(part.lstrip("+-") for part in parts):
        raise RequestError(f"--plot takes two names, e.g. --plot macs,params, not {text!r}")
    first, second = (_side(part, [*names, BATCH], has_device) for part in parts)
    return first, second


def _side(text: str, names: Sequence[str], has_device: bool) -> Side:
    name = text.lstrip("+-")
    if name not in names and name not in MEASURES:
        near = suggest(name, [*names, *MEASURES])
        raise RequestError(
            f"--plot: nothing is named `{name}`: "
            + (f"did you mean `{near}`?" if near else f"expected one of {', '.join([*names, *MEASURES])}")
        )
    measure = None if name in names else measures([name], has_device)[0]
    less = text.startswith("-") or (not text.startswith("+") and measure is not None and measure.is_cost)
    return Side(name, measure, less)


@dataclass(frozen=True)
class Results:
    """A completed sweep.

    Attributes:
        outcomes: of every point, in order.
        measures: what is shown.
        said: the run settings given for all networks.
        drawn: the axes of the plot, if any.
    """

    outcomes: Sequence[Outcome]
    measures: Sequence[Measure]
    said: Running
    drawn: tuple[Side, Side] | None = None

    @cached_property
    def names(self) -> list[str]:
        """The names set at any point, in order."""
        return list(dict.fromkeys(name for one in self.outcomes for name, _ in (*one.point.settings, *one.point.run)))

    @cached_property
    def models(self) -> list[str]:
        """The models, each once."""
        return list(dict.fromkeys(one.model or one.point.spec for one in self.outcomes))

    @cached_property
    def batches(self) -> list[int]:
        """The batch sizes, each once."""
        return list(dict.fromkeys(one.point.batch for one in self.outcomes))

    @cached_property
    def how(self) -> list[tuple[Running, tuple[str, ...]]]:
        """How all networks are run in each computed mode, and the assumed fields."""
        ran: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
        for one in self.outcomes:
            for mode, line in one.how.items():
                ran.setdefault(mode, []).append(line)
        return [_common(lines) for lines in ran.values()]

    @cached_property
    def front(self) -> list[bool]:
        """Whether each outcome is on the plotted Pareto front."""
        if self.drawn is None:
            return [False] * len(self.outcomes)
        x, y = self.drawn
        pairs = [(x.of(one), y.of(one)) for one in self.outcomes]
        points = [(a, b) if a is not None and b is not None else None for a, b in pairs]
        return pareto(points, (x.less, y.less))

    @property
    def refused(self) -> list[Outcome]:
        """The impossible points."""
        return [one for one in self.outcomes if not one.is_valid]

    def label(self, one: Outcome) -> str:
        """What distinguishes a point: `width=128 depth=6`."""
        parts = [one.model or one.point.spec] if len(self.models) > 1 else []
        parts += [f"batch={one.point.batch}"] if len(self.batches) > 1 else []
        return " ".join([*parts, *(f"{name}={value}" for name, value in (*one.point.settings, *one.point.run))])


def _common(lines: list[tuple[str, tuple[str, ...]]]) -> tuple[Running, tuple[str, ...]]:
    runs = [(Running.parse(line), assumed) for line, assumed in dict.fromkeys(lines)]
    (first, assumed), *others = runs
    same = {name: value for name, value in first.said.items() if all(one.said.get(name) == value for one, _ in others)}
    return Running(**same), tuple(name for name in assumed if name in same or all(name in other for _, other in others))
