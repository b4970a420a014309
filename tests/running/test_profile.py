"""`profile` predicts what `memory` does, in the same words, and takes the same declaration."""

from __future__ import annotations

from typing import Any

import pytest

from archcalc.diagnostics import RequestError, Source
from archcalc.memory.assessment import Question, assess
from archcalc.network.load import build_graph
from archcalc.pytorch.memory import predicted
from archcalc.pytorch.setup import Setup
from archcalc.running import Running
from tests.running.test_agreement import TEXTS

SAID: list[dict[str, Any]] = [
    {"mode": "train"},
    {"mode": "inference", "precision": "autocast-bf16"},
    {"mode": "train", "optimizer": "adafactor", "accumulate": 3},
    {"mode": "train", "lora": 4, "lora_on": ["linear*"], "checkpoint": ["h"], "checkpoint_every": 2},
    {"mode": "train", "optimizer": "muon", "attention": "math", "precision": "bf16"},
    {"mode": "train", "update": "backward", "freeze": ["h"]},
]


@pytest.mark.parametrize("said", SAID, ids=str)
def test_agrees_to_the_byte(said: dict[str, Any]) -> None:
    run = Running(threads=2, **said)
    graph = build_graph(Source("t.yaml", TEXTS[1]), batch=3, said=run)
    (one,) = assess(graph, Question(run)).modes
    assert predicted(graph, Setup(run)).peak == one.found.peak
    assert str(Setup(run).how(graph)) == str(one.found.running)


@pytest.mark.parametrize(
    "said",
    [
        {"optimizer": "lion"}, {"optimizer": "adam8bit"}, {"lora": 4, "weights": "nf4"}, {"offload": ["optimizer"]},
        {"loss": "chunked"}, {"gradients": "fp32", "precision": "bf16"}, {"precision": "mixed-bf16"},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_not_measured_is_refused(said: dict[str, Any]) -> None:
    run = Running(mode="train", threads=2, **said)
    graph = build_graph(Source("t.yaml", TEXTS[1]), batch=3, said=run)
    with pytest.raises(RequestError, match="not measured"):
        Setup(run).how(graph)
