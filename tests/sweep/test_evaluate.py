"""A point of a sweep is what the other commands say of the same network."""

from __future__ import annotations

import random

import pytest

from archcalc.cost import Costs
from archcalc.diagnostics import RequestError, SpecError
from archcalc.memory.allocator import needed
from archcalc.memory.footprint import footprint
from archcalc.memory.how import how
from archcalc.network.load import load_graph
from archcalc.network.paths import depth
from archcalc.prediction.generation import decode
from archcalc.prediction.predict import predict
from archcalc.running import Running
from archcalc.sweep.axis import Axis, parse_axis
from archcalc.sweep.evaluate import check_names, evaluate, outcome
from archcalc.sweep.grid import Point, grid
from archcalc.sweep.measures import MEASURES, measures
from archcalc.sweep.results import Results, sides
from tests.conftest import ROOT

GPT = str(ROOT / "specs" / "gpt2.yaml")
VIT = str(ROOT / "specs" / "vit.yaml")
CPU = Running()


def test_every_measure_is_that_of_the_other_commands():
    said = Running(precision="bf16", optimizer="sgd", device="h100")
    points = list(grid([VIT + "@s16"], [Axis("depth", ("2", "3"))], [1, 4]))
    names = [name for name, measure in MEASURES.items() if measure.mode != "generate"]
    for one in evaluate(points, measures(names, True), said):
        graph = load_graph(one.point.spec, dict(one.point.settings), one.point.batch)
        totals = Costs(graph, dtype="bf16").totals
        assert one.values == {
            "params": totals.params,
            "trainable": totals.trainable,
            "macs": totals.macs,
            "flops": totals.flops,
            "other_flops": totals.other_flops,
            "activations": totals.activation_bytes,
            "depth": depth(graph),
            "memory": needed(footprint(graph, how(graph, said, "train"))),
            "inference_memory": needed(footprint(graph, how(graph, said, "inference"))),
            "time": predict(graph, how(graph, said, "inference")).total.seconds,
            "step_time": predict(graph, how(graph, said, "train")).total.seconds,
        }


def test_measures_of_generation_are_those_of_the_other_commands():
    said = Running(precision="bf16", device="h100", length=64, new_tokens=8, cache="int8")
    names = [name for name, measure in MEASURES.items() if measure.mode == "generate"]
    (one,) = evaluate([Point(GPT, (("depth", "2"),), 4)], measures(names, True), said)
    graph = load_graph(GPT, {"depth": "2"}, 4)
    run = how(graph, said, "generate")
    decoding = decode(graph, run)
    assert one.values == {
        "generation_memory": needed(footprint(graph, run)),
        "generation_time": decoding.total.seconds,
        "token_time": decoding.step.seconds,
    }


def test_none_is_nothing_whatever_the_spec_says(tmp_path):
    text = "{model: m, RUN input: [8], layers: [linear 16 name=a, relu, linear 4 name=b], loss: crossentropy}"
    (said, plain) = (tmp_path / "said.yaml", tmp_path / "plain.yaml")
    said.write_text(text.replace("RUN", "run: {freeze: a, optimizer: sgd},"))
    plain.write_text(text.replace("RUN", ""))
    wanted = measures(["memory", "trainable"], False)
    runs = [("freeze", "none"), ("freeze", "b"), ("freeze", "a+b")]
    swept = list(evaluate([Point(str(said), (), 1, (run,)) for run in runs], wanted, CPU))
    asked = [Point(str(plain), (), 1, (run, ("optimizer", "sgd"))) for run in runs]
    assert [one.values for one in swept] == [one.values for one in evaluate(asked, wanted, CPU)]
    assert [one.values.get("trainable") for one in swept] == [16 * 8 + 16 + 4 * 16 + 4, 16 * 8 + 16, None]


def test_how_it_was_run_comes_with_the_values():
    (one,) = evaluate([Point(VIT, (), 2, (("device", "h100"),))], measures(["memory", "time"], True), CPU)
    assert one.how["train"][0] == "train, batch 2, autocast bf16, adamw, flash attention, on h100"
    assert one.how["inference"][0] == "inference, batch 2, bf16, flash attention, on h100"
    (none,) = evaluate(
        [Point(VIT, (), 1, (("device", "v100"), ("precision", "bf16")))], measures(["memory"], True), CPU
    )
    assert "has no bf16" in none.reason


def test_what_is_not_possible_has_its_reason_and_place():
    axes = [parse_axis("width=380..388:4"), parse_axis("heads=6,9,0")]
    found = list(evaluate(list(grid([VIT], axes, [1])), measures(["params"], False), CPU))
    valid = [one.is_valid for one in found]
    assert valid == [False, False, False, True, False, False, False, False, False]
    assert "6 heads" in found[0].reason or "380" in found[0].reason
    assert found[0].place.startswith(VIT + ":")
    assert not found[0].values
    assert found[2].reason


