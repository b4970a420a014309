"""A whole run: steps, time with the range of a step, and the energy at most."""

from __future__ import annotations

import pytest

from archcalc.diagnostics import RequestError
from archcalc.network.load import load_graph
from archcalc.prediction.answer import answer
from archcalc.prediction.whole import SAMPLES, TOKENS, whole_run
from archcalc.running import Running


def test_is_so_many_steps() -> None:
    one = answer(load_graph("specs/gpt2.yaml", batch=8), Running(device="a100", mode="train", accumulate=4))
    run = whole_run(one, 1_000_000_000, TOKENS)
    assert run.steps == -(-1_000_000_000 // (8 * 4 * 1024))
    assert run.time.seconds == pytest.approx(run.steps * one.total.seconds)
    assert run.time.low / run.time.seconds == pytest.approx(one.total.low / one.total.seconds)
    assert run.kilowatt_hours(3600) == pytest.approx(0.4)  # 400 W


def test_an_epoch_of_imagenet() -> None:
    one = answer(load_graph("specs/resnet50.yaml", batch=256), Running(device="rtx3090", mode="train"))
    assert whole_run(one, 1_281_167, SAMPLES).steps == 5005
    with pytest.raises(RequestError, match="reads no tokens"):
        whole_run(one, 10, TOKENS)
