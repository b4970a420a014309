"""Layouts are known or undecided: every layer, before and after whatever leaves a tensor undecided.

What a network gives is an error, or the same as where the layout is stated: never what the first
reader would take for granted.
"""

from __future__ import annotations

import itertools
import random
from functools import cache
from typing import Any

import pytest

from archcalc.diagnostics import Source, SpecError
from archcalc.layers import REGISTRY, Layer
from archcalc.layers.layout import ASKS, CHANNELS_FIRST, ENDS, FEATURES_LAST, KEEPS
from archcalc.layers.tensor import Tensor
from archcalc.network.graph import Node, walk
from archcalc.network.load import Graph, build_graph
from tests.cases import CASES, shared
from tests.each import each
from tests.outcome import TIMES

WORDS = (CHANNELS_FIRST, FEATURES_LAST, KEEPS, ASKS, ENDS)

# A line for every layer, that fits both of the shapes below as far as its rank does.
LINES = {
    "conv": "conv 4 kernel=1", "convtranspose": "convtranspose 4 kernel=1", "maxpool": "maxpool 2", "avgpool": "avgpool 2",
    "adaptiveavgpool": "adaptiveavgpool 2", "adaptivemaxpool": "adaptivemaxpool 2", "upsample": "upsample 2",
    "pad": "pad 1", "crop": "crop 2", "pixelshuffle": "pixelshuffle 2", "pixelunshuffle": "pixelunshuffle 2",
    "channelshuffle": "channelshuffle 2", "linear": "linear 6", "embedding": "embedding 9 dim=6",
    "posembed": "posembed", "clstoken": "clstoken", "parameter": "parameter 4x6", "layerscale": "layerscale",
    "batchnorm": "batchnorm", "layernorm": "layernorm", "rmsnorm": "rmsnorm", "groupnorm": "groupnorm 2",
    "instancenorm": "instancenorm", "localresponsenorm": "localresponsenorm 3", "prelu": "prelu 4", "glu": "glu",
    "softmax": "softmax", "logsoftmax": "logsoftmax", "rnn": "rnn 6", "lstm": "lstm 6", "gru": "gru 6",
    "attention": "attention 2", "sdpa": "{sdpa: {q: prev, k: prev, v: prev}}", "rope": "rope",
    "relposbias": "relposbias 2", "flatten": "flatten start=1", "rearrange": "rearrange 'a ... -> ... a'",
    "reshape": "reshape 4x-1", "transpose": "transpose", "select": "select 0", "slice": "slice 1",
    "split": "split 2", "expand": "expand 3x-1x-1", "mean": "mean", "norm": "norm 0", "argmax": "argmax 0", "index": "index 4",
    "argmin": "argmin 0", "tile": "tile 1x1", "pow": "pow 2", "offset": "offset 1", "div": "{div: [prev, prev]}",
    "maximum": "{maximum: [prev, prev]}", "minimum": "{minimum: [prev, prev]}", "roll": "roll 1", "identity": "identity", "detach": "detach",
    "residual": "{residual: [relu]}", "add": "{add: [prev, prev]}", "sub": "{sub: [prev, prev]}",
    "mul": "{mul: [prev, prev]}", "concat": "{concat: [prev, prev]}", "matmul": "{matmul: [prev, [transpose]]}",
    "einsum": "{einsum: {equation: 'ab,ab->ab', operands: [prev, prev]}}", "scale": "scale 2",
    "unfold": "unfold 1", "fold": "fold 2x3 kernel=1", "gridsample": "[identity name=xx, parameter 5x2x2 name=gg, gridsample grid=gg from=xx]", "deformconv": "deformconv 4 kernel=1 offset=prev", "maxunpool": "[maxpool 1 indices=true name=xx, maxunpool 1 indices=xx.indices]", "selectivescan": "selectivescan dt=prev b=prev c=prev", "topk": "topk 2", "gather": "gather index=prev", "takealongdim": "[identity name=xx, topk 1 axis=0 name=tt, takealongdim index=tt.indices axis=0 from=xx]",
    "opaque": "opaque output=same", "constant": "constant 4x6",
    "rnncell": "rnncell 6 state=prev", "grucell": "grucell 6 state=prev", "lstmcell": "lstmcell 6 h=prev c=prev",
    "moe": "{moe: {experts: 2, top_k: 1, layers: [linear 6]}}",
}  # fmt: skip
PLAIN = {
    op: op for op, cls in REGISTRY.items() if op not in LINES and not any(a.required for a in cls.arguments.values())
}
LINES |= PLAIN
# What leaves a tensor undecided, of the shapes [4, 6] and [4, 6, 6]: the input that it starts from, and the layers.
SOURCES = {
    "input": (("4, 6", ()), ("4, 6, 6", ())),
    "reshape": (("24", ("reshape 4x6",)), ("144", ("reshape 4x6x6",))),
    "transpose": (("6, 4", ("transpose",)), ("4, 6, 6", ("transpose",))),
    "rearrange": (("6, 4", ("rearrange 'a b -> b a'",)), ("6, 4, 6", ("rearrange 'a b d -> b a d'",))),
    "parameter": (("1", ("parameter 4x6",)), ("1", ("parameter 4x6x6",))),
    "matmul": (
        ("4, 6", ("parameter 6x6 name=w", "{matmul: [input, w]}")),
        ("4, 6, 6", ("{matmul: [input, input]}",)),
    ),
    "einsum": (
        ("4, 6", ("{einsum: {equation: 'ab,ab->ab', operands: [input, input]}}",)),
        ("4, 6, 6", ("{einsum: {equation: 'abd,abd->abd', operands: [input, input]}}",)),
    ),
    "select": (("3, 4, 6", ("maxpool 1", "select 0")), ("3, 4, 6, 6", ("maxpool 1", "select 0"))),
    "mean": (("3, 4, 6", ("maxpool 1", "mean")), ("3, 4, 6, 6", ("maxpool 1", "mean"))),
    "flatten": (("2, 2, 6", ("maxpool 1", "flatten end=1")), ("2, 2, 6, 6", ("maxpool 1", "flatten end=1"))),
    "expand": (("6", ("expand 4x-1",)), ("6, 6", ("maxpool 1", "expand 4x-1x-1"))),
    "relposbias": (("6, 8", ("relposbias 4", "mean -1")), ("6, 8", ("relposbias 4",))),
    "slice of an input": (("6, 6", ("slice 2",)), ("6, 6, 6", ("slice 2",))),
}  # fmt: skip
SHAPES = ("4, 6", "4, 6, 6")
LAYOUTS = ("channels-first", "features-last")
DECIDERS = {"channels-first": "batchnorm affine=false", "features-last": "layernorm affine=false"}

