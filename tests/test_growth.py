"""Nobody has to know how large a network is before asking: the work grows as its layers do."""

from __future__ import annotations

import pytest

from archcalc.devices import find
from archcalc.diagnostics import Source
from archcalc.network.load import build_graph
from archcalc.prediction.answer import answer
from archcalc.reports.prediction import machine, rows, text

from .growth import exponent

# Of work that is linear and a little more; n log n is 1.1 at these sizes.
LINEAR = 1.15


def chain(count: int):
    layers = "".join(f"  - linear {8 + index % 13}\n  - relu\n" for index in range(count))
    return build_graph(Source("t.yaml", f"model: t\ninput: [8]\nlayers:\n{layers}"))


def nest(count: int):
    inner = "residual: [relu, {residual: [{repeat: 2, layers: [linear 8, relu]}]}]"
    layers = f"  - {inner}\n  - linear 8\n" * count
    return build_graph(Source("t.yaml", f"model: t\ninput: [8]\nlayers:\n{layers}"))


@pytest.mark.parametrize("mode", ["forward", "train"])
@pytest.mark.parametrize("network", [chain, nest])
def test_predicting(network, mode):
    graphs = {count: network(count) for count in (20, 40, 80)}

    def run(count: int) -> None:
        found = answer(graphs[count], find("h100"), mode=mode)
        text.text(found, rows.rows(found, 1), rule=False)
        machine.data(found, rows.layers(found))
        rows.slowest(found, 3)

    assert exponent(run, 20) < LINEAR
