"""Memory as formulas: what a training step keeps for backward, and the cache of generating.

The simulation of a step runs on the traced graph as on any other. What it decides on its way, as how
copies add up, holds beside the conditions of the shapes. Peaks are no formula: they are the most of many
moments, and which one that is changes with the sizes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from archcalc.diagnostics import RequestError, SpecError
from archcalc.memory.generation import cache_bytes, generate
from archcalc.memory.plan import WIDTHS, Plan
from archcalc.memory.positions import NotGenerativeError
from archcalc.memory.simulation import kept_for_backward
from archcalc.network.load import Graph
from archcalc.symbolic.algebra import Algebra, canonical, symbol, value
from archcalc.symbolic.check import draws
from archcalc.symbolic.domain import Domain, PinnedError
from archcalc.symbolic.traced import InexactError, Trace, Traced

Build = Callable[[Mapping[str, int]], Graph]
Count = Callable[[Graph], int]


class Bytes:
    """Bytes of memory as a formula.

    Attributes:
        expression: the formula.
        value: for the spec's own sizes, None where it does not hold for those.
        domain: where it holds.
    """

    def __init__(self, expression: Any, number: int | None, domain: Domain) -> None:
        self.expression = expression
        self.value = number
        self.domain = domain


def kept(graph: Graph, trace: Trace, names: Mapping[str, int], dtype: str, build: Build) -> Bytes | None:
    """What is kept for backward when forward and loss are done; None where that has no formula.

    One sample alone is stored in an order of its own by some layers. Where the batch is a name and 1, and
    that is such a case, the formula is that of batches from 2, and of 1 as well if it comes out the same.
    """
    if dtype not in WIDTHS:
        return None
    plan = Plan(training=True, dtype=dtype)

    def count(graph: Graph) -> int:
        return kept_for_backward(graph, plan)

    found = _formula(graph, trace, names, count, build)
    if found is not None or not isinstance(graph.batch, Traced) or int(graph.batch) != 1:
        return found
    batch = graph.batch.operands[0]
    found = _formula(_of_batch(graph, trace.name(batch, 2)), trace, {**names, batch: 2}, count, build)
    if found is None:
        return None
    others = {name: size for name, size in names.items() if name != batch}
    one = {batch: 1}
    alone = _formula(_of_batch(graph, 1), trace, others, count, lambda drawn: build({**drawn, **one}), one)
    same = alone is not None and canonical(found.expression.subs(symbol(batch), 1) - alone.expression) == 0
    if alone is not None and same and found.domain.admit_one(batch, alone.domain):
        found.value = alone.value
    elif dict(names) not in found.domain:
        found.value = None
    return found


def cache(graph: Graph, plain: Graph, trace: Trace, names: Mapping[str, int], dtype: str, build: Build) -> Bytes | None:
    """What layers keep when all positions of the graph's sequence were generated; None for a network that does not."""
    try:
        layers = {one.node.id for one in generate(plain, dtype=dtype).caches}
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
    """What `count` gives as a formula, checked against plain graphs at drawn values; None where there is none.

    `fixed` holds the names of the trace that are numbers in the formula.
    """
    seen = len(trace.decisions)
    trace.open = True
    try:
        number = count(graph)
        algebra = Algebra(trace.decisions, fixed)
        domain = Domain(trace, algebra, names)
    except (InexactError, PinnedError):
        return None
    finally:
        trace.open = False
        del trace.decisions[seen:]
    expression = algebra.of(number)
    varied: set[str] = set()
    for drawn in draws(domain):
        try:
            wanted = count(build(drawn))
        except (SpecError, RequestError):
            continue
        if value(expression, drawn) != wanted:
            return None
        varied |= {name for name, size in drawn.items() if size != names[name]}
    return Bytes(expression, int(number), domain) if varied == set(names) else None
