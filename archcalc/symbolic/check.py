"""Checks closed forms: the network is built at other values, and every number is compared.

A formula that lost one of its names along the way would be silently wrong. So none is shown until it has matched a
plain build at several values for which it claims to hold.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from archcalc.cost import Costs
from archcalc.diagnostics import RequestError, SpecError
from archcalc.network.graph import Node, walk
from archcalc.symbolic.algebra import value
from archcalc.symbolic.domain import Domain

Numbers = Iterator[tuple[str, str, int]]  # where, what, how many

# Number of draws of all names together, and of tries for each one.
_TOGETHER, _TRIES = 4, 400
SIZES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17, 24, 31, 32, 33, 48, 64, 65, 96, 100, 127, 128, 224, 256, 320, 1000)
_FACTORS = (Fraction(1, 4), Fraction(1, 3), Fraction(1, 2), Fraction(3, 2), *map(Fraction, (1, 1, 2, 3, 4, 5)))


def check(costs: Costs, of: Callable[[int], Any], domain: Domain, build: Callable[[Mapping[str, int]], Costs]) -> int:
    """Compare every number with those of `build` at drawn values; returns how many were drawn.

    Raises:
        RequestError: a formula is wrong, or there is no other value to try.
    """
    expressions = [(where, what, of(number), number) for where, what, number in _numbers(costs)]
    varied: set[str] = set()
    done = 0
    for names in draws(domain):
        at = " ".join(f"{name}={size}" for name, size in names.items())
        try:
            plain = build(names)
        except RequestError:
            continue
        except SpecError as error:
            if any(diagnostic.code.startswith("SHP") for diagnostic in error.diagnostics):
                message = error.diagnostics[0].message
                raise RequestError(
                    f"no closed form: its conditions do not exclude {at}, where the network is invalid: {message}"
                ) from None
            continue  # too many layers, or too large for PyTorch
        known: dict[Any, Fraction] = {}
        numbers = list(_numbers(plain))
        same = len(numbers) == len(expressions)
        for (where, what, expression, _), (there, item, number) in zip(expressions, numbers):
            if (where, what) != (there, item):
                same = False
                break
            if value(expression, names, known) != number:
                raise RequestError(
                    f"no closed form: {what} of `{where}` is not a formula of the chosen names that can be traced "
                    f"(at {at} it is {number:,}, not {value(expression, names, known)})"
                )
        if not same:
            raise RequestError(f"no closed form: the network has other layers at {at}")
        done += 1
        varied |= {name for name, size in names.items() if size != domain.values[name]}
    for name in domain.values:
        if name not in varied:
            raise RequestError(
                f"`{name}` cannot be chosen around {domain.values[name]}: no other value gives the same layers. "
                f"Try another with --set {name}=..."
            )
    return done


def draws(domain: Domain, seed: int = 0) -> Iterator[dict[str, int]]:
    """Values in the domain other than the spec's: for each name alone, then for all together."""
    draw = random.Random(seed)
    names = list(domain.values)
    for changed in (*([name] for name in names for _ in range(2)), *(names for _ in range(_TOGETHER))):
        for _ in range(_TRIES):
            values = dict(domain.values)
            for name in changed:
                values[name] = _size(draw, domain.values[name])
            if values != domain.values and values in domain:
                yield values
                break


def _size(draw: random.Random, here: int) -> int:
    if draw.random() < 0.5:
        return draw.choice(SIZES)
    return max(1, int(here * draw.choice(_FACTORS)) + draw.choice((0, 0, 0, 1)))


def _numbers(costs: Costs) -> Numbers:
    """Every number of a network, in a fixed order."""
    for name, tensor in (*costs.graph.inputs.items(), *costs.graph.outputs.items()):
        yield from ((name, f"axis {axis}", size) for axis, size in enumerate(tensor.shape))
    for node, _, _ in walk(costs.graph.nodes):
        yield node.id, "the copies", node.copies
        yield from ((node.id, f"axis {axis}", size) for axis, size in enumerate((*node.output.shape, *node.exit.shape)))
        for name, shape in (*node.params.items(), *node.buffers.items()):
            yield from ((node.id, f"axis {axis} of {name}", size) for axis, size in enumerate(shape))
        yield from _counts(node, costs)
    totals = costs.totals
    for what in totals.__slots__:
        yield "total", what, getattr(totals, what)


def _counts(node: Node, costs: Costs) -> Numbers:
    yield node.id, "MACs", node.macs
    yield node.id, "element-wise operations", node.other_flops
    yield node.id, "masked MACs", node.masked_macs
    for what in costs.own(node).__slots__:
        yield node.id, what, getattr(costs.own(node), what)
