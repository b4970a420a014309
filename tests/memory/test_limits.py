"""At the limit it fits, and the next size does not."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from archcalc.cost import Costs
from archcalc.devices import find
from archcalc.diagnostics import RequestError, Source, SpecError
from archcalc.memory.assessment import Question, assess
from archcalc.memory.generation import generate
from archcalc.memory.limits import Others, largest_size
from archcalc.memory.needs import GeneratingNeed, Need
from archcalc.memory.simulation import simulate
from archcalc.memory.sizes import resized
from archcalc.network.load import build_graph, load_graph
from archcalc.running import Running
from tests.conftest import ROOT
from tests.draw.draw import case
from tests.outcome import TIMES
from tests.runs import run_of


def spec(name):
    return load_graph(str(ROOT / "specs" / name))


class Plain(Need):
    """Bytes that say nothing about other sizes."""

    def likely(self, room, size, others):
        return None


def generated(graph):
    return GeneratingNeed(generate(graph, run_of("generate", precision="bf16")))


def stored(graph):
    """The bytes of the parameters, which no dim changes."""
    return Plain(4 * int(Costs(graph).totals.params))


def outputs(graph):
    """A simple measure: the bytes of what comes out."""
    return Plain(4 * graph.batch * sum(int(y.elements) for y in graph.outputs.values()))


@pytest.mark.parametrize(
    ("name", "size", "room"),
    [
        ("llama3.yaml", "batch", 80 * 10**9),
        ("llama3.yaml", "seq", 24 * 10**9),
        ("llama3.yaml", "seq", 16_500_000_000),  # shorter than what the spec says
        ("t5.yaml", "source", 10**9),
        ("t5.yaml", "target", 10**9),
        ("transformer.yaml", "batch", 10**9),
    ],
)
def test_the_boundary_is_exact(name, size, room):
    graph = spec(name)
    found = largest_size(graph, size, generated, room)
    assert (
        found.bytes
        == generate(resized(graph, {size: found.value}), run_of("generate", precision="bf16")).peak_bytes
        <= room
    )
    assert (
        found.next_bytes
        == generate(resized(graph, {size: found.value + 1}), run_of("generate", precision="bf16")).peak_bytes
        > room
    )
    assert found.next == found.value + 1


@pytest.mark.parametrize("room", [4, 41, 44, 45, 399, 400, 401, 4 * 10**6])
def test_every_room(graph, room):
    found = largest_size(graph("1", "linear 1", batch=10), "batch", outputs, room)
    assert found.value == room // 4
    assert (found.next, found.next_bytes) == (found.value + 1, 4 * (found.value + 1))


def test_none_fits():
    found = largest_size(spec("mixtral.yaml"), "batch", generated, 80 * 10**9)
    assert found.value == found.bytes == 0
    assert found.next_bytes > 80 * 10**9


def test_a_table_stops_it():
    found = largest_size(spec("gpt2.yaml"), "seq", generated, 80 * 10**9)
    assert (found.value, found.next_bytes) == (1024, None)
    assert found.stopped_by == "the table has 1024 positions, the input [1025, 768] has 1025"
    with pytest.raises(SpecError):
        resized(spec("gpt2.yaml"), {"seq": 1025})


def test_only_multiples_are_possible():
    source = """
