"""`frozen`: parameters that are not trained, what follows from it, and what is said."""

from __future__ import annotations

import pytest

from archcalc.api import load, loads
from archcalc.cost import Costs
from archcalc.devices import find
from archcalc.diagnostics import RequestError
from archcalc.difference.compare import difference
from archcalc.difference.side import Side
from archcalc.expectations import unmet
from archcalc.memory.footprint import footprint
from archcalc.memory.simulation import simulate
from archcalc.network.freezing import freeze, idle
from archcalc.network.graph import walk
from archcalc.network.load import Graph
from archcalc.prediction.predict import predict
from archcalc.reports.difference.headline import headline
from archcalc.reports.difference.rows import rows
from tests.each import each
from tests.runs import run_of

from .writing import graph, params

LORA = """
blocks:
  lora(features, rank=8):
    - add:
      - [linear features bias=false]
      - [linear rank bias=false frozen=false, linear features bias=false frozen=false, scale 2]
"""


def trained(net: Graph) -> list[str]:
    return [node.id for node, _, _ in walk(net.nodes) if node.params and not node.frozen]


def test_the_nearest_one_counts() -> None:
    net = graph(
        "embedding 50 dim=16 frozen=true",
        "{repeat: 3, frozen: true, layers: [rmsnorm, lora 16]}",
        top=LORA,
        input="[7]",
    )
    assert trained(net) == ["repeat.0.lora.linear2", "repeat.0.lora.linear3"]
    totals = Costs(net).totals
    assert (totals.params, totals.trainable, totals.frozen) == (50 * 16 + 3 * (16 + 256 + 256), 3 * 256, 800 + 3 * 272)


def test_the_pages_first_example() -> None:
    net = graph(
        "{add: [[linear 4096 bias=false frozen=true], [linear 8 bias=false, linear 4096 bias=false]]}", input="[4096]"
    )
    assert (Costs(net).totals.params, Costs(net).totals.trainable) == (16_842_752, 65_536)


def test_it_may_be_an_argument_and_the_value_of_a_loop() -> None:
    top = "blocks:\n  b(fixed): [linear 4 frozen=fixed]\n"
    assert trained(graph("b true", "b false", top=top, input="[4]")) == ["b2.linear"]
    stages = graph("{repeat: {fixed: [true, true, false]}, frozen: fixed, layers: [linear 4], name: s}", input="[4]")
    assert trained(stages) == ["s.2.linear"]


def test_it_changes_no_shape_and_no_count() -> None:
    assert params("conv 4 kernel=3 frozen=true", "batchnorm") == params("conv 4 kernel=3", "batchnorm")


def test_tied_layers_are_frozen_together() -> None:
    net = graph("embedding 9 dim=4 name=e frozen=true", "linear 9 bias=false tie=e frozen=true", input="[3]")
    assert trained(net) == []


# -- from outside ---------------------------------------------------------------------------


def test_patterns_name_layers_groups_and_ties() -> None:
    net = graph(
        "embedding 9 dim=4 name=e", "{repeat: 3, layers: [linear 4], name: r}", "linear 9 bias=false tie=e", input="[3]"
    )
    freeze(net, ["linear"])
    assert [node.id for node, _, _ in walk(net.nodes) if node.frozen] == ["e", "linear"]
    freeze(net, ["r.*.linear"])
    assert trained(net) == []


@each(
    [
        ("r.0.linear", "names some of several equal copies, r.0.linear: write r.*.linear for all of them"),
        ("relu", "there are no parameters in relu"),
        ("liner", "no layer or group is named `liner`: did you mean `linear`?"),
    ]
)
def test_patterns_that_mean_nothing(pattern: str, said: str) -> None:
    net = graph("{repeat: 3, layers: [linear 4], name: r}", "relu", "linear 2", input="[4]")
    with pytest.raises(RequestError, match=said.replace("*", r"\*").replace("?", r"\?")):
        freeze(net, [pattern])


