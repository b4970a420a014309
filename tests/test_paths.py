"""Depth and receptive field over the folded graph equal those over every copy written out."""

from __future__ import annotations

from fractions import Fraction

import pytest

from archcalc.diagnostics import Source
from archcalc.network.load import build_graph, load_graph
from archcalc.network.paths import EVERYTHING, depth, fields
from tests.each import each

from .conftest import ROOT


def field(graph):
    """What the output sees, of each axis the size and the step."""
    found = fields(graph)[id(next(iter(graph.outputs.values())))]
    return tuple((axis.size, axis.step) for axis in found) if isinstance(found, tuple) else found


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
        (["conv 8 kernel=3 padding=1", "upsample 2"], ((3, Fraction(1, 2)),) * 2),
        (["conv 8 kernel=3 padding=1 name=a", "maxpool 2", "upsample 2", "{concat: [a, prev]}", "conv 8 kernel=3"], ((6, 1),) * 2),
        (["conv 8 kernel=3 padding=1", "transpose"], None),
        (["conv 8 kernel=3", "flatten", "relu", "reshape 8x-1"], None),
        (["conv 8 kernel=3", "flatten", "linear 16", "reshape 4x2x2"], EVERYTHING),
        (["flatten", "batchnorm", "slice end=9"], None),
        (["flatten", "linear 16", "slice end=9"], EVERYTHING),
        (["rearrange 'c h w -> (h w) c'", "select 0"], None),
        (["rearrange 'c h w -> (h w) c'", "select 0", "linear 4"], None),
        (["rearrange 'c h w -> (h w) c'", "mean 0"], EVERYTHING),
        (["reshape 64x3x64", "adaptiveavgpool 1", "flatten", "slice end=9"], None),
        (["reshape 64x3x64", "adaptiveavgpool 1", "conv 8 groups=8 kernel=1", "flatten", "slice end=2"], None),
        (["reshape 64x3x64", "adaptiveavgpool 1", "conv 8 kernel=1", "flatten", "slice end=2"], EVERYTHING),
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


@each([1, 2, 3, 7])
def test_copies_count_as_if_written_out(copies):
    body = "conv 8 kernel=3 padding=1, relu, conv 8 kernel=5 padding=2"
    folded = spec("8, 32, 32", f"  - repeat: {copies}\n    layers: [{body}]\n")
    written = spec("8, 32, 32", f"  - [{body}]\n" * copies)
    assert field(folded) == field(written) == ((1 + 6 * copies, 1),) * 2
    assert depth(folded) == depth(written) == 2 * copies


@each([2, 3, 6])
def test_copies_of_growing_shape(copies):
    body = "{concat: [prev, [conv 4 kernel=3 padding=1]]}"
    folded = spec("8, 32, 32", f"  - repeat: {copies}\n    layers: [{body}]\n")
    written = spec("8, 32, 32", f"  - {body}\n" * copies)
    assert field(folded) == field(written)
    assert depth(folded) == depth(written) == copies


@pytest.mark.parametrize(
    "before", ["upsample 2", "convtranspose 8 kernel=4 stride=2 padding=1", "upsample 3 mode=bilinear"]
)
@pytest.mark.parametrize("copies", [2, 3, 7])
def test_copies_behind_what_is_larger_count_as_if_written_out(before, copies):
    body = "conv 8 kernel=3 padding=1, conv 8 kernel=2 padding=same"
    folded = spec("8, 32, 32", f"  - {before}\n  - repeat: {copies}\n    layers: [{body}]\n")
    written = spec("8, 32, 32", f"  - {before}\n" + f"  - [{body}]\n" * copies)
    assert field(folded) == field(written)
    assert field(folded) is not None


def test_an_encoder_and_decoder():
    graph = load_graph(str(ROOT / "specs" / "unet.yaml"))
    ((size, step), other) = field(graph)
    assert (size, step) == other
    assert step == 1
    assert size > 60


def test_a_resnet_sees_through_its_shortcuts():
    """Windows of 7/2 and 3/2, then 3, 4, 6 and 3 of 3, of which the first of a stage but the first has stride 2."""
    graph = load_graph(str(ROOT / "specs" / "resnet50.yaml"))
    found = fields(graph)
    told = {node.name: found[id(node.output)] for node in graph.nodes if node.name}
    assert [(told[f"layer{stage}"][0].size, told[f"layer{stage}"][0].step) for stage in (1, 2, 3, 4)] == [
        (35, 4), (91, 8), (267, 16), (427, 32),
    ]  # fmt: skip
    assert told["fc"] == EVERYTHING


@each(["vit", "hierarchical-attention"])
def test_attention_behind_moved_places_sees_everything(spec):
    graph = load_graph(str(ROOT / "specs" / f"{spec}.yaml"))
    assert field(graph) == EVERYTHING


def test_size_step_and_place():
    lines = ["a: conv 1 kernel=3 stride=2 padding=1", "b: conv 1 kernel=3 stride=2 padding=1"]
    lines += ["c: convtranspose 1 kernel=4 stride=2 padding=1", "d: conv 1 kernel=3 padding=1", "e: upsample 2"]
    lines += ["f: conv 1 kernel=3 padding=1"]
    named = [f"  - {text} name={name}\n" for name, text in (line.split(": ") for line in lines)]
    graph = spec(
        "1, 64", "".join(named) + "  - concat: [f, input]\n    name: g\n  - conv 1 kernel=5 padding=2 name=h\n"
    )
    found = fields(graph)
    axes = {node.name: found[id(node.exit)] for node in graph.nodes}
    told = {name: (one[0].sizes, one[0].step, one[0].start) for name, one in axes.items()}
    # c: output 0 reads b at -1 and 0, output 1 at 0 and 1. d: b at -1..1, or 0..2 around its own. f: at both sides of
    # a pair of e, three positions of d; h: one or two more to each side.
    assert told == {
        "a": ([3], 2, -1), "b": ([7], 4, -3), "c": ([11, 11], 2, -7), "d": ([15, 15], 2, -7), "e": ([15] * 4, 1, -7),
        "f": ([19, 15, 15, 19], 1, -11), "g": ([19, 15, 15, 19], 1, -11), "h": ([19, 23, 23, 19], 1, -11),
    }  # fmt: skip


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
