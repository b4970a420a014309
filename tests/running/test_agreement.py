"""The same question has the same answer everywhere: memory, predict, fit, sweep, lint, diff and the Python interface."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archcalc.api.network import Network
from archcalc.cost import Costs
from archcalc.diagnostics import RequestError, Source, SpecError
from archcalc.difference.side import Side
from archcalc.memory.assessment import Question, assess
from archcalc.network.load import build_graph, load_graph
from archcalc.prediction.answer import answer
from archcalc.rules.memory import found as budgeted
from archcalc.rules.model import Model
from archcalc.running import Running
from archcalc.sweep.axis import Axis
from archcalc.sweep.evaluate import evaluate, outcome
from archcalc.sweep.fit import fit
from archcalc.sweep.grid import Point, grid
from archcalc.sweep.measures import MEASURES
from tests.outcome import TIMES

TEXTS = (
    "{model: m, input: [3, 16, 16], layers: [conv 8 kernel=3, batchnorm, relu, conv 8 kernel=3, flatten, linear 4], loss: crossentropy}",
    "{model: t, dims: {n: 12}, input: [n], layers: [embedding 50 dim=16, {repeat: 5, name: h, layers: "
    "[residual: [layernorm, attention 2 causal=true dropout=0.1], residual: [layernorm, linear 32, gelu, linear 16]]}, linear 50], "
    "loss: crossentropy}",
)
FIELDS = {
    "mode": st.sampled_from(["train", "inference"]),
    "batch": st.integers(1, 9),
    "precision": st.sampled_from(["fp32", "bf16", "fp16", "autocast-bf16", "autocast-fp16", "mixed-bf16"]),
    "optimizer": st.sampled_from(["sgd", "adamw", "adam8bit", "adafactor", "lion", "muon"]),
    "weights": st.sampled_from(["nf4", "int8", "q4_k"]),
    "gradients": st.sampled_from(["same", "fp32"]),
    "update": st.sampled_from(["single", "foreach", "fused", "backward"]),
    "lora": st.sampled_from([4, 8]),
    "offload": st.sampled_from(["optimizer", "gradients,activations"]),
    "checkpoint": st.sampled_from([["h"]]),
    "checkpoint_every": st.integers(1, 3),
    "loss": st.sampled_from(["eager", "fused", "chunked"]),
    "recompute": st.sampled_from(["all", "selective"]),
    "accumulate": st.integers(1, 3),
    "attention": st.sampled_from(["auto", "flash", "math"]),
    "threads": st.integers(1, 4),
    "device": st.sampled_from(["rtx4090", "V100", "H100"]),
}
MEASURED = {"train": "memory", "inference": "inference_memory"}


@given(st.sampled_from(TEXTS), st.fixed_dictionaries({}, optional=FIELDS))
@settings(max_examples=15 * TIMES, deadline=None)
def test_agrees_to_the_byte(text: str, said: dict[str, object]) -> None:
    run = Running(**said)
    try:
        graph = build_graph(Source("t.yaml", text), batch=run.batch or None, said=run)
        modes = assess(graph, Question(run)).modes
    except RequestError as error:
        refusal = str(error)
        with pytest.raises(RequestError) as refused:  # all refuse alike
            Network(build_graph(Source("t.yaml", text))).memory(**{"mode": "train", **said})
        assert str(refused.value) == refusal
        return
    for one in modes:
        mode = one.found.running.mode
        if mode not in MEASURED:
            continue
        asked, peak = run.also(mode=mode), one.found.peak
        if run.device:
            predicted = answer(graph, asked)
            assert predicted.footprint.peak == peak
            assert predicted.memory.shown == one.needed
            assert str(predicted.prediction.running) == str(one.found.running)
        found = Network(graph).memory(**{**said, "mode": mode})
        assert (found.peak, str(found.running)) == (peak, str(one.found.running))
        assert budgeted(Model(graph, said=asked), mode == "train").peak == peak
        name = "training_memory_bytes" if mode == "train" else "inference_memory_bytes"
        assert Side.of(Costs(graph), asked).total(name) == peak


@pytest.mark.parametrize("said", [{}, {"precision": "autocast-bf16", "optimizer": "sgd"}, {"device": "rtx4090"}])
def test_fit_and_sweep_agree_with_memory(said: dict[str, object], tmp_path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(TEXTS[1])
    run = Running(**said)
    graph = build_graph(Source(str(path), TEXTS[1]), batch=3)
    for mode, name in MEASURED.items():
        one = assess(graph, Question(run.also(mode=mode))).modes[0]
        swept = outcome(Point(str(path), (), 3), [name], run)
        assert swept.values[name] == one.needed
        assert swept.how[mode][0] == str(one.found.running)
        limit = 4 * one.needed
        largest = assess(graph, Question(run.also(mode=mode), limit, ("batch",))).modes[0].limits[0].value
        fitted = fit(Point(str(path), (), 3), "batch", {MEASURES[name]: limit}, run)
        assert fitted.best is not None
        assert int(fitted.value_of(fitted.best)) == largest


AXES = {
    "precision": ["fp32", "bf16", "autocast-fp16"],
    "optimizer": ["none", "sgd", "adafactor"],
    "weights": ["none", "nf4"],
    "lora": ["none", "4"],
    "lora_on": ["none", "q", "q+v"],
    "freeze": ["none", "h"],
    "offload": ["none", "optimizer", "optimizer+gradients"],
    "checkpoint": ["none", "h"],
    "loss": ["eager", "chunked"],
    "accumulate": ["1", "2"],
    "execution": ["eager", "compiled"],
    "memory_format": ["contiguous", "channels-last"],
    "attention": ["auto", "math"],
    "device": ["none", "a100", "v100"],
    "cache": ["bf16", "int8"],
    "length": ["none", "8"],
    "new_tokens": ["1", "3"],
}
GENERATIVE = TEXTS[1].replace(" dropout=0.1", "")
OF = {
    "train": ("memory", "step_time"),
    "inference": ("inference_memory", "time"),
    "generate": ("generation_memory", "generation_time"),
}


@pytest.fixture(scope="module")
def spec(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("sweep") / "t.yaml"
    path.write_text(GENERATIVE.replace("model: t,", "model: t, run: {optimizer: lion, lora: 2},"))
    return str(path)


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_every_point_of_a_sweep_is_what_memory_and_predict_say(spec: str, data) -> None:
    names = data.draw(st.lists(st.sampled_from(sorted(AXES)), min_size=1, max_size=3, unique=True))
    axes = [
        Axis(name, tuple(data.draw(st.lists(st.sampled_from(AXES[name]), min_size=1, unique=True)))) for name in names
    ]
    mode = data.draw(st.sampled_from(list(OF)))
    points = list(grid([spec], [], data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=2, unique=True)), axes))
    memory, time = OF[mode]
    for point, swept in zip(points, evaluate(points, [MEASURES[memory]], Running(), 1)):
        run = point.said.also(mode=mode)
        try:
            graph = load_graph(spec, {}, point.batch, said=run)
            one = assess(graph, Question(run)).modes[0]
        except (RequestError, SpecError) as error:
            reason = error.diagnostics[0].message if isinstance(error, SpecError) else str(error)
            assert swept.reason == reason
            continue
        assert swept.values == {memory: one.needed}
        assert swept.how[mode][0] == str(one.found.running)
        if run.device:
            timed = outcome(point, [time], Running())
            if timed.is_valid:
                assert timed.values == {time: answer(graph, run).total.seconds}
            else:
                with pytest.raises(RequestError, match=re.escape(timed.reason)):
                    answer(graph, run)
