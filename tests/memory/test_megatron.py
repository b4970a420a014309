"""Korthikanti et al. 2022 (arXiv:2205.05198): a transformer layer keeps s·b·h·(34 + 5·a·s/h) bytes in 16 bits."""

from __future__ import annotations

import pytest

from archcalc.diagnostics import Source
from archcalc.memory.simulation import simulate
from archcalc.network.load import build_graph
from tests.runs import run_of

# Attention step by step, as Megatron computes it; with one kernel for it the scores are not kept.
STEPS = """
model: layer
hparams: {{h: {h}, a: {a}}}
dims: {{s: {s}}}
input: [s, h]
blocks:
  split(x):
    - [linear h from=x, rearrange 's (a d) -> a s d' a=a]
layers:
  - [layernorm name=x, split x name=q]
  - [split x name=k, transpose name=kt]
  - split x name=v
  - matmul: [q, kt]
  - [scale 0.125, softmax axis=-1, dropout 0.1 name=p]
  - matmul: [p, v]
  - [rearrange 'a s d -> s (a d)', linear h, dropout 0.1]
  - add: [input, prev]
    name: y
  - [layernorm, linear 4*h, gelu, linear h, dropout 0.1]
  - add: [y, prev]
"""
FUSED = """
model: layer
dims: {{s: {s}}}
input: [s, {h}]
layers:
  - residual: [layernorm, attention {a} dropout=0.1, dropout 0.1]
  - residual: [layernorm, linear 4*{h}, gelu, linear {h}, dropout 0.1]
"""
BATCH = 2


def bytes_for_each(text: str, h: int, a: int, s: int, attention: str | None) -> float:
    """Bytes that the layer keeps beside what it is given, for each token and feature."""
    graph = build_graph(Source("t.yaml", text.format(h=h, a=a, s=s)), batch=BATCH)
    run = simulate(graph, run_of("train", precision="bf16", attention=attention, device="a100"))
    return sum(run.layers.values()) / (s * BATCH * h)


@pytest.mark.parametrize(("h", "a", "s"), [(1024, 16, 512), (768, 12, 128), (256, 4, 1024)])
def test_the_formula(h, a, s):
    statistics = 2 * 8 / h  # of two layernorms, in fp32, which the formula leaves out
    given = 2  # the first layernorm's input, which is the network's here and an earlier layer's there
    kept = bytes_for_each(STEPS, h, a, s, None)
    assert kept + given == pytest.approx(34 + 5 * a * s / h + statistics, abs=1e-9)
    sums = 4 * a / h  # of each row of scores, in fp32
    assert bytes_for_each(FUSED, h, a, s, "flash") + given == pytest.approx(34 + statistics + sums, abs=1e-9)
