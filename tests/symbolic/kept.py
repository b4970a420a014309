"""The formula of what is kept for backward, against simulations at the spec's own sizes and at drawn ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from archcalc.diagnostics import RequestError, SpecError
from archcalc.memory.simulation import kept_for_backward
from archcalc.network.load import Graph
from archcalc.symbolic.algebra import value
from archcalc.symbolic.check import draws
from archcalc.symbolic.network import ClosedForm
from tests.runs import run_of


def difference(form: ClosedForm, seed: int = 0) -> str:
    """What is wrong with the formula; empty where all is right, or where there is none."""
    found = form.kept()
    if found is None:
        return ""
    own = {name: size for name, size in form.names.items() if name not in found.fixed}
    if own not in found.domain:
        return f"the spec's own {own} is left out"
    wanted = _count(form.build, form.names)
    if not wanted == found.value == value(found.expression, own):
        return f"{found.value} at the spec's own {form.names}, not {wanted}"
    for one in (found, found.otherwise):
        for drawn in draws(one.domain, seed) if one is not None else ():
            try:
                wanted = _count(form.build, {**drawn, **one.fixed})
            except (SpecError, RequestError):
                continue
            if value(one.expression, drawn) != wanted:
                return f"{value(one.expression, drawn)} at {drawn}, not {wanted}"
    return ""


def _count(build: Callable[[Mapping[str, int]], Graph], names: Mapping[str, int]) -> int:
    return kept_for_backward(build(names), run_of("train"))
