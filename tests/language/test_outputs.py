"""Blocks with several outputs, all copies of a repeat, and tensors that go from copy to copy."""

from __future__ import annotations

import time

import pytest
import torch

from archcalc.api import loads
from archcalc.cost import Costs
from archcalc.diagnostics import Source, SpecError
from archcalc.memory.simulation import simulate
from archcalc.network.load import Graph, build_graph
from archcalc.network.paths import depth
from archcalc.pytorch.instance import instantiate
from archcalc.pytorch.memory import peak_bytes
from archcalc.pytorch.profile import Session
from archcalc.pytorch.setup import Setup
from archcalc.pytorch.source import module_source
from archcalc.running import Running
from tests.runs import run_of

HALVES = """
model: halves
input: [3, 32, 32]
blocks:
  half(c) -> low:
    - [conv c kernel=3 padding=1, relu name=x]
    - maxpool 2 name=low
    - identity from=x
layers:
  - half 16 name=a
  - half 32 from=a.low name=b
  - conv 8 kernel=1 from=b.low name=end
"""
C2F = """
model: c2f
hparams: {depth: 3}
input: [3, 32, 32]
blocks:
  cbs(c):
    - [conv c kernel=1 bias=false, batchnorm, silu]
  bottleneck(c):
    - residual: [cbs c, cbs c]
  c2f(c, depth):
    - [cbs c, split 2 name=y]
    - bottleneck c//2 from=y.1 repeat=depth name=m
    - concat: [y.0, y.1, m.*]
    - cbs c
  sppf(c):
    - [cbs c//2 name=a, maxpool 5 stride=1 padding=2 repeat=3 name=p]
    - concat: [a, p.*]
    - cbs c
layers: [c2f 16 depth=depth, sppf 32]
"""
WAVENET = """
model: wavenet
hparams: {residual: 64, skips: 256, classes: 256}
dims: {seq: 100}
input: [seq]
blocks:
  wave(dilation) -> skip:
    - [pad before=dilation, conv 2*residual kernel=2 dilation=dilation, split 2 name=g]
    - mul: [[tanh from=g.0], [sigmoid from=g.1]]
      name: z
    - conv skips kernel=1 from=z name=skip
    - add: [input, [conv residual kernel=1 from=z]]
layers:
  - [embedding classes dim=residual, transpose, conv residual kernel=1]
  - repeat: 3
    name: stack
    layers:
      - wave: {dilation: d}
        repeat: {d: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]}
        name: layer
  - add: [stack.layer.skip.*]
  - [relu, conv skips kernel=1, relu, conv classes kernel=1]
"""
BIFPN = """
model: bifpn
input: [3, 128, 128]
blocks:
  cell(width, p3, p4, p5) -> n3, n4, n5:
    - add: [p4, [upsample 2 from=p5]]
    - [conv width kernel=3 padding=1, relu name=m4]
    - add: [p3, [upsample 2 from=m4]]
    - [conv width kernel=3 padding=1, relu name=n3]
    - add: [p4, m4, [maxpool 2 from=n3]]
    - [conv width kernel=3 padding=1, relu name=n4]
    - add: [p5, [maxpool 2 from=n4]]
    - [conv width kernel=3 padding=1, relu name=n5]
layers:
  - [conv 16 kernel=3 stride=8 padding=1 name=c3]
  - [conv 16 kernel=3 stride=2 padding=1 name=c4]
  - [conv 16 kernel=3 stride=2 padding=1 name=c5]
  - repeat: 3
    name: fpn
    state: {p3: c3, p4: c4, p5: c5}
    layers: [cell 16 p3=p3 p4=p4 p5=p5 name=n]
    next: {p3: n.n3, p4: n.n4, p5: n.n5}
  - conv 7 kernel=1 from=fpn.p3
"""
# shared/cases/block-two-outputs.yaml with the output that it lacks
SKIP_SUM = """
model: skip-sum
input: [32, 100]
blocks:
  step(d) -> skip:
    - [conv 64 kernel=3 dilation=d padding=d, split 2 name=g]
    - mul: [[tanh from=g.0], [sigmoid from=g.1]]
      name: z
    - conv 16 kernel=1 from=z name=skip
    - add: [input, [conv 32 kernel=1 from=z]]
layers:
  - [step 1 name=a, step 2 name=b]
  - add: [a.skip, b.skip]
"""