def test_python() -> None:
    net = load("specs/resnet18.yaml", freeze=["layer*"])
    assert net.params == load("specs/resnet18.yaml").params == 11_689_512
    assert net.trainable_params == 11_689_512 - 11_166_976
    assert net.at(batch=2).trainable_params == net.trainable_params
    assert net["conv1"].trainable_params == net["conv1"].params


# -- memory and time ------------------------------------------------------------------------


def test_gradients_and_states_are_of_what_is_trained() -> None:
    run = simulate(graph("linear 16 frozen=true", "linear 16", input="[16]"), run_of("train"))
    assert (run.parameters, run.gradients, run.optimizer) == (4 * 544, 4 * 272, 4 * (2 * 272 + 2))
    mixed = simulate(graph("linear 16 frozen=true", "linear 16", input="[16]"), run_of("train", precision="mixed-bf16"))
    assert (mixed.gradients, mixed.optimizer) == (2 * 272, 4 * 3 * 272 + 4 * 2)


def test_before_the_first_trained_parameter_nothing_is_kept() -> None:
    run = simulate(graph("linear 16 frozen=true", "relu", "linear 16", "relu", input="[16]"), run_of("train"))
    assert len(run.layers) == 2


def test_a_frozen_layer_takes_less_time_backward_and_in_the_step() -> None:
    device = find("h100")
    texts = [("linear 512", f"linear 512{frozen}", "linear 512") for frozen in ("", " frozen=true")]
    whole, less = (
        predict(graph(*text, input="[512]"), run_of("train", chip=device, execution="compiled")) for text in texts
    )
    assert less.backward.seconds < whole.backward.seconds
    assert less.step.seconds < whole.step.seconds
    assert less.forward.seconds == whole.forward.seconds


def test_nothing_trained_is_no_training_step() -> None:
    net = graph("linear 4 frozen=true", input="[4]")
    said = "all 20 parameters are frozen: there is no training step: leave a layer trained, or ask for --mode "
    with pytest.raises(RequestError, match=f"{said}inference"):
        footprint(net, run_of("train"))
    with pytest.raises(RequestError, match=f"{said}inference"):
        predict(net, run_of("train", device="h100"))


# -- what is said ---------------------------------------------------------------------------


def test_nothing_to_freeze() -> None:
    net = graph(
        "linear 4", "relu frozen=true", "dropout frozen=false", "{residual: [linear 4], frozen: true}", input="[4]"
    )
    assert [(one.message, one.place.text, one.code) for one in idle(net)] == [
        ("nothing to freeze: `relu` has no parameters", "true", "GRF706"),
        ("nothing to train: `dropout` has no parameters", "false", "GRF706"),
    ]


def test_a_block_with_parameters_in_one_call_has_something_to_freeze() -> None:
    top = "blocks:\n  b(n): [{repeat: n, layers: [linear 4], frozen: true}]\n"
    assert idle(graph("b 0", "b 1", top=top, input="[4]")) == []


def test_difference() -> None:
    before, after = (
        Side.of(Costs(graph("linear 16 name=a" + frozen, "linear 4", input="[16]"))) for frozen in ("", " frozen=true")
    )
    found = difference(before, after)
    assert headline(found, peaks=()) == (
        "parameters unchanged · trainable parameters −272 (−80.0 %) · MACs unchanged · activations unchanged"
    )
    (row,) = rows(found)
    assert (row.what, row.details) == ("a (linear)  frozen false → true", ["−272 trainable parameters"])


def test_json_and_expectations() -> None:
    text = (
        "{model: m, input: [4], layers: [linear 4 frozen=true, linear 2], expect: {params: 30, trainable: 11}, "
        "budget: {trainable: 5}}"
    )
    net = loads(text)
    layers = net.to_dict()["layers"]
    assert [(one["params"], one["trainable_params"], one["frozen_params"]) for one in layers] == [
        (20, 0, 20),
        (10, 10, 0),
    ]
    assert [one.message for one in unmet(Costs(net.graph))] == ["`trainable` is 10, the spec expects 11"]
