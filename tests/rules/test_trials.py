"""Another width for one layer: as building the whole network says, without doing it."""

from __future__ import annotations

import itertools
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


PARTS = (
    "linear 6", "linear 3", "relu", "residual: [linear 6, relu, linear 6]", "residual: [linear 3, {residual: [linear 5, linear 3]}]",
    "concat: [[linear 6, relu], [linear 6], [linear 3]]", "add: [[linear 6, linear 3], [linear 3]]", "b 6", "c", "linear 6 name=NAME",
    "concat: [prev, NAME]", "add: [prev, NAME]", "concat: [[linear 6 name=NAME, linear 3], [relu]]", "repeat: 3, layers: [linear 6, relu]",
    "mul: [[b 3], [residual: [linear 3, relu]], prev]", "linear 6 repeat=2",
    "b 6 repeat=2", "d repeat=3", "repeat: 2, layers: [linear 3 name=NAME, {concat: [[linear 6], NAME]}, linear 3]",
    "residual: [linear 6, linear 3] repeat=2",
)  # fmt: skip
BLOCKS = "blocks:\n  b(w): [linear w, relu, linear w]\n  c: [linear 6, {concat: [[linear 6], [linear 2 name=k]]}, linear 3 from=k]\n"
BLOCKS += "  d: [linear 6, {residual: [linear 6, linear 6]}, linear 3]\n"


@pytest.mark.parametrize("seed", range(40))
def test_from_the_list_on_that_a_layer_stands_in(seed):
    """Lists in lists, blocks that are called once and more often, names that are read further on."""
    draw, lines, names = random.Random(seed), [], []
    while len(lines) < 9:
        part = draw.choice(PARTS)
        if "name=NAME" in part:
            names.append(f"n{len(lines)}")
            part = part.replace("NAME", names[-1])
        elif "NAME" in part:
            part = part.replace("NAME", draw.choice(names or ["input"]))
        text = f"model: t\n{BLOCKS}input: [3]\nlayers:\n" + "".join(f"  - {line}\n" for line in [*lines, part])
        try:
            graph = build_graph(Source("t.yaml", text))
        except SpecError:
            continue
        lines.append(part)
    trials, source = Trials(graph), graph.document.source
    told = 0
    layers = [node for node, _, _ in walk(graph.nodes) if node.op == "linear" and node.layer is not None]
    for node, width in itertools.product({id(node.place): node for node in layers}.values(), (7, 3)):
        edit = with_argument(node, "features", str(width))
        found = trials.valid(node, {"features": width})
        if edit is None or found is None:
            continue
        told += 1
        try:
            build_graph(Source("t.yaml", splice(source, [edit])))
            assert found, (str(node.place), width, lines)
        except SpecError:
            assert not found, (str(node.place), width, lines)
    assert told


@pytest.mark.parametrize(
    ("top", "input", "layers", "tried"),
    [
        # the next copy starts from what the one before gives
        ("", "[3]", ["{repeat: 2, layers: [{residual: [linear 3]}, linear 3]}"], [(1, 7, None)]),
        # two calls, of which one alone would not do
        ("blocks: {b: [linear 3]}", "[3]", ["b name=p", "b from=input", "add: [prev, p]"], [(0, 7, None)]),
        # a call further on, in copies
        ("blocks: {b: [linear 3, relu]}", "[3]", ["b", "linear 3", "{residual: [b], repeat: 2}"], [(0, 7, None)]),
        # the two sides of a product are not alike
        ("", "[3, 3]", ["matmul: [[linear 3], [linear 3]]"], [(0, 7, False), (1, 7, True)]),
        # of one list other widths
        ("", "[3]", ["concat: [[linear 3], [linear 5]]", "glu"], [(0, 4, False), (0, 5, True), (1, 3, True), (1, 4, False)]),
        # a name inside that is read further on, and one that nobody reads
        ("", "[3]", ["residual: [linear 3 name=a, linear 3]", "add: [prev, a]"], [(0, 7, False), (1, 7, False)]),
        ("", "[3]", ["residual: [linear 3 name=a, linear 3]", "linear 2", "linear 2"], [(0, 7, True), (2, 7, True)]),
    ],
)  # fmt: skip
def test_where_a_list_ends(top, input, layers, tried):
    lines = "".join(f"  - {layer}\n" for layer in layers)
    text = f"model: t\n{top}\ninput: {input}\nlayers:\n{lines}"
    graph = build_graph(Source("t.yaml", text))
    trials = Trials(graph)
    every = [node for node, _, _ in walk(graph.nodes) if node.op == "linear" and node.layer is not None]
    linear = list({id(node.place): node for node in every}.values())
    for index, width, expected in tried:
        assert trials.valid(linear[index], {"features": width}) is expected


def test_weights_that_are_tied_take_all_of_it():
    graph = build_graph(Source("t.yaml", "{model: t, input: [3], layers: [linear 3 name=a, linear 3 tie=a]}"))
    assert Trials(graph).valid(graph.nodes[0], {"features": 4}) is None