Result = tuple[Any, ...] | str


def network(input: str, lines: tuple[str, ...]) -> Graph:
    text = f"model: t\ninput: {input}\nlayers:\n" + "".join(f"  - {line}\n" for line in lines)
    return build_graph(Source("t.yaml", text))


def numbers(nodes: list[Node]) -> Result:
    """What layers give and cost, without their places in the network."""
    return tuple(
        (node.op, tuple(map(int, node.output.shape)), node.params, node.macs, node.other_flops)
        for node, _, _ in walk(nodes)
        if node.layer is not None and node.op != "identity"
    )


def result(input: str, before: tuple[str, ...], lines: tuple[str, ...]) -> Result:
    """The numbers of `lines` behind `before`, or the code of the error."""
    try:
        graph = network(input, (*before, *lines))
    except SpecError as error:
        return error.diagnostics[0].code
    return numbers(graph.nodes[len(before) :])


@cache
def stated(shape: str, layout: str, lines: tuple[str, ...]) -> Result:
    """The same where the layout of what they start from is stated."""
    return result(f"{{x: {{size: [{shape}], layout: {layout}}}}}", (), lines)


@each(REGISTRY)
def test_every_layer_says_what_it_does_to_the_layout(op: str) -> None:
    cls = REGISTRY[op]
    assert any("layout" in vars(base) for base in cls.__mro__ if base is not Layer)
    assert cls.layout in WORDS


def test_a_layer_without_the_word_is_seen() -> None:
    class New(Layer):
        op = "new"

    assert not hasattr(New, "layout")


def test_every_layer_is_tried() -> None:
    assert set(LINES) == set(REGISTRY)