@pytest.mark.parametrize("name", ["wdith", "speed"])
def test_names_are_looked_up_before_the_work(name):
    with pytest.raises(RequestError, match="no hparam or dim"):
        check_names([Point(VIT, ((name, "1"),))])


def test_specs_are_read_before_the_work(tmp_path):
    broken = tmp_path / "broken.yaml"
    broken.write_text("model: m\ninput: [3]\nlayers: [linaer 3]\n")
    with pytest.raises(SpecError, match="linaer"):
        check_names([Point(str(broken), ())])
    with pytest.raises(RequestError, match="missing"):
        check_names([Point(str(tmp_path / "missing.yaml"), ())])
    with pytest.raises(RequestError, match="no variant"):
        check_names([Point(VIT + "@huge", ())])


def test_a_file_of_points_may_name_what_is_not_there():
    points = [Point(VIT + "@huge", ()), Point("missing.yaml", ()), Point(VIT, (("a", "1"),)), Point(VIT + "@ti16", ())]
    found = list(evaluate(points, measures(["params"], False), CPU))
    assert [one.is_valid for one in found] == [False, False, False, True]
    assert all(one.reason for one in found[:3])


def test_processes_give_the_same():
    points = list(grid([VIT], [parse_axis("width=180..240:4"), parse_axis("depth=1..4")], [1]))
    wanted = measures(["params", "macs", "memory"], False)
    assert list(evaluate(points, wanted, CPU, 1)) == list(evaluate(points, wanted, CPU, 3))


RUNS: tuple[tuple[tuple[str, str], ...], ...] = (
    (), (("device", "h100"),), (("device", "a100"),), (("device", "v100"),), (("precision", "bf16"),), (("optimizer", "sgd"),),
    (("freeze", "*.norm*"),), (("lora", "4"), ("device", "a100")), (("checkpoint", "block"),), (("threads", "1"),), (("mode", "train"),),
)  # fmt: skip
NORMED = "model: n\nhparams: {c: 8}\ninput: [c]\nlayers: [linear c, batchnorm, relu, linear c]\n"


@pytest.mark.parametrize("spec", ["vit.yaml@ti16", "resnet18.yaml", "gpt2.yaml", "mixtral.yaml", "normed.yaml"])
def test_points_that_share_a_network_are_what_each_is_by_itself(spec, tmp_path):
    """Batches, devices and types in any order, on what is kept from one to the next."""
    draw = random.Random(spec)
    (tmp_path / "normed.yaml").write_text(NORMED)  # which refuses a batch of one
    path = str((tmp_path if spec.startswith("normed") else ROOT / "specs") / spec)
    points = [Point(path, (), draw.choice((1, 2, 3, 7)), draw.choice(RUNS)) for _ in range(12)]
    generates = spec in ("gpt2.yaml", "mixtral.yaml")
    known = [one for one in MEASURES.values() if not one.needs_device and (generates or one.mode != "generate")]
    wanted = measures([one.name for one in known], False)
    together = list(evaluate(points, wanted, CPU, 1))
    assert together == [outcome(point, [measure.name for measure in wanted], CPU) for point in points]
    assert any(one.is_valid for one in together)


def test_measures_that_are_not_known():
    with pytest.raises(RequestError, match="did you mean `params`"):
        measures(["parms"], False)
    with pytest.raises(RequestError, match="--device"):
        measures(["time"], False)


def test_sides():
    x, y = sides("macs,params", ["width"], CPU)
    assert (x.less, y.less) == (True, False)
    x, y = sides("+macs,-width", ["width"], CPU)
    assert (x.less, y.less, y.measure) == (False, True, None)
    # a name that is set comes before the measure of that name
    assert sides("depth,macs", ["depth"], CPU)[0].measure is None
    assert sides("depth,macs", [], CPU)[0].measure is MEASURES["depth"]
    for wrong in ("macs", "macs,params,depth", "macs,", "macs,parms", "-,macs"):
        with pytest.raises(RequestError, match="--plot"):
            sides(wrong, ["width"], CPU)


def test_the_front_leaves_out_what_is_not_possible():
    points = list(grid([VIT], [parse_axis("width=192,190,384"), parse_axis("heads=3,6")], [1]))
    results = Results(
        list(evaluate(points, measures(["params", "macs"], False), CPU)), [], CPU, sides("macs,params", [], CPU)
    )
    assert results.front == [True, True, False, False, True, True]
    assert len(results.refused) == 2