def graph(text: str, batch: int = 1) -> Graph:
    return build_graph(Source("t.yaml", text), batch=batch)


def test_wavenet_sums_its_skips_once() -> None:
    network = loads(WAVENET)
    assert network.params == 1_271_488
    written = module_source(graph(WAVENET))
    assert "skips += skip" in written
    assert "x = sum(skips)" in written


def test_a_block_with_two_outputs() -> None:
    network = loads(SKIP_SUM)
    conv, skip, back = 32 * 64 * 3 + 64, 32 * 16 + 16, 32 * 32 + 32
    assert network.params == 2 * (conv + skip + back)
    assert network["add"].output == (16, 100)
    assert "x, skip = self.a(x)" in module_source(graph(SKIP_SUM))


@pytest.mark.parametrize("depth", [1, 3])
def test_c2f_at_any_depth(depth: int) -> None:
    half = loads(C2F, depth=depth)
    bottleneck = 2 * (8 * 8 + 2 * 8)
    ends = (3 * 16 + 32) + ((2 + depth) * 8 * 16 + 32)
    sppf = (16 * 16 + 32) + (64 * 32 + 64)
    assert half.params == depth * bottleneck + ends + sppf


def test_as_a_person_would_write_it() -> None:
    c2f = module_source(graph(C2F))
    assert "m = []\n" in c2f
    assert "torch.cat([x, y, *m], dim=1)" in c2f
    assert "nn.ModuleList(\n            nn.MaxPool2d(kernel_size=5, stride=1, padding=2) for _ in range(3)" in c2f
    bifpn = module_source(graph(BIFPN))
    assert "p3, p4, p5 = c3, c4, c5\n        for layer in self.fpn:\n" in bifpn


def test_states_are_carried() -> None:
    """Three cells one after the other, with every map of the one before."""
    network = graph(BIFPN)
    module = instantiate(network).double().eval()
    x = torch.randn(2, 3, 128, 128, dtype=torch.double)
    c3 = module.c3(x)
    c4 = module.c4(c3)
    maps = c3, c4, module.c5(c4)
    for layer in module.fpn:
        maps = layer.n(*maps)[1:] + layer.n(*maps)[:1]
    assert torch.allclose(module(x), module.conv(maps[0]))


@pytest.mark.parametrize("text", [HALVES, C2F, WAVENET, BIFPN], ids=["halves", "c2f", "wavenet", "bifpn"])
def test_memory_is_that_of_the_allocator(text: str) -> None:
    network = graph(text, batch=8)
    session = Session(network, Setup(Running(mode="train", optimizer="sgd")), torch.device("cpu"))
    session.run()
    measured = peak_bytes(session.run, torch.device("cpu"), session.held())
    assert simulate(network, run_of("train", optimizer="sgd")).peak == pytest.approx(measured, rel=0.03)


def test_depth_goes_through_the_output_that_is_read() -> None:
    assert depth(graph(HALVES)) == 3
    assert depth(graph(HALVES.replace("from=b.low", "from=a.low"))) == 2


def test_a_state_starts_from_zeros() -> None:
    text = "{model: m, input: [8], layers: [{repeat: 3, state: {z: [8]}, layers: [{add: [prev, z]}, linear 8 name=out], next: {z: out}}]}"
    network = graph(text)
    assert Costs(network).totals.params == 3 * (64 + 8)
    assert "z = x.new_zeros(x.shape[0], 8)" in module_source(network)


def test_a_state_may_grow() -> None:
    text = (
        "{model: m, input: [4, 8, 8], layers: [{repeat: 3, name: d, state: {all: prev}, layers: [conv 2 kernel=1 from=all name=new, "
        "{concat: [all, new], name: more}], next: {all: more}}, conv 1 kernel=1 from=d.all]}"
    )
    assert loads(text).params == sum(2 * c + 2 for c in (4, 6, 8)) + 10 + 1


