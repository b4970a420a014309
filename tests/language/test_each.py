"""Layers on every entry of the first axis."""

from __future__ import annotations

import pytest
import torch

from archcalc.api import loads
from archcalc.cost import Costs
from archcalc.diagnostics import Source, SpecError
from archcalc.language.document import KEYS
from archcalc.memory.generation import generate
from archcalc.memory.simulation import simulate
from archcalc.network.load import Graph, build_graph
from archcalc.network.paths import fields
from archcalc.pytorch.instance import instantiate
from archcalc.pytorch.memory import peak_bytes
from archcalc.pytorch.profile import Session
from archcalc.pytorch.setup import Setup
from archcalc.pytorch.source import module_source
from archcalc.pytorch.verify import verify
from archcalc.running import Running
from tests.runs import run_of

FRAMES = """
model: frames
dims: {frames: 5}
input: [frames, 3, 64, 64]
layers:
  - each: [conv 16 kernel=3 padding=1]
"""
SENTENCES = """
model: sentences
dims: {sentences: 30, words: 40}
input: [sentences, words]
layers:
  - each:
    - [embedding 10000 dim=200, gru 50 bidirectional=true name=seen]
    - [linear 100, tanh, linear 1 bias=false, softmax axis=0]
    - mul: [prev, seen]
    - sum 0
  - gru 50 bidirectional=true
"""
VIDEO = """
model: video
dims: {frames: 16}
input: [frames, 3, 112, 112]
blocks:
  basic(width, stride=1):
    - residual:
        - [conv width kernel=3 stride=stride padding=1 bias=false, batchnorm, relu]
        - [conv width kernel=3 padding=1 bias=false, batchnorm]
    - relu
  down(width):
    - residual:
        layers:
          - [conv width kernel=3 stride=2 padding=1 bias=false, batchnorm, relu]
          - [conv width kernel=3 padding=1 bias=false, batchnorm]
        shortcut: [conv width kernel=1 stride=2 bias=false, batchnorm]
    - [relu, basic width]
layers:
  - each:
    - [conv 64 kernel=7 stride=2 padding=3 bias=false, batchnorm, relu, maxpool 3 stride=2 padding=1]
    - [basic 64 repeat=2, down 128, down 256, down 512, adaptiveavgpool 1, flatten]
    name: frame
  - [lstm 256, select -1, linear 101]
"""


def graph(text: str, batch: int = 1) -> Graph:
    return build_graph(Source("t.yaml", text), batch=batch)


def test_frames() -> None:
    network = loads(FRAMES)
    assert (network.params, network.macs) == (448, 8_847_360)
    assert loads(FRAMES, frames=7).macs == 8_847_360 // 5 * 7
    source = module_source(graph(FRAMES))
    assert "x = x.flatten(0, 1)\n" in source
    assert "return x.unflatten(0, (-1, 5))\n" in source


def test_sentences() -> None:
    network = loads(SENTENCES)
    assert network["each.seen"].params == 75_600
    assert network["each.seen"].macs == 30 * 40 * 2 * 3 * 50 * (200 + 50)


def test_a_video_classifier() -> None:
    network = loads(VIDEO)
    assert network.params == 11_990_949
    assert sum(layer.macs for layer in network if layer.id.startswith("frame")) == 7_757_561_856
    assert (network["lstm"].macs, network["linear"].macs) == (12_582_912, 25_856)


BESIDE = """
model: beside
input: [5, 6]
layers:
  - linear 6 name=x
  - parameter 5x6 name=p
  - each: {ORDER}
    layers: [{mul: [a, b]}, linear 3]
"""


@pytest.mark.parametrize("order", ["a: x, b: p", "b: p, a: x"])
def test_what_is_learned_for_each_entry(order: str) -> None:
    """Beside entries of each sample, those that are the same for all."""
    net = graph(BESIDE.replace("ORDER", order), batch=3)
    assert not verify(net).differences
    module, x = instantiate(net), torch.randn(3, 5, 6)
    assert torch.allclose(module(x), module.each.linear(module.x(x) * module.p.weight), atol=1e-6)


@pytest.mark.parametrize("text", [FRAMES, SENTENCES], ids=["frames", "sentences"])
def test_equals_pytorch(text: str) -> None:
    assert not verify(graph(text, batch=3)).differences


def test_every_entry_is_computed_alone() -> None:
    network = graph(FRAMES)
    module = instantiate(network).double()
    x = torch.randn(2, 5, 3, 64, 64, dtype=torch.double)
    alone = torch.stack([module.each.conv(x[:, index]) for index in range(5)], 1)
    assert torch.allclose(module(x), alone)


@pytest.mark.parametrize("text", [FRAMES, SENTENCES.replace("10000", "100")], ids=["frames", "sentences"])
def test_memory_is_that_of_the_allocator(text: str) -> None:
    network = graph(text, batch=4)
    session = Session(network, Setup(Running(mode="train", optimizer="sgd")), torch.device("cpu"))
    session.run()
    measured = peak_bytes(session.run, torch.device("cpu"), session.held())
    assert simulate(network, run_of("train", optimizer="sgd")).peak == pytest.approx(measured, rel=0.03)


def test_several_side_by_side() -> None:
    text = "{model: m, input: {a: [5, 8], b: [5, 4]}, layers: [{each: {x: a, y: b}, layers: [{concat: [x, y]}, linear 3]}]}"
    network = graph(text)
    module = instantiate(network).double()
    a, b = torch.randn(2, 5, 8).double(), torch.randn(2, 5, 4).double()
    assert torch.allclose(module(a, b), module.each.linear(torch.cat([a, b], -1)))


