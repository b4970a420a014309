"""What kernels need in passing: peaks of small networks of one kind are those of PyTorch's allocator, over drawn shapes."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from archcalc.diagnostics import Source, SpecError
from archcalc.layers.kernels import onednn_matrices
from archcalc.memory.simulation import simulate
from archcalc.network.load import Graph, build_graph
from archcalc.pytorch.calibration.machine import near_cache_bytes
from archcalc.pytorch.memory import peak_bytes
from archcalc.pytorch.profile import Session
from archcalc.pytorch.setup import Setup
from archcalc.running import Running
from tests.memory.processors import needs_avx512
from tests.runs import run_of, train_or_not

CPU = torch.device("cpu")
pytestmark = needs_avx512


@pytest.fixture(autouse=True)
def with_this_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules assume a second-level cache of one size; what is measured here depends on this machine's."""
    monkeypatch.setattr(onednn_matrices, "SECOND_CACHE", near_cache_bytes(CPU) or onednn_matrices.SECOND_CACHE)


def convolutions(rng: Random) -> str:
    size = rng.choice([17, 24, 40])
    lines = [f"conv {rng.choice([16, 24, 40])} kernel=3 padding=1", "relu"]
    kernel = rng.choice([1, 3, 5])
    lines.append(f"conv {rng.choice([16, 32, 50])} kernel={kernel} stride={rng.choice([1, 2])} padding={kernel // 2}")
    depthwise = rng.choice([3, 5, 7])
    lines += ["batchnorm", f"conv cin kernel={depthwise} groups=cin padding={depthwise // 2}"]
    return f"input: [{rng.choice([1, 3, 8])}, {size}, {size}], layers: [{', '.join(lines)}]"


def shared_by_threads(rng: Random) -> str:
    """Few channels, so that threads share samples and rows, and add up their gradients of the weights."""
    size, kernel = rng.choice([14, 28, 40]), rng.choice([3, 5])
    bias = rng.choice(["true", "false"])
    given = f"conv {rng.choice([2, 16, 24])} kernel={kernel} stride={rng.choice([1, 2])} bias={bias}"
    more = rng.choice(["conv cin kernel=3 groups=cin", "conv cin kernel=5 groups=cin padding=2", "relu"])
    return f"input: [{rng.choice([1, 3])}, {size}, {size}], layers: [{given}, {more}]"


def grouped(rng: Random) -> str:
    """Groups too narrow for blocks of channels: PyTorch's windows become rows of a matrix."""
    groups, size = rng.choice([2, 4]), rng.choice([14, 28])
    width = groups * rng.choice([3, 5, 6])
    return f"input: [{width}, {size}, {size}], layers: [conv {width} kernel=3 groups={groups}, relu, conv {2 * width} kernel=5 groups={groups}]"


def channels_last(rng: Random) -> str:
    width, kernel = rng.choice([64, 96]), rng.choice([3, 7])
    return (
        f"input: [3, 96, 96], layers: [conv {width} kernel=4 stride=4, rearrange 'c h w -> h w c', layernorm,"
        f" rearrange 'h w c -> c h w', conv {width} kernel={kernel} padding={kernel // 2} groups={width},"
        f" conv {2 * width} kernel=2 stride=2, rearrange 'c h w -> h w c', layernorm, linear 10]"
    )


def transposed(rng: Random) -> str:
    kernel = rng.choice([2, 3])
    return (
        f"input: [16, 14, 14], layers: [conv {rng.choice([32, 64])} kernel=3, relu,"
        f" convtranspose {rng.choice([16, 32])} kernel={kernel} stride={rng.choice([1, 2])}, conv 16 kernel=3]"
    )


def wide(rng: Random) -> str:
    """Kernels too wide for the gradient of their weights to be computed in blocks."""
    groups, kernel = rng.choice([1, 2, 4]), rng.choice([15, 18, 31])
    width = 16 * groups
    return (
        f"input: [{width}, {rng.choice([60, 200])}], layers: [conv {width} kernel={kernel} groups={groups}, relu,"
        f" conv {2 * width} kernel={kernel} padding={kernel // 2} stride=2 groups={groups}]"
    )


def few_channels(rng: Random) -> str:
    """Fewer channels than a block: blocks of 8, inputs as they are, a bias that is no whole block."""
    kernel, stride = rng.choice([1, 3, 5]), rng.choice(["", " dilation=2"])
    return (
        f"input: [{rng.choice([1, 3, 4, 8])}, {rng.choice([7, 14, 17])}, {rng.choice([17, 28])}], layers: [batchnorm,"
        f" conv {rng.choice([1, 5, 13])} kernel={kernel}{stride}, relu, conv {rng.choice([2, 11])} kernel=1]"
    )


