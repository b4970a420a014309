"""Memory as formulas: what a training step keeps for backward, and the cache of generation.

The simulation of a step runs on the traced graph as on any other. Its decisions, such as how copies add up, are
conditions in addition to those of the shapes. Peaks have no formula: they are the maximum over many moments, and which
moment that is depends on the sizes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from archcalc.diagnostics import RequestError, SpecError
from archcalc.memory.generation import cache_bytes, generate
from archcalc.memory.positions import NotGenerativeError
from archcalc.memory.simulation import kept_for_backward
from archcalc.network.load import Graph
from archcalc.running import Running
from archcalc.running.declaration import GENERATE, TRAIN
from archcalc.running.defaults import settled
from archcalc.running.precisions import PRECISIONS
from archcalc.symbolic.algebra import Algebra, value
from archcalc.symbolic.check import SIZES, draws
from archcalc.symbolic.domain import Domain, PinnedError, Relation
from archcalc.traced import InexactError, Trace, Traced

# Draws for each way in which a size may become 1, or stop being 1.
_TRIES = 2
Build = Callable[[Mapping[str, int]], Graph]
Count = Callable[[Graph], int]


class Bytes:
    """Bytes of memory as a formula.

    Attributes:
        expression: the formula.
        value: for the spec's own sizes, None if it does not hold for those.
        domain: where it holds.
        fixed: names that are plain numbers in it.
        otherwise: the formula to use where this one does not hold.
    """

    def __init__(self, expression: Any, number: int | None, domain: Domain, fixed: Mapping[str, int]) -> None:
        self.expression = expression
        self.value = number
        self.domain = domain
        self.fixed = fixed
        self.otherwise: Bytes | None = None


def kept(graph: Graph, trace: Trace, names: Mapping[str, int], dtype: str, build: Build) -> Bytes | None:
    """What is kept for backward after the forward pass and the loss; None if it has no formula, or copies are nested too deep.

    What is copied depends on which axes have size 1, so a single sample may be kept differently from several. If the
    spec has one sample, the formula is then for one, and `otherwise` for several.
    """
    if dtype not in PRECISIONS:
        return None
    running = settled(Running(precision=dtype), TRAIN)

    def count(graph: Graph) -> int:
        return kept_for_backward(graph, running)

    found = _formula(graph, trace, names, count, build)
    if found is not None or not isinstance(graph.batch, Traced) or int(graph.batch) != 1:
        return found
    batch = graph.batch.operands[0]
    several = _formula(_of_batch(graph, trace.name(batch, 2)), trace, {**names, batch: 2}, count, build)
    if several is not None and dict(names) in several.domain:
        several.domain.values[batch] = 1
        several.value = count(build(names))
        return several
    others, one = {name: size for name, size in names.items() if name != batch}, {batch: 1}
    alone = _formula(_of_batch(graph, 1), trace, others, count, lambda drawn: build({**drawn, **one}), one)
    if several is not None:
        several.value = None
    if alone is not None:
        alone.otherwise = several
    return alone


def cache(graph: Graph, plain: Graph, trace: Trace, names: Mapping[str, int], dtype: str, build: Build) -> Bytes | None:
    """What layers keep after generating all of the graph's positions; None if the network cannot generate."""
    try:
        layers = {one.node.id for one in generate(plain, Running(mode=GENERATE, precision=dtype)).caches}
    except (NotGenerativeError, SpecError):
        return None
    return _formula(graph, trace, names, lambda graph: cache_bytes(graph, layers, dtype), build)


def _of_batch(graph: Graph, batch: int) -> Graph:
    other = copy.copy(graph)
    other.batch = batch
    return other


def _formula(
    graph: Graph,
    trace: Trace,
    names: Mapping[str, int],
    count: Count,
    build: Build,
    fixed: Mapping[str, int] | None = None,
) -> Bytes | None:
    """The result of `count` as a formula, checked against plain graphs at drawn values; None if there is none.

    `fixed` holds the names of the trace that are plain numbers in the formula.
    """
    seen, noted = len(trace.decisions), len(trace.singles)
    trace.open = True
    try:
        number = count(graph)
        algebra = Algebra(trace.decisions, fixed)
        domain = Domain(trace, algebra, names)
        singles = dict.fromkeys(algebra.of(size) for size in trace.singles[noted:])
    except (InexactError, PinnedError, RequestError):
        return None
    finally:
        trace.open = False
        del trace.decisions[seen:]
        del trace.singles[noted:]
    expression = algebra.of(number)
    ones = {size: value(size, names) == 1 for size in singles if size.free_symbols}
    varied: set[str] = set()
    wrong: set[Any] = set()
    tried = [
        (drawn, {size for size, is_one in ones.items() if (value(size, drawn) == 1) != is_one})
        for drawn in (*draws(domain), *_others(domain, ones))
    ]
    for drawn, changed in sorted(tried, key=lambda one: len(one[1])):  # so that a mistake can only be in a few of them
        if changed & wrong:
            continue
        try:
            wanted = count(build(drawn))
        except (SpecError, RequestError):
            continue
        if value(expression, drawn) == wanted:
            varied |= {name for name, size in drawn.items() if size != names[name]}
        elif changed:
            wrong |= changed
        else:
            return None
    try:
        for size in wrong:
            domain.require(Relation(size - 1, "==", None) if ones[size] else Relation(size - 2, ">=", None))
    except PinnedError:
        return None
    return Bytes(expression, int(number), domain, fixed or {}) if varied == set(names) else None


def _others(domain: Domain, ones: Mapping[Any, bool]) -> Iterator[dict[str, int]]:
    """Values of names at which some size stops being 1, or becomes 1; fewest names first."""
    for size, is_one in ones.items():
        of_size = sorted(one.name for one in size.free_symbols)
        for changed in (*([name] for name in of_size), of_size):
            fitting = (
                drawn
                for number in SIZES
                for drawn in [{**domain.values, **dict.fromkeys(changed, number)}]
                if drawn in domain and (value(size, drawn) == 1) != is_one
            )
            yield from islice(fitting, _TRIES)
