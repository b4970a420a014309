"""What an engine reserves, against what vLLM was seen to, and the requests that its pages hold."""

from __future__ import annotations

import pytest

from archcalc.diagnostics import RequestError
from archcalc.memory.how import how
from archcalc.memory.serving import Engine, Request, Serving, others, serve
from archcalc.network.load import load_graph
from archcalc.prediction.generation import decode
from archcalc.prediction.serving import at_load
from archcalc.running import Running


def served(spec: str = "specs/gpt2.yaml", engine: Engine | None = None, **said: object) -> Serving:
    return serve(load_graph(spec), Running(**{"device": "a100", **said}), engine or Engine())


def test_equals_what_vllm_measured_of_llama_3_8b() -> None:
    # vLLM, fp16, A100 80 GB, gpu_memory_utilization 0.9: 55.1 GiB, 54 to 55 requests of 8,192 positions.
    found = served("specs/llama3.yaml@8b", precision="fp16", length=8192)
    assert found.cache / 2**30 == pytest.approx(55.1, rel=0.01)
    assert found.requests(8192) in (54, 55)


def test_pages_are_whole() -> None:
    found = served()
    assert found.bytes_of(1) == found.bytes_of(16) == found.bytes_of(32) // 2
    assert served(engine=Engine(block=1)).bytes_of(16) == found.bytes_of(16)


def test_the_longest_request_fits_and_one_more_page_does_not() -> None:
    found = served("specs/llama3.yaml@8b", device="l4")
    assert found.bytes_of(found.longest) <= found.cache < found.bytes_of(found.longest + 16)
    assert served(device="t4").longest == 1024  # it has no more positions


def test_few_lengths_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is a network built and gone through; pages grow with the length."""
    asked: list[int] = []
    plain = Serving.bytes_of
    monkeypatch.setattr(Serving, "bytes_of", lambda self, length: [asked.append(length), plain(self, length)][1])
    found = served("specs/llama3.yaml@8b", device="l4", length=8)
    asked.clear()
    assert found.longest > 8
    assert len({*asked}) < 16


@pytest.mark.parametrize("block", [16, 3])
def test_with_a_window_no_request_is_too_long(block: int) -> None:
    found = served("specs/mistral.yaml", Engine(block=block))
    assert found.bytes_of(10**6) == found.bytes_of(10**7) < found.cache
    assert found.longest == 0


def test_a_load_of_several_lengths() -> None:
    found = served()
    few = [Request(100, 20, 3), Request(900, 100, 2)]
    assert found.holds(few)
    assert not found.holds([Request(900, 100, 10**6)])
    timed = at_load(found, few)
    assert timed.requests == 5
    assert timed.first[0].seconds <= timed.first[1].seconds
    assert timed.token.low <= timed.token.seconds <= timed.token.high


def test_quantised_weights_and_caches_leave_more() -> None:
    plain, small = served(), served(weights="int4", cache="fp8")
    assert small.weights < plain.weights
    assert small.bytes_of(160) * 2 == plain.bytes_of(160)
    assert small.requests(1024) > 2 * plain.requests(1024)


def test_refuses_what_does_not_serve() -> None:
    with pytest.raises(RequestError, match="--device"):
        serve(load_graph("specs/gpt2.yaml"), Running(), Engine())
    with pytest.raises(RequestError, match="generate"):
        served("specs/resnet18.yaml")


def test_what_makes_a_request_fit_does() -> None:
    found = dict(others(load_graph("specs/mixtral.yaml"), Running(device="a100"), Engine()))
    assert list(found) == ["--weights int8", "--weights int4"]
    assert all(one.requests(one.length) for one in found.values())
    assert not served("specs/mixtral.yaml").requests(8192)
    longer = [
        name for name, _ in others(load_graph("specs/llama3.yaml@8b"), Running(device="a100", length=500_000), Engine())
    ]
    assert "--cache fp8" in longer


def test_an_engine_keeps_no_scores_and_waits_for_no_launches() -> None:
    # With sinks PyTorch writes scores out, the engine's kernel does not.
    found = served("specs/gpt-oss.yaml", weights="mxfp4", device="h100")
    assert found.activations < 2e9 < served("specs/gpt-oss.yaml", device="h100", attention="math").activations
    assert {"execution", "attention"} < set(found.running.assumed)
    llama = served("specs/llama3.yaml@8b", device="h100")
    graph = at_load(llama, [Request(1000, 200)]).token.seconds
    eager = at_load(
        served("specs/llama3.yaml@8b", device="h100", execution="eager"), [Request(1000, 200)]
    ).token.seconds
    assert 16e9 / 3.35e12 < graph < 0.5 * eager


def test_the_first_token_comes_with_the_prompt() -> None:
    found = served("specs/gpt2.yaml")
    (first,) = at_load(found, [Request(512, 64)]).first
    (longer,) = at_load(found, [Request(768, 64)]).first
    assert 1.2 < longer.seconds / first.seconds < 2


def test_an_engine_reads_the_vectors_that_keys_and_values_are_made_of() -> None:
    graph = load_graph("specs/deepseek-v2-lite.yaml")
    running = how(graph, Running(device="a100", execution="graph"), "generate")
    absorbed, again = (decode(graph, running, absorbs=absorbs).step.seconds for absorbs in (True, False))
    assert absorbed < 0.8 * again
    found = served("specs/deepseek-v2-lite.yaml")
    step = at_load(found, [Request(2000, 40, 256)]).token.seconds
    # The weights that are read, and 512 + 64 numbers a layer and position of each request.
    assert step > (27 * 576 * 2 * 2000 * 256 + 20e9) / 2.04e12
    assert step < 0.1
