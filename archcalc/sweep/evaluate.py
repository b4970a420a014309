"""The networks at the points of a grid, computed one after the other or on several processes."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import lru_cache, partial

from archcalc.devices import Device, find
from archcalc.diagnostics import Findings, RequestError, SpecError
from archcalc.language.document import Document
from archcalc.language.settings import settle
from archcalc.network.load import Graph, graph_at, parsed, split_variant
from archcalc.network.resolve import resolve
from archcalc.network.steps import Step
from archcalc.opening import read
from archcalc.running import FIELDS, Running
from archcalc.running.kinds import Whole
from archcalc.sweep.grid import Point
from archcalc.sweep.measures import Measure, Subject, measures
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
        how: how it was run, by mode: the one line, and what of it nobody said.
        reason: why there is none; place: where in the spec, as `net.yaml:5:7`.
    """

    point: Point
    model: str
    values: dict[str, float] = field(default_factory=dict)
    reason: str = ""
    place: str = ""
    how: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)

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


def is_of_run(point: Point, name: str) -> bool:
    """Whether a name is that of a number of `Running`, and not of an hparam or dim. Raises as `check_names`."""
    document = _opened(split_variant(point.spec)[0])[0]
    own = any(key.text == name for key, _ in (*document.hparams, *document.dims))
    return not own and name in FIELDS and isinstance(FIELDS[name].kind, Whole)


def usual_batch(spec: str) -> int:
    """The batch of a spec where nobody gives one. Raises as `check_names`."""
    path, variant = split_variant(spec)
    return _opened(path)[0].batch(variant)


def evaluate(points: Sequence[Point], wanted: Sequence[Measure], said: Running, jobs: int = 0) -> Iterator[Outcome]:
    """The outcome of every point, in their order. With `jobs` 0 on as many processes as pay."""
    count = 1 if any(point.spec == "-" for point in points) else processes(len(points), _WORTH, jobs)
    one = partial(outcome, names=[measure.name for measure in wanted], said=said)
    return each(one, points, count, _CHUNK)


def outcome(point: Point, names: Sequence[str], said: Running) -> Outcome:
    """The outcome of one point; `said` is how networks are run where the point does not say otherwise."""
    model = ""
    # what a graph leaves behind is in circles; looking for them after every thousand objects takes longer than all else
    gc.disable()
    try:
        path, variant = split_variant(point.spec)
        document, _ = _opened(path)
        model = f"{document.model.text}@{variant}" if variant else document.model.text
        run = Running(**dict(point.run)).over(said, document.run(variant))
        chip = _chip(run.device) if run.device else None
        subject = Subject(network_at(point, said), run, chip)
        values = {measure.name: measure.of(subject) for measure in measures(names, chip is not None)}
        ran = {mode: (str(one), one.assumed) for mode, one in subject.runs.items()}
        return Outcome(point, model, values, how=ran)
    except SpecError as error:
        first = error.diagnostics[0]
        return Outcome(point, model, reason=first.message, place=str(first.place))
    except RequestError as error:
        return Outcome(point, model, reason=str(error))
    finally:
        gc.enable()


def network_at(point: Point, said: Running) -> Graph:
    """The network at a point, run as it says, or else `said`. Raises `SpecError` or `RequestError` where there is none."""
    path, variant = split_variant(point.spec)
    document, steps = _opened(path)
    if (run := Running(**dict(point.run)).over(said)).said:
        document = copy(document)
        document.said = run
    return graph_at(document, steps, variant, dict(point.settings), point.batch)


@lru_cache(maxsize=64)
def _chip(name: str) -> Device:
    return find(name)


@lru_cache(maxsize=64)
def _opened(path: str) -> tuple[Document, list[Step]]:
    """A spec read and resolved, once for all its points. A process that is forked has what its parent has read."""
    findings = Findings()
    document = parsed(read(path), findings)
    steps = resolve(document, findings)
    findings.raise_if_any()
    return document, steps
