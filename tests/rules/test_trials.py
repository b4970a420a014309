"""Another width for one layer: as building the whole network says, without doing it."""

from __future__ import annotations

import random

import pytest

from archcalc.diagnostics import Source, SpecError
from archcalc.network.graph import walk
from archcalc.network.load import build_graph
from archcalc.network.trial import Trials
from archcalc.rules.edits import with_argument
from archcalc.rules.fixes import splice
from tests.draw.draw import case

KEYS = {"conv": "channels", "linear": "features", "attention": "heads"}


@pytest.mark.parametrize("seed", range(12))
def test_as_building_all_of_it_says(seed):
    graph, draw = case(1_795_930_000 + seed).graph(), random.Random(seed)
    trials, source = Trials(graph), graph.document.source
    layers = [node for node, _, _ in walk(graph.nodes) if node.op in KEYS and node.place.source is source]
    for node in draw.sample(layers, min(4, len(layers))):
        for value in (int(getattr(node.layer, KEYS[node.op])) + 1, 2, 8):
            edit = with_argument(node, KEYS[node.op], str(value))
            found = trials.valid(node, {KEYS[node.op]: value})
            if edit is None or found is None:
                continue
            try:
                build_graph(Source(source.path, splice(source, [edit])), graph.variant, graph.given, graph.batch)
                assert found
            except SpecError:
                assert not found


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (["linear 6", "relu", "linear 3"], True),
        (["linear 6", "residual: [linear 6, relu]", "linear 3"], False),
        (["linear 3", "add: [prev, input]"], False),
        (["linear 6 name=a", "linear 3", "add: [prev, input]", "concat: [prev, a]"], True),
        (["linear 6 name=a", "linear 3", "add: [prev, input]", "linear 6", "add: [prev, a]"], False),
    ],
)
def test_what_the_width_reaches(layers, expected):
    text = "model: t\ninput: [3]\nlayers:\n" + "".join(f"  - {layer}\n" for layer in layers)
    graph = build_graph(Source("t.yaml", text))
    assert Trials(graph).valid(graph.nodes[0], {"features": 5}) is expected


def test_weights_that_are_tied_take_all_of_it():
    graph = build_graph(Source("t.yaml", "{model: t, input: [3], layers: [linear 3 name=a, linear 3 tie=a]}"))
    assert Trials(graph).valid(graph.nodes[0], {"features": 4}) is None