def strided(rng: Random) -> str:
    """Few channels and strides, whole or not, dilated, in groups, and windows that lie in the padding alone."""
    groups, kernel, step = rng.choice([1, 1, 2, 4]), rng.choice([1, 3, 7]), rng.choice([2, 3])
    channels = f"conv {groups * rng.choice([2, 10, 20, 40])}"
    if transposed := rng.random() < 0.3:
        channels = f"convtranspose {groups * rng.choice([2, 10, 20])}"
    more = rng.choice(["", "", f" padding={kernel // 2}", " padding=1", " dilation=2"])
    before = f"{groups * rng.choice([1, 4, 11])}, {rng.choice([14, 17])}, {rng.choice([16, 21])}"
    after = "" if transposed else f", convtranspose 3 kernel=2 stride={step}"
    return f"input: [{before}], layers: [batchnorm, {channels} kernel={kernel} stride={step} groups={groups}{more}, relu{after}]"


def wide_images(rng: Random) -> str:
    """Windows of which the rows of a matrix take too much, and are multiplied a few at a time."""
    width, kernel = rng.choice([8, 16]), rng.choice([15, 21])
    return f"input: [{width}, {rng.choice([30, 60])}, 20], layers: [batchnorm, conv 16 kernel={kernel} padding={kernel // 2}]"


def in_three_dimensions(rng: Random) -> str:
    kernel = rng.choice([2, 3])
    given = f"conv {rng.choice([5, 16, 24])} kernel={kernel} padding={kernel // 2} bias={rng.choice(['true', 'false'])}"
    return f"input: [{rng.choice([1, 3, 20])}, 8, {rng.choice([8, 14])}, 8], layers: [batchnorm, {given}, relu]"


def transposed_in_groups(rng: Random) -> str:
    groups, kernel = rng.choice([2, 3]), rng.choice([3, 16])
    width = groups * rng.choice([5, 6, 16])
    given = f"convtranspose {width} kernel={kernel} stride={rng.choice([1, 2])} groups={groups}"
    return f"input: [{width}, {rng.choice([14, 20])}, 24], layers: [{given}, relu]"


def gated(rng: Random) -> str:
    """Parts of a tensor that are read apart: their gradients end where they are put together."""
    width, parts = rng.choice([16, 32]), rng.choice([2, 3])
    rest = ", ".join(f"[sigmoid from=g.{part}]" for part in range(1, parts))
    return (
        f"input: [{width}, 60], layers: [conv {parts * width} kernel=3 padding=1, split {parts} axis=0 name=g,"
        f" {{mul: [[tanh from=g.0], {rest}]}}, conv {width} kernel=3]"
    )


def taken_apart(rng: Random) -> str:
    """Parts that nobody reads."""
    parts = rng.choice([2, 4, 20])
    read = rng.choice([f"linear 8 from=g.{rng.randrange(parts)}", "{add: [g.0, g.1]}"])
    return f"input: [{rng.choice([50, 200])}, 64], layers: [linear 120, split {parts} name=g, {read}, linear 8]"


def lstms(rng: Random, *hidden: int) -> str:
    width = rng.choice(hidden or (20, 64, 100))
    given = f"lstm {width} layers={rng.choice([1, 2])} bidirectional={rng.choice(['true', 'false'])}"
    return f"input: [{rng.choice([5, 30])}, {rng.choice([10, 64, 150])}], layers: [{given}, linear 8]"


def padded_lstms(rng: Random) -> str:
    """Rows that lie apart in oneDNN's blocks."""
    return lstms(rng, 256)


def recurrences(rng: Random) -> str:
    """Step by step, from both ends as well."""
    given = f"{rng.choice(['rnn', 'gru'])} {rng.choice([32, 100, 160])} layers={rng.choice([1, 2, 3])}"
    given += rng.choice(["", " bidirectional=true"]) + rng.choice(["", "", " bias=false"])
    before = rng.choice(["", "linear 50, "])
    return f"input: [{rng.choice([5, 30])}, {rng.choice([10, 64, 150])}], layers: [{before}{given}, linear 8]"


def attentions(rng: Random) -> str:
    width, heads = rng.choice([64, 128]), rng.choice([2, 4])
    more = rng.choice(["", " causal=true", " window=8", " dropout=0.1", f" kv_heads={heads // 2} causal=true", " v=z"])
    given = f"layernorm, attention {heads}{more}"
    return f"input: [{rng.choice([100, 200])}, {width}], layers: [linear {width} name=z, residual: [{given}], linear 8]"


