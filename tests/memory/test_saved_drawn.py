"""What is kept for backward is what PyTorch's hooks see, over drawn arguments and drawn networks."""

from __future__ import annotations

from random import Random

import pytest

from archcalc.diagnostics import Source, SpecError
from archcalc.network.load import Graph, build_graph
from tests.memory.test_saved import difference
from tests.pytorch.layer_draws import DRAWS
from tests.pytorch.networks import Item, draw, flow

INPUTS = ["8", "5, 8", "6, 4", "4, 9", "2, 7, 7", "4, 6, 5", "2, 4, 5, 4", "7", "1, 8"]
# Before the drawn layer, so that a gradient reaches it or not.
BEFORE = ["linear 8", "conv 4 kernel=1", "scale 1", "linear 6", "identity"]
# 58: a bidirectional rnn reads the state of another as its input.
DIFFERENT = {58: 72}


def drawn(op: str, seed: int) -> Graph | None:
    """A network of one drawn layer behind another; None where the draw is not valid there."""
    rng = Random(f"{op}{seed}")
    given, before, batch = rng.choice(INPUTS), rng.choice(BEFORE), rng.choice([1, 2, 3])
    try:
        first = build_graph(Source("t.yaml", f"{{model: m, input: [{given}], layers: [{before}]}}"), batch=batch)
        keys = DRAWS[op](rng, next(iter(first.outputs.values())))
        if keys is None:
            return None
        line = flow(Item(op, keys))
        quoted = line if "{" in line else f'"{line}"'
        text = f"{{model: m, input: [{given}], layers: [{before}, {quoted}]}}"
        return build_graph(Source("t.yaml", text), batch=batch)
    except SpecError:
        return None


@pytest.mark.parametrize("op", sorted(DRAWS))
def test_drawn_arguments(op: str) -> None:
    compared = 0
    for seed in range(40):
        graph = drawn(op, seed)
        if graph is None:
            continue
        try:
            apart = difference(graph)
        except ValueError:
            assert op == "batchnorm"  # it trains on no single value
            continue
        assert apart == 0, graph.document.source.text
        compared += 1
        if compared == 6:
            break
    assert compared


@pytest.mark.parametrize("first", range(0, 60, 10))
def test_drawn_networks(first: int) -> None:
    for seed in range(first, first + 10):
        assert difference(draw(seed).build()) == DIFFERENT.get(seed, 0), seed
