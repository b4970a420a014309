"""What layers need in passing that compute step by step, and what experts do: as PyTorch's allocator records it."""

from __future__ import annotations

import pytest
import torch

from archcalc.diagnostics import Source
from archcalc.memory.simulation import simulate
from archcalc.network.load import build_graph
from archcalc.pytorch.memory import peak_bytes
from archcalc.pytorch.profile import Session
from archcalc.pytorch.setup import Setup
from archcalc.running import Running
from tests.memory.processors import HAS_BF16
from tests.runs import run_of

CPU = torch.device("cpu")
# With how many numbers the layer in the middle computes.
NUMBERS = 64 * 256
LAYERS = (
    "square", "pow 0.5", "sqrt", "rsqrt", "abs", "sin", "cos", "reciprocal", "softsign", "prelu", "layerscale",
    "normalize", "cumsum", "logsumexp -1", "std", "var",
    "linear 1 from=a name=b, {div: [a, b]}", "linear 256 from=a name=b, {div: [a, b]}",
    "linear 1 from=a name=b, {mul: [a, b]}", "parameter 256 name=b, {mul: [a, b]}",
    "mean -1 keepdim=true name=b, {sub: [a, b]}",
    # The gradient of a sum's input is a view, which some read as it is and others copy.
    "tanh, sum 0", "silu, sum 0", "gelu, sum 0", "dropout 0.1, sum 0", "softmax, sum 0", "cumsum, sum 0", "layerscale, sum 0",
    "{mul: [[linear 1], prev]}, sum 0", "residual: [tanh], sum 0", "residual: [linear 256], sum 0", "gru 64, tanh, sum 0",
    "tanh, offset 2, sum 0", "tanh name=b, {sub: [a, b]}, sum 0",
    # A gradient that is a view has others added to it in new memory.
    "tanh, residual: [linear 256]", "tanh, {residual: [linear 256, {sub: [a, prev]}]}", "tanh name=b, sin, {concat: [b, prev]}",
    "tanh name=b, attention 4 kv=b from=a",
)  # fmt: skip


def apart(text: str, mode: str, batch: int = 1, **more: str) -> tuple[int, int]:
    """What is said, and what is measured."""
    graph = build_graph(Source("t.yaml", text), batch=batch)
    session = Session(graph, Setup(Running(mode=mode, optimizer="sgd" if mode == "train" else None, **more)), CPU)
    session.run()
    measured = peak_bytes(session.run, CPU, session.held())
    assert measured is not None
    said = run_of(mode, threads=torch.get_num_threads(), **({"optimizer": "sgd"} if mode == "train" else {}), **more)
    return simulate(graph, said).peak, measured


@pytest.mark.parametrize("layers", LAYERS)
def test_backward_step_by_step(layers: str) -> None:
    found, measured = apart(f"{{model: m, input: [64, 4], layers: [linear 256 name=a, {layers}, linear 2]}}", "train")
    assert found == pytest.approx(measured, abs=0.15 * 4 * NUMBERS)  # a tensor is one


@pytest.mark.parametrize("layers", ["softsign", "logsumexp -1"])
def test_forward_step_by_step(layers: str) -> None:
    found, measured = apart(f"{{model: m, input: [64, 4], layers: [linear 256, {layers}, linear 2]}}", "inference")
    assert found == pytest.approx(measured, abs=0.02 * 4 * NUMBERS)


@pytest.mark.parametrize("mode", ["train", "inference"])
def test_experts_run_one_after_the_other(mode: str) -> None:
    """All positions go to all, so that each has as many as the others."""
    expert = "{mul: [[linear 48 bias=false, silu], [linear 48 bias=false]]}, linear 32 bias=false"
    layers = f"linear 32, {{moe: {{experts: 6, top_k: 6, layers: [{expert}]}}}}, linear 8"
    found, measured = apart(f"{{model: m, input: [64, 16], layers: [{layers}]}}", mode, 4)
    assert found == pytest.approx(measured, rel=0.005)


@pytest.mark.parametrize("frozen", ["", ", frozen: true"])
def test_experts_keep_what_others_have_used(frozen: str) -> None:
    """One expert's tensors exist at a time, beside what the others keep; under autocast what is sent has the input's type."""
    given, learns = ("linear 32 frozen=true", " frozen=false") if frozen else ("linear 32, layernorm", "")
    expert = f"linear 64{learns}, relu, linear 32"
    text = f"{{model: m, input: [64, 16], layers: [{given}, {{moe: {{experts: 4, top_k: 4, layers: [{expert}]}}{frozen}}}]}}"
    for mode in ("inference", "train"):
        for precision in ("fp32", "autocast-bf16") if HAS_BF16 else ("fp32",):
            found, measured = apart(text, mode, 4, precision=precision)
            assert found == pytest.approx(measured, rel=0.01), (mode, precision)


def test_norms_of_queries_in_16_bits() -> None:
    for norm in ("true", "unscaled", "width"):
        layers = f"linear 256, attention 4 qknorm={norm}, linear 2"
        text = f"{{model: m, input: [64, 4], layers: [{layers}]}}"
        found, measured = apart(text, "inference", precision="bf16")
        assert found == pytest.approx(measured, rel=0.005)