model: patches
dims: {size: 64}
input: [3, size, size]
layers: [conv 8 kernel=16 stride=16, "rearrange 'c h (a b) -> (h a) (b c)' b=2", linear 2]
"""
    graph = build_graph(Source("t.yaml", source))
    # 80 to 95 give 5 columns, which cannot be halved
    possible = {size: 4 * (size // 16) ** 2 for size in range(32, 900) if size // 16 % 2 == 0}
    for room in (16, 24, 64, 800, 1000, 4000):
        found = largest_size(graph, "size", outputs, room)
        best = max(size for size, bytes in possible.items() if bytes <= room)
        assert found.value == best
        assert found.bytes == possible[best] == outputs(resized(graph, {"size": best})).bytes
        assert found.next == min(size for size, bytes in possible.items() if bytes > room)
        assert found.next_bytes == possible[found.next] > room


def test_multiples_alone():
    source = "{model: m, dims: {n: 48}, input: [n], layers: [rearrange '(a b) -> a b' b=16, linear 2]}"
    graph = build_graph(Source("t.yaml", source))
    found = largest_size(graph, "n", outputs, 8 * 1000)
    assert (found.value, found.next, found.next_bytes) == (16_000, 16_016, 8_008)
    assert largest_size(graph, "n", outputs, 8).value == 16
    assert largest_size(graph, "n", outputs, 7).value == 0


def test_memory_that_does_not_grow():
    found = largest_size(spec("lstm.yaml"), "steps", stored, 10**9)
    assert found.unbounded
    assert largest_size(spec("lstm.yaml"), "steps", stored, 10).value == 0
    assert not largest_size(spec("lstm.yaml"), "steps", generated, 10**9).unbounded  # prompts do grow


def test_one_size_alone():
    graph = build_graph(Source("t.yaml", "{model: m, dims: {n: 3}, input: [n], layers: [reshape 3, linear 2]}"))
    found = largest_size(graph, "n", outputs, 100)
    assert (found.value, found.next, found.next_bytes) == (3, 4, None)
    assert "3" in found.stopped_by
    assert largest_size(graph, "n", outputs, 1).value == 0


def test_unknown_name():
    with pytest.raises(RequestError, match="did you mean `seq`"):
        largest_size(spec("llama3.yaml"), "sqe", generated, 10**9)


@pytest.mark.parametrize("device", [None, "l4"])
@pytest.mark.parametrize("seed", range(4 * TIMES))
def test_every_batch_up_to_it_fits_and_none_beyond(seed, device):
    """The search looks at a few batches; those one after the other, and those around what it found, agree with it."""
    graph = case(1_795_915_000 + seed).graph()
    draw, on = random.Random(seed), find(device) if device else None
    scale = 3000 if device else 1  # of which a segment of the allocator holds few
    for mode in assess(graph, Question()).modes:
        question = Question(Running(mode=mode.found.running.mode, precision="bf16"), chip=on)

        def taken(batch, question=question):
            found = assess(resized(graph, {"batch": batch}), question).modes[0]
            return found.needed

        room = draw.randint(taken(2 * scale), taken(40 * scale))
        limit = assess(graph, replace(question, limit=room, fit=("batch",))).modes[0].limits[0]
        tried = {*range(2, 21), *(max(2, limit.value + more) for more in range(-8, 9)), 80 * scale}
        assert {batch: taken(batch) <= room for batch in tried} == {batch: batch <= limit.value for batch in tried}
        assert (limit.bytes, limit.next_bytes) == (taken(limit.value), taken(limit.value + 1))


def test_few_batches_are_tried(monkeypatch):
    """What is alive is nearly a line in the batch."""
    graph, tried = load_graph(str(ROOT / "specs" / "resnet18.yaml")), []
    monkeypatch.setattr("archcalc.memory.needs.simulate", lambda *given: tried.append(1) or simulate(*given))
    for mode in ("train", "inference"):
        tried.clear()
        assess(graph, Question(Running(mode=mode, device="h100"), fit=("batch",)))
        assert len(tried) <= 3


@pytest.mark.parametrize(
    ("name", "dim", "start"),
    [("gpt2", "seq", 1020), ("maxvit-t", "w", 224), ("unet", "h", 256), ("whisper", "text", 440)],
)
def test_impossible_sizes_share_their_reason(name, dim, start, monkeypatch):
    """Few are built, and each is said to fail if and only if it does: of tied tables, of windows that do not divide."""
    others, built = Others(spec(f"{name}.yaml")), []
    monkeypatch.setattr("archcalc.memory.limits.resized", lambda *given: built.append(1) or resized(*given))
    sizes = [*range(start, start + 20), 2 * start]
    fails = [bool(others.fails(dim, size)) for size in sizes]
    assert len(built) < 5 + fails.count(False) + 8
    assert fails == [bool(others.why_not(dim, size)) for size in sizes]


def test_few_sizes_of_a_dim_are_tried(monkeypatch):
    """What attention keeps grows with the square; what does not grow at all is tried once."""
    tried = []
    monkeypatch.setattr("archcalc.memory.needs.simulate", lambda *given: tried.append(1) or simulate(*given))
    assess(spec("t5.yaml"), Question(Running(mode="train", device="h100"), fit=("source",)))
    assert len(tried) <= 5
    prompts = []
    monkeypatch.setattr("archcalc.memory.needs.generate", lambda *given: prompts.append(1) or generate(*given))
    assess(spec("t5.yaml"), Question(Running(mode="generate", device="h100"), fit=("source",)))
    assert len(prompts) <= 4
    measured = []
    found = largest_size(spec("lstm.yaml"), "steps", lambda graph: measured.append(1) or stored(graph), 10**9)
    assert found.unbounded
    assert len(measured) <= 4
