"""What a training step keeps for backward, as a formula.

The simulation of a step runs on the traced graph as on any other. What it decides on its way, as how
copies add up, holds beside the conditions of the shapes. Peaks are no formula: they are the most of many
moments, and which one that is changes with the sizes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from archcalc.diagnostics import RequestError, SpecError
from archcalc.memory.plan import WIDTHS, Plan
from archcalc.memory.simulation import kept_for_backward
from archcalc.network.load import Graph
from archcalc.symbolic.algebra import Algebra, value
from archcalc.symbolic.check import draws
from archcalc.symbolic.domain import Domain, PinnedError
from archcalc.symbolic.traced import InexactError, Trace, Traced


class Kept:
    """Bytes kept for backward when forward and loss are done.

    Attributes:
        expression: their formula.
        value: for the spec's own sizes, None where it does not hold for those.
        domain: where it holds.
    """

    def __init__(self, expression: Any, number: int | None, domain: Domain) -> None:
        self.expression = expression
        self.value = number
        self.domain = domain


def kept(
    graph: Graph, trace: Trace, names: Mapping[str, int], dtype: str, build: Callable[[Mapping[str, int]], Graph]
) -> Kept | None:
    """The formula, checked against plain simulations at drawn values; None where there is none.

    One sample alone is stored in an order of its own by some layers. Where the batch is a name and 1, and
    that is such a case, the formula is that of batches from 2.
    """
    if dtype not in WIDTHS:
        return None
    plan = Plan(training=True, dtype=dtype)
    found = _kept(graph, trace, names, plan, build)
    if found is None and isinstance(graph.batch, Traced) and int(graph.batch) == 1:
        several = copy.copy(graph)
        several.batch = trace.name(graph.batch.operands[0], 2)
        found = _kept(several, trace, {**names, graph.batch.operands[0]: 2}, plan, build)
        if found is not None and dict(names) not in found.domain:
            found.value = None
    return found


def _kept(
    graph: Graph, trace: Trace, names: Mapping[str, int], plan: Plan, build: Callable[[Mapping[str, int]], Graph]
) -> Kept | None:
    seen = len(trace.decisions)
    trace.open = True
    try:
        number = kept_for_backward(graph, plan)
        algebra = Algebra(trace.decisions)
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
            wanted = kept_for_backward(build(drawn), plan)
        except (SpecError, RequestError):
            continue
        if value(expression, drawn) != wanted:
            return None
        varied |= {name for name, size in drawn.items() if size != names[name]}
    return Kept(expression, int(number), domain) if varied == set(names) else None
