"""Copies that run alike are asked once what they keep and need."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from archcalc.layers.activation import GELU
from archcalc.layers.saved import Saved, Saving
from archcalc.layers.tensor import Tensor
from archcalc.memory.simulation import simulate
from archcalc.network.load import load_graph
from tests.runs import run_of


@pytest.mark.parametrize("more", [{}, {"checkpoint": ("block",)}, {"precision": "mixed-bf16"}])
def test_copies_are_asked_once(monkeypatch: pytest.MonkeyPatch, more: dict[str, Any]) -> None:
    asked: Counter[tuple[int, bool]] = Counter()
    saved = GELU.saved

    def counted(self: GELU, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        asked[how.batch, how.keeps] += 1
        return saved(self, how, y, *inputs)

    monkeypatch.setattr(GELU, "saved", counted)
    for batch in (1, 2):
        simulate(load_graph("specs/gpt2.yaml", batch=batch), run_of("train", **more))
    assert set(asked.values()) == {1}
