"""Computes the networks at the points of a grid, sequentially or in several processes."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

from archcalc.devices import Device, find
from archcalc.diagnostics import Findings, RequestError, SpecError
from archcalc.language.document import Document
from archcalc.language.settings import settle
from archcalc.network.load import Graph, graph_at, parsed, split_variant, with_batch
from archcalc.network.resolve import resolve
from archcalc.network.steps import Step
from archcalc.opening import read
from archcalc.running import FIELDS, Running
from archcalc.running.kinds import Whole
from archcalc.sweep.grid import Point
from archcalc.sweep.measures import Measure, Shared, Subject, measures
from archcalc.workers import each, processes

# Starting a process takes as long as this many points.
_WORTH = 100
_CHUNK = 16


@dataclass(frozen=True)
class Outcome:
    """The result of a point.

    Attributes:
        point: the point.
        model: the model's name; empty if the spec could not be read.
        values: the measures by name; empty if the network is impossible.
        how: how it was run, by mode: the one-line form, and the assumed fields.
        reason: why it is impossible; place: where in the spec, e.g. `net.yaml:5:7`; help: what to do about it.
    """

    point: Point
    model: str
    values: dict[str, float] = field(default_factory=dict)
    reason: str = ""
    place: str = ""
    help: str = ""
    how: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)

    @property
    def is_valid(self) -> bool:
        """Whether the network is possible."""
        return not self.reason


def check_names(points: Sequence[Point]) -> None:
    """Check up front that specs can be read and have the names that are set.

    Args:
        points: one for each spec and set of names.

    Raises:
        SpecError: a spec that is invalid at any settings.
        RequestError: an unreadable file, or an unknown variant, hparam or dim.
    """
    for point in points:
        path, variant = split_variant(point.spec)
        settle(_opened(path)[0], variant, dict(point.settings), Findings())


def is_of_run(point: Point, name: str) -> bool:
    """Whether a name is a numeric field of `Running` and not an hparam or dim. Raises as `check_names`."""
    document = _opened(split_variant(point.spec)[0])[0]
    own = any(key.text == name for key, _ in (*document.hparams, *document.dims))
    return not own and name in FIELDS and isinstance(FIELDS[name].kind, Whole)


def usual_batch(spec: str) -> int:
    """The default batch of a spec. Raises as `check_names`."""
    path, variant = split_variant(spec)
    return _opened(path)[0].batch(variant)


def evaluate(points: Sequence[Point], wanted: Sequence[Measure], said: Running, jobs: int = 0) -> Iterator[Outcome]:
    """The outcome of every point, in order. With `jobs` 0 the number of processes is chosen automatically."""
    count = 1 if any(point.spec == "-" for point in points) else processes(len(points), _WORTH, jobs)
    alike: dict[tuple[Any, ...], list[Point]] = {}
    for point in points:
        alike.setdefault((point.spec, point.settings), []).append(point)
    groups = list(alike.values())
    # grouped by network to share work, in order of first occurrence
    found = each(partial(outcomes, names=[measure.name for measure in wanted], said=said), groups, count, _CHUNK)
    return _in_order(points, found)


def _in_order(points: Sequence[Point], found: Iterator[list[Outcome]]) -> Iterator[Outcome]:
    known: dict[tuple[Any, ...], Iterator[Outcome]] = {}
    for point in points:
        key = point.spec, point.settings
        if key not in known:
            known[key] = iter(next(found))
        yield next(known[key])


def outcomes(
    points: Sequence[Point], names: Sequence[str], said: Running, network: Network | None = None
) -> list[Outcome]:
    """The outcomes of points with the same network; `said` has the default run settings.

    Args:
        network: that network, if it is known already.
    """
    known: dict[int, Outcome] = {}
    # graphs contain reference cycles; collecting them every thousand objects would dominate the run time
    gc.disable()
    try:
        network = network or Network(points[0])
        for index in sorted(range(len(points)), key=lambda index: points[index].batch):
            known[index] = _outcome(points[index], network, names, said)
    finally:
        gc.enable()
    return [known[index] for index in range(len(points))]


def outcome(point: Point, names: Sequence[str], said: Running, network: Network | None = None) -> Outcome:
    """The outcome of one point, as `outcomes` gives it."""
    return outcomes([point], names, said, network)[0]


def _outcome(point: Point, network: Network, names: Sequence[str], said: Running) -> Outcome:
    model = ""
    try:
        document = network.document
        model = f"{document.model.text}@{network.variant}" if network.variant else document.model.text
        run = point.said.over(said, document.run(network.variant))
        chip = _chip(run.device) if run.device else None
        subject = network.subject(point, said, run, chip)
        values = {measure.name: measure.of(subject) for measure in measures(names, chip is not None)}
        ran = {mode: (str(one), one.assumed) for mode, one in subject.runs.items()}
        return Outcome(point, model, values, how=ran)
    except SpecError as error:
        first = error.diagnostics[0]
        return Outcome(point, model, reason=first.message, place=str(first.place), help=first.help or "")
    except RequestError as error:
        return Outcome(point, model, reason=str(error))


class Network:
    """What points with the same spec and settings share: the graph, and results independent of the run settings.

    Their batches are in order, since the batch changes no shape.
    """

    def __init__(self, point: Point) -> None:
        self.path, self.variant = split_variant(point.spec)
        self.settings = dict(point.settings)
        self._known: dict[tuple[Any, ...], tuple[Graph, Shared]] = {}

    def has(self, point: Point) -> bool:
        """Whether it is the network of a point."""
        return split_variant(point.spec) == (self.path, self.variant) and dict(point.settings) == self.settings

    @property
    def document(self) -> Document:
        """The spec. Raises as `check_names`."""
        return _opened(self.path)[0]

    def subject(self, point: Point, said: Running, run: Running, chip: Device | None) -> Subject:
        """The measures at a point. Raises as `network_at`."""
        document = _said(self.document, point, said)
        tuned = document.tuned(self.variant)
        key = (tuned.freeze, tuned.lora, tuned.lora_on) if tuned is not None else ()
        if key not in self._known:
            graph = graph_at(document, _opened(self.path)[1], self.variant, self.settings, point.batch)
            self._known[key] = graph, Shared(graph)
        first, shared = self._known[key]
        graph = with_batch(first, point.batch)
        if graph.document is not document:
            graph = copy(graph)
            graph.document = document
        return Subject(graph, run, chip, shared if graph.nodes is first.nodes else None)


def network_at(point: Point, said: Running) -> Graph:
    """The network at a point, run as given there or in `said`. Raises `SpecError` or `RequestError` if impossible."""
    path, variant = split_variant(point.spec)
    document, steps = _opened(path)
    return graph_at(_said(document, point, said), steps, variant, dict(point.settings), point.batch)


def _said(document: Document, point: Point, said: Running) -> Document:
    """The document of a network, run as given in the point or in `said`."""
    if (run := point.said.over(said)).said or run.cleared:
        document = copy(document)
        document.said = run
    return document


@lru_cache(maxsize=64)
def _chip(name: str) -> Device:
    return find(name)


@lru_cache(maxsize=64)
def _opened(path: str) -> tuple[Document, list[Step]]:
    """A spec, read and resolved once for all its points. A forked process inherits what its parent has read."""
    findings = Findings()
    document = parsed(read(path), findings)
    steps = resolve(document, findings)
    findings.raise_if_any()
    return document, steps
