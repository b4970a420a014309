"""The networks at the points of a grid, computed one after the other or on several processes."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial

from archcalc.diagnostics import Findings, RequestError, SpecError
from archcalc.language.document import Document
from archcalc.language.settings import settle
from archcalc.network.load import Graph, graph_at, parsed, split_variant
from archcalc.network.resolve import resolve
from archcalc.network.steps import Step
from archcalc.opening import read
from archcalc.sweep.grid import Point
from archcalc.sweep.measures import Conditions, Measure, Subject, measures
from archcalc.workers import each, processes

# Starting a process costs as much as so many points.
_WORTH = 100
_CHUNK = 16


@dataclass(frozen=True)
class Outcome:
    """What came of a point.

    Attributes:
        point: where it was computed.
        model: the model's name; empty where the spec could not be read.
        values: each measure by its name; none where there is no such network.
        reason: why there is none; place: where in the spec, as `net.yaml:5:7`.
    """

    point: Point
    model: str
    values: dict[str, float] = field(default_factory=dict)
    reason: str = ""
    place: str = ""

    @property
    def is_valid(self) -> bool:
        """Whether there is such a network."""
        return not self.reason


def check_names(points: Sequence[Point]) -> None:
    """Look whether specs can be read and have the names that are set, before the work begins.

    Args:
        points: one for each spec and set of names.

    Raises:
        SpecError: a spec that is not valid whatever its settings.
        RequestError: a file that cannot be read, a variant, hparam or dim that does not exist.
    """
    for point in points:
        path, variant = split_variant(point.spec)
        settle(_opened(path)[0], variant, dict(point.settings), Findings())


def evaluate(
    points: Sequence[Point], wanted: Sequence[Measure], conditions: Conditions, jobs: int = 0
) -> Iterator[Outcome]:
    """The outcome of every point, in their order. With `jobs` 0 on as many processes as pay."""
    count = 1 if any(point.spec == "-" for point in points) else processes(len(points), _WORTH, jobs)
    one = partial(outcome, names=[measure.name for measure in wanted], conditions=conditions)
    return each(one, points, count, _CHUNK)


def outcome(point: Point, names: Sequence[str], conditions: Conditions) -> Outcome:
    """The outcome of one point."""
    model = ""
    # what a graph leaves behind is in circles; looking for them after every thousand objects takes longer than all else
    gc.disable()
    try:
        path, variant = split_variant(point.spec)
        document, _ = _opened(path)
        model = f"{document.model.text}@{variant}" if variant else document.model.text
        subject = Subject(network_at(point), conditions)
        values = {measure.name: measure.of(subject) for measure in measures(names, conditions)}
        return Outcome(point, model, values)
    except SpecError as error:
        first = error.diagnostics[0]
        return Outcome(point, model, reason=first.message, place=str(first.place))
    except RequestError as error:
        return Outcome(point, model, reason=str(error))
    finally:
        gc.enable()


def network_at(point: Point) -> Graph:
    """The network at a point. Raises `SpecError` or `RequestError` where there is none."""
    path, variant = split_variant(point.spec)
    document, steps = _opened(path)
    return graph_at(document, steps, variant, dict(point.settings), point.batch)


@lru_cache(maxsize=64)
def _opened(path: str) -> tuple[Document, list[Step]]:
    """A spec read and resolved, once for all its points. A process that is forked has what its parent has read."""
    findings = Findings()
    document = parsed(read(path), findings)
    steps = resolve(document, findings)
    findings.raise_if_any()
    return document, steps
