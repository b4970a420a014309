"""Depth and receptive field over the folded graph equal those over every copy written out."""

from __future__ import annotations

import pytest

from archcalc.diagnostics import Source
from archcalc.network.load import build_graph
from archcalc.network.paths import EVERYTHING, depth, fields


def field(graph):
    return fields(graph)[id(next(iter(graph.outputs.values())))]


def spec(input, layers):
    return build_graph(Source("t.yaml", f"model: t\ninput: [{input}]\nlayers:\n{layers}"))


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (["conv 8 kernel=3 stride=2 padding=1"], ((3, 2), (3, 2))),
        (["conv 8 kernel=3", "conv 8 kernel=3"], ((5, 1), (5, 1))),
        (["conv 8 kernel=7 stride=2 padding=3", "maxpool kernel=3 stride=2 padding=1", "conv 8 kernel=3"], ((19, 4), (19, 4))),
        (["conv 8 kernel=3x5 dilation=2", "relu"], ((5, 1), (9, 1))),
        (["conv 8 kernel=3", "adaptiveavgpool 1"], EVERYTHING),
        (["conv 8 kernel=3", "flatten", "linear 4"], EVERYTHING),
        (["conv 8 kernel=3 padding=1", "upsample 2"], None),
        (["conv 8 kernel=3 padding=1 name=a", "maxpool 2", "upsample 2", "{concat: [a, prev]}", "conv 8 kernel=3"], None),
        (["parameter 3x64x64 name=p", "conv 8 kernel=3 from=input", "{sub: [input, p]}", "conv 8 kernel=3"], ((3, 1), (3, 1))),
    ],
)  # fmt: skip
def test_receptive_field(graph, layers, expected):
    assert field(graph("3, 64, 64", *layers)) == expected


def test_a_residual_sees_what_its_widest_way_sees(graph):
    assert field(graph("3, 64, 64", "{residual: [conv 3 kernel=3 padding=1, conv 3 kernel=5 padding=2]}")) == (
        (7, 1),
        (7, 1),
    )


@pytest.mark.parametrize("copies", [1, 2, 3, 7])
def test_copies_count_as_if_written_out(copies):
    body = "conv 8 kernel=3 padding=1, relu, conv 8 kernel=5 padding=2"
    folded = spec("8, 32, 32", f"  - repeat: {copies}\n    layers: [{body}]\n")
    written = spec("8, 32, 32", f"  - [{body}]\n" * copies)
    assert field(folded) == field(written) == ((1 + 6 * copies, 1),) * 2
    assert depth(folded) == depth(written) == 2 * copies


@pytest.mark.parametrize("copies", [2, 3, 6])
def test_copies_of_growing_shape(copies):
    body = "{concat: [prev, [conv 4 kernel=3 padding=1]]}"
    folded = spec("8, 32, 32", f"  - repeat: {copies}\n    layers: [{body}]\n")
    written = spec("8, 32, 32", f"  - {body}\n" * copies)
    assert field(folded) == field(written)
    assert depth(folded) == depth(written) == copies


def test_a_million_copies(graph):
    assert depth(spec("8, 32, 32", "  - conv 8 kernel=3 padding=1 repeat=1000000\n")) == 10**6


def test_depth_is_the_longest_path(graph):
    assert (
        depth(
            graph(
                "3, 8, 8",
                "{concat: [[conv 4 kernel=1], [conv 4 kernel=1, conv 4 kernel=3 padding=1]]}",
                "flatten",
                "linear 2",
            )
        )
        == 3
    )
    assert depth(graph("5, 8", "lstm 4 layers=3 name=a", "linear 1 from=a.last")) == 4
    assert depth(graph("5, 8", "{moe: {experts: 4, top_k: 2, layers: [linear 16, relu, linear 8]}}")) == 2