def test_the_last_copy_s_further_output() -> None:
    text = HALVES.replace("half 16 name=a", "half 3 name=a repeat=3")
    network = graph(text)
    assert loads(text).params == 3 * (3 * 3 * 9 + 3) + (3 * 32 * 9 + 32) + (32 * 8 + 8)
    module = instantiate(network).double()
    x = y = torch.randn(2, 3, 32, 32, dtype=torch.double)
    for layer in module.a:
        y, low = layer(y)
    assert torch.allclose(module(x), module.end(module.b(low)[1]))


@pytest.mark.parametrize(
    ("operands", "message"),
    [
        ("[m.nothing.*, prev]", "the copies of `m` have no output `nothing`"),
        ("[prev.*]", "`prev.*`: `prev` is one tensor, and no repeat"),
        ("[q.*]", "no earlier layer is named `q`"),
        ("[m.a.b.*]", "in `m` nothing is named `a`"),
    ],
)
def test_what_has_no_copies(operands: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        graph(f"{{model: m, input: [8], layers: [linear 8 repeat=2 name=m, {{concat: {operands}}}]}}")
    assert message in caught.value.diagnostics[0].message


@pytest.mark.parametrize(
    ("loop", "message"),
    [
        ("state: {z: [8], y: [8]}", "the state `z` has no next value"),
        ("next: {z: out}", "`next:` needs `state:` beside it"),
        ("state: 3, next: {z: out}", "`state:` takes a mapping of names"),
        ("state: {z: {a: 1}}, next: {z: out}", "`z` starts from a tensor or from zeros"),
        ("state: {z: nothing}, next: {z: out}", "no earlier layer is named `nothing`"),
        ("state: {z: [8]}, next: {z: nothing}", "no earlier layer is named `nothing`"),
        ("state: {z: [0]}, next: {z: out}", "`size` must be at least 1, not 0"),
    ],
)
def test_wrong_states(loop: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        graph(f"{{model: m, input: [8], layers: [{{repeat: 2, {loop}, layers: [linear 8 name=out]}}]}}")
    assert message in caught.value.diagnostics[0].message


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_no_copies(depth: int) -> None:
    """What is read of a repeat without copies is what it starts from."""
    text = (
        "{model: m, hparams: {depth: 2}, input: [8], layers: [linear 8 name=a, {repeat: depth, name: m, state: {z: a}, "
        "layers: [linear 8 name=q], next: {z: q}}, {concat: [m.*, m.z]}, linear 2]}"
    )
    network = loads(text, depth=depth)
    assert network.params == 72 * (depth + 1) + 8 * (depth + 1) * 2 + 2
    graph_of_it = build_graph(Source("t.yaml", text), given={"depth": str(depth)})
    assert instantiate(graph_of_it)(torch.randn(3, 8)).shape == (3, 2)


def test_too_many_copies_to_go_through_one_by_one() -> None:
    with pytest.raises(SpecError, match="1,000,000 copies, which are gone through one by one"):
        graph(
            "{model: m, input: [8], layers: [{repeat: 1000000, state: {z: prev}, layers: [linear 8 name=q], next: {z: q}}]}"
        )
    with pytest.raises(SpecError, match="`concat` takes at least 1 operand, not 0"):
        graph("{model: m, input: [8], layers: [{repeat: 0, name: m, layers: [linear 8]}, {concat: [m.*]}]}")


def test_many_copies_take_little_time() -> None:
    text = "{model: m, input: [8], layers: [{repeat: 2000, state: {z: [8]}, layers: [{add: [prev, z]}, linear 8 name=out], next: {z: out}}]}"
    start = time.process_time()
    assert Costs(graph(text)).totals.params == 2000 * 72
    assert time.process_time() - start < 2


def test_one_state_goes_on_as_the_output() -> None:
    """As in a `scan`: with one state, `next` is the output of the copy unless it is said."""
    loop = "{repeat: 3, name: r, state: {seen: input}, layers: [conv 4 kernel=1 from=seen name=new, {concat: [seen, new], name: all}]"
    text = f"model: m\ninput: [3, 8, 8]\nlayers:\n  - {loop}, next: {{seen: all}}}}\n  - conv 2 kernel=1 from=r.seen"
    short = text.replace(", next: {seen: all}", "")
    assert short != text
    assert loads(short).to_dict()["totals"] == loads(text).to_dict()["totals"]
    assert module_source(loads(short).graph) == module_source(loads(text).graph)
