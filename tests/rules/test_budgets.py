"""Budgets: what they count, for hand-made numbers."""

from __future__ import annotations

from dataclasses import replace

from archcalc.devices import find
from archcalc.diagnostics import Source
from archcalc.memory.allocator import needed
from archcalc.memory.footprint import footprint
from archcalc.network.load import build_graph, with_batch
from archcalc.prediction.predict import predict
from archcalc.rules.check import load_rules
from archcalc.rules.memory import found, inference_bytes, largest, training_bytes
from archcalc.rules.model import Model
from tests.each import each
from tests.rules.linting import findings
from tests.runs import run_of


def model(layers: str, input: str) -> Model:
    return Model(build_graph(Source("t.yaml", f"model: m\ninput: [{input}]\nlayers: [{layers}]\n")))


@each(
    [
        ("linear 20 bias=false", "10", 200 + 10, 20),
        ("linear 20 bias=false, relu, linear 5 bias=false", "10", 300 + 10, 40),  # relu reads 20 and gives 20
        ("conv 4 kernel=1 bias=false, flatten", "2, 3, 3", 8 + 18, 36),
    ]
)
def test_a_forward_pass(layers, input, base, more):
    assert inference_bytes(model(layers, input)) == (4 * base, 4 * more)


def test_the_layers_that_take_most_memory():
    made = model("linear 64 bias=false, relu, linear 4 bias=false", "8")
    step, forward = (largest(made, found(made, training)) for training in (True, False))
    # A weight and two averages, with a step's number for Adam; backward keeps the inputs of both and what relu gives.
    assert [(layer, bytes_ // 100) for layer, bytes_ in step] == [("`linear1`", 61), ("`linear2`", 30), ("`relu`", 2)]
    assert forward == [("`linear1`", 8 * 64 * 4), ("`linear2`", 64 * 4 * 4)]
    copies = model("{repeat: 3, layers: [linear 8 bias=false]}", "8")
    assert largest(copies, found(copies, False)) == [("`repeat.0.linear` ×3", 3 * 8 * 8 * 4)]


def test_a_training_step():
    base, more = training_bytes(model("linear 20 bias=false, relu, linear 5 bias=false", "10"))
    assert base == 4 * (3 * 300 + 10 + 5) + 2 * 4  # weights and two averages, input and target, two counters
    # In the step: gradients, the output and the loss with its own gradient, which the loop still holds,
    # and Adam's work on the larger weight.
    assert more == 4 * (300 + 5 + 2 + 2 * 200)


@each([(3, ["BUD908"]), (4, []), (8, []), (9, ["BUD906"])])
def test_depth(bound, codes):
    text = f"model: m\ninput: [8]\nlayers: [{{repeat: 3, layers: [linear 8, relu]}}, linear 2]\nbudget: {{depth: {bound}}}\n"
    found = findings(text)
    assert [finding.code for finding in found] == codes
    assert all("repeat.0.linear ×3, linear ×1" in finding.help for finding in found if finding.code == "BUD908")


def test_the_largest_batch_that_fits_a_device(tmp_path):
    text = "model: m\ninput: [64]\nlayers: [linear 128, relu]\n"
    network = build_graph(Source("t.yaml", text))
    run = run_of(precision="bf16", device="h100")
    device = replace(find("h100"), memory_bytes=needed(footprint(with_batch(network, 9_000_000), run)))
    rule = load_rules()["BUD904"]
    assert not list(rule.check(Model(with_batch(network, 9_000_000), device)))
    (one,) = rule.check(Model(with_batch(network, 20_000_000), device))
    assert one.data["bytes"] == needed(footprint(with_batch(network, 20_000_000), run))
    largest = int(one.help.split(";")[0].removeprefix("the largest batch that fits is ").replace(",", ""))
    needs = [needed(footprint(with_batch(network, batch), run)) for batch in (largest, largest + 1)]
    assert needs[0] <= device.memory_bytes < needs[1]
    assert one.help.endswith("; inference, batch 20000000, bf16, on h100")


@each([(4096, False), (256, True)])
def test_the_part_that_waits_is_the_predictions(size, waits):
    text = f"model: m\ninput: [8192, {size}]\nlayers: [linear {size}, gelu]\n"
    whole = predict(build_graph(Source("t.yaml", text), batch=8), run_of(device="h100")).forward
    share = whole.bounds.get("memory", 0) / (whole.bounds.get("compute", 0) + whole.bounds.get("memory", 0))
    assert (share > 0.5) is waits
    assert [one.data["share"] for one in findings(text, ("HWE804",), batch=8)] == ([share] if waits else [])