def with_projections_of_their_own(rng: Random) -> str:
    """Attention that torch.nn.MultiheadAttention does not express, behind what gives steps first too."""
    width, more = (
        rng.choice([64, 128]),
        rng.choice(["", " rope=100", " qknorm=true", " rope=100 qknorm=true", " qknorm=width"]),
    )
    more += rng.choice(["", "", " sinks=true"])
    more += rng.choice(["", " causal=true", " softcap=20", " softcap=20 causal=true", " head_dim=32"])
    before = rng.choice([f"linear {width}", f"gru {width}", f"linear {width}, layernorm"])
    after = rng.choice(["linear 8", "slice -1, linear 8"])
    return f"input: [{rng.choice([50, 100])}, 32], layers: [{before}, attention 4 kv_heads={rng.choice([1, 2])}{more}, {after}]"


def tied(rng: Random) -> str:
    words = rng.choice([300, 1000])
    return (
        f"input: [16], layers: [embedding {words} dim=32 name=e, linear 32, linear {words} bias=false tie=e],"
        " loss: crossentropy"
    )


KINDS = (
    convolutions, shared_by_threads, grouped, channels_last, wide, transposed, transposed_in_groups, gated, taken_apart, few_channels, strided,
    wide_images,
    in_three_dimensions, lstms, padded_lstms, recurrences, attentions,
    with_projections_of_their_own, tied,
)  # fmt: skip


def drawn(kind: Callable[[Random], str], seed: int) -> Graph:
    rng = Random(f"{kind.__name__}{seed}")
    while True:
        try:
            text = f"{{model: m, {kind(rng)}}}"
            return build_graph(Source("t.yaml", text), batch=rng.choice([2, 3, 8]))
        except SpecError:
            continue


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("kind", KINDS)
def test_training(kind: Callable[[Random], str], optimizer: str) -> None:
    for seed in range(5):
        graph = drawn(kind, seed)
        session = Session(graph, Setup(Running(mode="train", optimizer=optimizer)), CPU)
        session.run()
        measured = peak_bytes(session.run, CPU, session.held())
        running = run_of("train", optimizer=optimizer, threads=torch.get_num_threads())
        text = graph.document.source.text
        assert simulate(graph, running).peak == pytest.approx(measured, rel=0.03), (text, graph.batch)


@pytest.mark.parametrize("kind", KINDS)
def test_inference(kind: Callable[[Random], str]) -> None:
    for seed in range(5):
        graph = drawn(kind, seed)
        session = Session(graph, Setup(), CPU)
        session.run()
        measured = peak_bytes(session.run, CPU, session.held())
        text = graph.document.source.text
        found = simulate(graph, run_of(threads=torch.get_num_threads())).peak
        assert found == pytest.approx(measured, rel=0.03), text


def grouped(rng: Random) -> str:
    """Few positions and many, so that scores weigh less than queries, or more."""
    heads, width = rng.choice([2, 4, 8]), rng.choice([32, 64, 128])
    more = rng.choice(
        ["", " causal=true", " window=8", " dropout=0.1", " rope=100", " qknorm=true", " rope=100 causal=true"]
    )
    given = f"attention {heads} kv_heads={rng.choice([1, heads // 2, heads])}{more}"
    return f"input: [{rng.choice([16, 50, 128])}, {width}], layers: [linear {width}, {given}, linear 8]"


@pytest.mark.parametrize("kind", [attentions, grouped])
@pytest.mark.parametrize("train", [True, False])
def test_attention_step_by_step(train: bool, kind: Callable[[Random], str]) -> None:
    for seed in range(10):
        graph = drawn(kind, seed)
        session = Session(graph, Setup(Running(mode=train_or_not(train), optimizer="adam")), CPU)
        with sdpa_kernel(SDPBackend.MATH):
            session.run()
            measured = peak_bytes(session.run, CPU, session.held())
        running = run_of(train_or_not(train), attention="math", threads=torch.get_num_threads())
        text = graph.document.source.text
        assert simulate(graph, running).peak == pytest.approx(measured, rel=0.02), (text, graph.batch)


def test_weights_that_leave_no_room_for_sums() -> None:
    text = "{model: m, input: [4100, 16], layers: [batchnorm, conv 1100 kernel=15]}"
    run = simulate(build_graph(Source("t.yaml", text), batch=2), run_of("train", optimizer="sgd"))
    passing = max(moment.passing for moment in run.moments)
    weights = 4 * 4100 * 1100 * 15
    assert weights <= passing <= 1.01 * weights  # as measured: their copy, and no sums of four times as much