def test_pages_of_sentences_of_words() -> None:
    text = "{model: m, input: [2, 3, 4, 5], layers: [{each: [{each: [linear 8, batchnorm, relu, {sum: {axes: 0}}]}]}]}"
    text = text.replace("batchnorm, relu, {sum: {axes: 0}}", "tanh, sum 0")
    network = loads(text)
    assert (network.params, network.macs) == (48, 2 * 3 * 4 * 40)
    assert list(network.outputs.values()) == [(2, 3, 8)]


def test_further_outputs_are_stacked() -> None:
    text = "{model: m, input: [3, 7, 5], layers: [{each: [lstm 6], name: words}, linear 2 from=words.last]}"
    network = graph(text)
    module = instantiate(network).double()
    x = torch.randn(2, 3, 7, 5).double()
    last = torch.stack([module.words.lstm(x[:, index])[1][0][-1] for index in range(3)], 1)
    assert torch.allclose(module(x), module.linear(last))


def test_batchnorm_sees_all_entries() -> None:
    """PointNet's shared layer: statistics over batch and entries together, so one sample is enough."""
    text = "{model: m, input: [100, 3], layers: [{each: [linear 64, batchnorm, relu]}]}"
    assert loads(text, batch=1).params == 3 * 64 + 64 + 128
    alone = "{model: m, input: [1, 8], layers: [{each: [groupnorm 8]}]}"
    with pytest.raises(SpecError, match="one value in a group"):
        loads(alone)
    assert loads(alone.replace("1, 8", "2, 8")).params == loads(alone, batch=2).params == 16


def test_its_layers_are_timed() -> None:
    network = graph(FRAMES.replace("conv 16", "conv 8 kernel=3 padding=1, conv 16"))
    session = Session(network, Setup(), torch.device("cpu"))
    layers = session.layers()
    layers()
    found = layers.result(Costs(network), "fp32")
    assert [one.row.label for one in found] == ["conv 8 3×3", "conv 16 3×3"]


def test_receptive_fields_are_those_of_an_entry() -> None:
    network = graph(FRAMES.replace("conv 16", "conv 8 kernel=3 padding=1, conv 16"))
    seen = fields(network)
    each = network.nodes[0]
    assert [one.size for one in seen[id(each.children[-2].exit)]] == [5, 5]


def test_receptive_fields_go_on_behind_each() -> None:
    """Two windows of 2 to each side over every other frame, and all of an image: of [frames, channels, h, w]."""
    layers = (
        "slice 2 axis=0 step=2, {each: [conv 4 kernel=3, adaptiveavgpool 1, flatten]}, attention 1 window=3, "
        "{each: [linear 5]}, attention 1 window=3"
    )
    network = graph("{model: m, input: [16, 3, 8, 9], layers: [" + layers + "]}")
    seen = [fields(network)[id(node.exit)] for node in network.nodes]
    told = [[(axis.size, axis.step, axis.start) for axis in one] for one in seen[1:]]
    image = [(8, 0, 0), (9, 0, 0)]
    assert told == [[(size, 2, start), *image] for size, start in ((1, 2), (9, -2), (9, -2), (17, -6))]


def test_generation() -> None:
    text = "{model: m, dims: {seq: 6}, input: [seq, 4, 8], layers: [{each: [attention 2, sum 0]}, attention 2 causal=true]}"
    whole = generate(graph(text), run_of("generate"))
    assert [cache.node.op for cache in whole.caches] == ["attention"]  # nothing passes between the entries
    assert (whole.token_bytes, whole.step_bytes > 0) == (2 * 8 * 4, True)
    text = (
        "{model: m, dims: {seq: 6}, input: {clips: [4, 9, 8], words: [seq, 8]}, layers: [{each: clips, layers: [sum 0], "
        "name: seen}, attention 2 causal=true from=words, attention 2 kv=seen]}"
    )
    assert generate(graph(text), run_of("generate")).dim == "seq"


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ("each: [linear 4 from=input, linear 4], repeat: 2", ""),
        ("each: [parameter 3x4, linear 2]", "the output of `each` for an entry, [3, 2], depends only on parameters"),
        ("each: 3", "`each: 3` needs `layers:` next to it"),
        ("each: {x: prev, layers: [linear 3]}", "`each` takes a list of layers"),
        ("each: [], name: a", "an empty list of layers"),
        ("each: {}, layers: [linear 3]", "`each` goes through nothing"),
        ("each: nothing, layers: [linear 3]", "no earlier layer is named `nothing`"),
        (
            "each: [parameter 3, linear 3, {each: [linear 3]}]",
            "`each` goes through the first of several axes, but its input is [3]",
        ),
    ],
)
def test_wrong(layers: str, message: str) -> None:
    text = f"{{model: m, input: [4, 4], layers: [{{{layers}}}]}}"
    if not message:
        assert loads(text).params == 2 * 40
        return
    with pytest.raises(SpecError) as caught:
        loads(text)
    assert message in caught.value.diagnostics[0].message


def test_a_block_called_each_stays_one() -> None:
    text = "{model: m, input: [8], blocks: {each(width): [linear width]}, layers: [each 3, each: {width: 4}]}"
    assert loads(text).params == 27 + 16
    assert "layers" in KEYS
