"""Budgets: what they count, for hand-made numbers."""

from __future__ import annotations

import pytest

from archcalc.devices import find
from archcalc.diagnostics import Source
from archcalc.memory.allocator import taken
from archcalc.memory.footprint import INFERENCE, footprint
from archcalc.memory.plan import Plan
from archcalc.network.load import build_graph
from archcalc.prediction.predict import predict
from archcalc.rules.memory import inference_bytes, training_bytes
from archcalc.rules.model import Model
from tests.rules.linting import findings


def model(layers: str, input: str) -> Model:
    return Model(build_graph(Source("t.yaml", f"model: m\ninput: [{input}]\nlayers: [{layers}]\n")))


@pytest.mark.parametrize(
    ("layers", "input", "base", "more"),
    [
        ("linear 20 bias=false", "10", 200 + 10, 20),
        ("linear 20 bias=false, relu, linear 5 bias=false", "10", 300 + 10, 40),  # relu reads 20 and gives 20
        ("conv 4 kernel=1 bias=false, flatten", "2, 3, 3", 8 + 18, 36),
    ],
)
def test_a_forward_pass(layers, input, base, more):
    assert inference_bytes(model(layers, input)) == (4 * base, 4 * more)


def test_a_training_step():
    base, more = training_bytes(model("linear 20 bias=false, relu, linear 5 bias=false", "10"))
    assert base == 4 * (3 * 300 + 10 + 5) + 2 * 4  # weights and two averages, input and target, two counters
    # In the step: gradients, the output that the loop still holds, and Adam's work on the larger weight.
    assert more == 4 * (300 + 5 + 2 * 200)


@pytest.mark.parametrize(("bound", "codes"), [(3, ["BUD908"]), (4, []), (8, []), (9, ["BUD906"])])
def test_depth(bound, codes):
    text = f"model: m\ninput: [8]\nlayers: [{{repeat: 3, layers: [linear 8, relu]}}, linear 2]\nbudget: {{depth: {bound}}}\n"
    assert [finding.code for finding in findings(text)] == codes


# -- what a device has ----------------------------------------------------------------------

LARGE = "model: m\ndims: {seq: 4096}\ninput: [seq, 4096]\nlayers: [linear 16384, gelu, linear 4096]\n"


def test_what_a_device_has_is_what_memory_says():
    assert findings(LARGE, ("BUD904",), batch=100) == []
    [found] = findings(LARGE, ("BUD904",), batch=10_000)
    assert found.data["limit"] == find("h100").memory_bytes
    fits = found.data["batch"]
    assert 100 < fits < 10_000
    assert f"the largest batch that fits is {fits:,}" in found.help
    for batch in (fits, fits + 1):
        graph = build_graph(Source("t.yaml", LARGE), batch=batch)
        found = taken(footprint(graph, Plan(dtype="bf16", gpu=True), INFERENCE), find("h100"))
        assert found.fits == (batch == fits)


def test_weights_that_need_several_devices():
    text = "model: m\ninput: [100000]\nlayers: [linear 1000000]\n"
    [found] = findings(text, ("BUD904",))
    assert found.data["batch"] == 0
    assert "the weights alone take 200,002,000,000 bytes: share them between 3 devices or more" in found.help


@pytest.mark.parametrize(("size", "waits"), [(4096, False), (256, True)])
def test_the_part_that_waits_is_the_predictions(size, waits):
    text = f"model: m\ninput: [8192, {size}]\nlayers: [linear {size}, gelu]\n"
    whole = predict(build_graph(Source("t.yaml", text), batch=8), find("h100")).forward
    share = whole.bounds.get("memory", 0) / whole.seconds
    assert (share > 0.5) is waits
    assert [one.data["share"] for one in findings(text, ("HWE804",), batch=8)] == ([share] if waits else [])
