"""Budgets: what they count, for hand-made numbers."""

from __future__ import annotations

import pytest

from archcalc.diagnostics import Source
from archcalc.network.load import build_graph
from archcalc.rules.memory import inference_bytes, training_bytes
from archcalc.rules.model import Model
from tests.rules.linting import findings


def model(layers: str, input: str) -> Model:
    return Model(build_graph(Source("t.yaml", f"model: m\ninput: [{input}]\nlayers: [{layers}]\n")))


@pytest.mark.parametrize(
    ("layers", "input", "weights", "tensors"),
    [
        ("linear 20 bias=false", "10", 200, 30),
        ("linear 20 bias=false, relu, linear 5 bias=false", "10", 300, 30),
        ("conv 4 kernel=1 bias=false, relu", "2, 3, 3", 8, 54),
        ("conv 4 kernel=1 bias=false, flatten", "2, 3, 3", 8, 54),
        ("batchnorm", "2, 3, 3", 4 + 5, 36),  # running mean and variance, and the counter
        ("{add: [prev, prev]}", "7", 0, 14),  # one tensor, read twice
    ],
)
def test_a_forward_pass_holds_its_weights_and_one_layers_tensors(layers, input, weights, tensors):
    assert inference_bytes(model(layers, input)) == (4 * weights, 4 * tensors)


def test_training_keeps_four_numbers_a_parameter_and_every_output():
    assert training_bytes(model("linear 20 bias=false, relu, linear 5 bias=false", "10")) == (16 * 300, 4 * 45)


@pytest.mark.parametrize(("bound", "codes"), [(3, ["BUD908"]), (4, []), (8, []), (9, ["BUD906"])])
def test_depth(bound, codes):
    text = f"model: m\ninput: [8]\nlayers: [{{repeat: 3, layers: [linear 8, relu]}}, linear 2]\nbudget: {{depth: {bound}}}\n"
    assert [finding.code for finding in findings(text)] == codes