@pytest.mark.parametrize("op", LINES)
def test_an_undecided_tensor_before_a_layer(op: str) -> None:
    """Alone a layer gives an error or the same as under each layout that it takes; decided later, the same as stated.

    The input, and of the other sources every third, another third for the next layer; all with `ARCHCALC_EXAMPLES`.
    """
    # A mixture of experts refuses what is the same for every sample, whatever its layout.
    third = list(LINES).index(op) % 3
    spread = [one for place, one in enumerate(SOURCES) if TIMES > 1 or one == "input" or place % 3 == third]
    sources = [source for source in spread if op != "moe" or source not in ("parameter", "relposbias")]
    line = LINES[op]
    for source, (shape, (input, before)) in ((one, case) for one in sources for case in zip(SHAPES, SOURCES[one])):
        given, where = f"[{input}]", (source, shape)
        alone = result(given, before, (line,))
        both = {layout: stated(shape, layout, (line,)) for layout in LAYOUTS}
        taken = [one for one in both.values() if not isinstance(one, str)]
        if isinstance(alone, str):
            assert alone == "SHP111" or not taken or op in ("embedding", "gather"), (where, alone)  # of whole numbers
            assert alone != "SHP111" or REGISTRY[op].layout == ASKS, where
        else:
            assert taken, where
            assert all(one == alone for one in taken), where
        for layout, decider in DECIDERS.items():
            wanted = stated(shape, layout, (line, f"{decider} from=x"))
            readers = (f"{line}", f"{decider} from=u")
            later = result(given, (*before, "identity name=u"), readers)
            sooner = result(given, (*before, "identity name=u"), (f"{decider} from=u", "identity from=u", line))
            if isinstance(wanted, str):
                assert isinstance(later, str), (where, layout)
                assert isinstance(sooner, str), (where, layout)
            else:
                assert later == wanted, (where, layout)
                assert sorted(map(repr, sooner)) == sorted(map(repr, later)), (where, layout)


@each(LINES)
def test_a_layer_between_an_undecided_tensor_and_what_decides_it(op: str) -> None:
    deciders = (*DECIDERS.values(), "linear 6", "conv 4 kernel=1", "upsample 2", "rope")
    for decider, shape in itertools.product(deciders, SHAPES):
        lines = (LINES[op], decider)
        both = [stated(shape, layout, lines) for layout in LAYOUTS]
        taken = [one for one in both if not isinstance(one, str)]
        found = result(f"[{shape}]", (), lines)
        if isinstance(found, str):
            assert not taken or found == "SHP111", (decider, shape, found, both)
        else:
            assert found in taken, (decider, shape)
            assert len({repr(one) for one in taken}) == 1, (
                f"{decider}, {shape}: another layout gives other numbers, and one was chosen"
            )


READERS = [line for op, line in LINES.items() if REGISTRY[op].takes_input or "prev" in line]


@each(range(40))
def test_the_order_of_readers_changes_nothing(seed: int) -> None:
    rng = random.Random(f"order {seed}")
    shape = rng.choice(SHAPES)
    drawn = rng.sample(READERS, 9)
    lines = [line for line in drawn if result(f"[{shape}]", (), (line,)) not in ("SHP101", "SHP107")][:4]
    found = set()
    for order in itertools.permutations(lines):
        readers = tuple(item for line in order for item in ("identity from=u", line))
        one = result(f"[{shape}]", ("identity name=u",), readers)
        found.add("refused" if isinstance(one, str) else repr(sorted(map(repr, one))))
    assert len(found) == 1, lines


@each(CASES)
def test_ranks_are_foreseen(spec: str) -> None:
    for node, _, _ in walk(shared(spec).nodes):
        if node.layer is None:
            continue
        keys = {id(value) for value in node.layer.__dict__.values() if isinstance(value, Tensor)}
        count = sum(id(x) in keys for x in node.inputs[1:])  # of some, only the size is read
        assert node.layer.output_rank(*node.inputs[: len(node.inputs) - count]) == node.exit.rank
        for name, output in (node.exit.outputs or {}).items():
            assert node.layer.further_rank(name, node.exit.rank) == output.rank


@each(LINES)
def test_the_rank_of_every_layer_is_foreseen(op: str) -> None:
    tried = 0
    for shape, layout in itertools.product(("6", *SHAPES), LAYOUTS):
        given = f"[{shape}]" if shape == "6" else f"{{x: {{size: [{shape}], layout: {layout}}}}}"
        try:
            node = network(given, (LINES[op],)).nodes[-1]
        except SpecError:
            continue
        assert node.layer is not None
        inputs = node.inputs[: 0 if op in ("sdpa", "parameter", "constant") else None]
        assert node.layer.output_rank(*inputs) == node.exit.rank
        for name, output in (node.exit.outputs or {}).items():
            assert node.layer.further_rank(name, node.exit.rank) == output.rank
        tried += 1
    assert tried
