"""The same question has the same answer everywhere: memory, predict, fit, sweep, lint, diff and the Python interface."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archcalc.api.network import Network
from archcalc.cost import Costs
from archcalc.diagnostics import RequestError, Source
from archcalc.difference.side import Side
from archcalc.memory.assessment import Question, assess
from archcalc.network.load import build_graph
from archcalc.prediction.answer import answer
from archcalc.rules.memory import found as budgeted
from archcalc.rules.model import Model
from archcalc.running import Running
from archcalc.sweep.evaluate import outcome
from archcalc.sweep.fit import fit
from archcalc.sweep.grid import Point
from archcalc.sweep.measures import MEASURES

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
@settings(max_examples=40, deadline=None)
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
