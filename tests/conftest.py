"""What all tests share: where the specs are, and graphs from a few lines of text."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from archcalc.diagnostics import Source
from archcalc.network.load import Graph, build_graph

# How long an example takes says how busy the machine is.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
gc.set_threshold(100_000, 50, 50)  # as the program does itself: a graph is a circle, and most live to the end of a test

ROOT = Path(__file__).parent.parent
SPECS = sorted((ROOT / "specs").glob("*.yaml"))


@pytest.fixture
def graph() -> Callable[..., Graph]:
    """`graph("3, 32, 32", "conv 8 kernel=3", "relu")`: a network of these layers."""

    def build(input: str, *layers: str, batch: int = 1) -> Graph:
        lines = "".join(f"  - {layer}\n" for layer in layers)
        return build_graph(Source("t.yaml", f"model: t\ninput: [{input}]\nlayers:\n{lines}"), batch=batch)

    return build
