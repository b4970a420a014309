"""`archcalc calibrate`: what is drawn, how it is measured, and a fit that finds what was planted."""

from __future__ import annotations

import itertools
import json
from random import Random

import numpy as np
import pytest
import torch

import archcalc
from archcalc.cost import Costs
from archcalc.devices import find, save
from archcalc.diagnostics import RequestError
from archcalc.layers.base import REGISTRY
from archcalc.network.load import load_graph
from archcalc.prediction.model import PHASES, Model
from archcalc.prediction.operations import operations
from archcalc.pytorch import setup
from archcalc.pytorch.calibration import calibrate as calibrating
from archcalc.pytorch.calibration import preflight, steps
from archcalc.pytorch.calibration.calibrate import Request, calibrate
from archcalc.pytorch.calibration.device_file import Measured
from archcalc.pytorch.calibration.draw import around, draw, histogram, typical
from archcalc.pytorch.calibration.fit import Point, fit
from archcalc.pytorch.calibration.measure import Measurement, Rotation, Stopwatch, measure
from archcalc.pytorch.calibration.nnls import nonnegative
from archcalc.pytorch.calibration.sample import NAMES, Sample, sample_of
from archcalc.reports.calibration import as_json
from archcalc.reports.calibration.report import Report
from archcalc.reports.profile.report import Times
from tests.cases import shared
from tests.conftest import SPECS

HAS_CUDA = torch.cuda.is_available()
DEVICES = ["cpu", pytest.param("cuda", marks=[pytest.mark.cuda, pytest.mark.skipif(not HAS_CUDA, reason="no CUDA")])]


# -- what is drawn --------------------------------------------------------------------------


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_a_layer_alone_costs_what_it_costs_in_its_network(path):
    graph = shared(path.stem)
    for node in Costs(graph).layers():
        sample = sample_of(node, 1)
        if sample is None:
            many = len(node.inputs) > len(NAMES)
            assert (
                node.op in ("moe", "parameter", "constant", "maxunpool")
                or node.op not in REGISTRY
                or many
                or not node.layer.shown
            )
            continue
        if sample.op == "rearrange" and "=" in node.label:
            continue  # the sizes of a pattern are not keys of the layer
        alone = list(Costs(sample.graph()).layers())[-1]
        assert (alone.macs, alone.other_flops) == (node.macs, node.other_flops)
        assert alone.exit.shape == node.exit.shape
        if node.params and node.op != "residual" and not node.tied:
            assert alone.params == node.params


def test_typical_layers_are_layers_and_have_others_around_them():
    rng = Random(1)
    for sample in typical():
        sample.graph()
        drawn = [one for one in (around(sample, rng) for _ in range(5)) if one is not None]
        assert drawn, sample
        assert {one.op for one in drawn} == {sample.op}


def test_half_are_the_specs_own():
    graph = load_graph("specs/resnet18.yaml")
    own = histogram([graph])
    drawn = list(itertools.islice(draw([graph], Random(0), 1e12, 1e12), 40))
    assert len(set(drawn)) == 40
    assert sum(sample in own for sample in drawn) == 20
    assert sum(sample.op in {one.op for one in own} for sample in drawn) >= 30


def test_the_same_seed_draws_the_same():
    first, again, other = (list(itertools.islice(draw([], Random(seed), 1e9, 1e8), 30)) for seed in (1, 1, 2))
    assert first == again != other


def test_what_is_avoided_or_too_large_is_not_drawn():
    graph = load_graph("specs/lenet.yaml")
    own = set(histogram([graph]))
    drawn = list(itertools.islice(draw([graph], Random(0), 1e9, 1e8, avoid=own), 60))
    assert not own & set(drawn)
    for sample in itertools.islice(draw([], Random(0), 1e6, 1e5), 30):
        totals = Costs(sample.graph()).totals
        assert totals.flops <= 1e6
        assert 4 * totals.params <= 1e5


def test_drawing_ends_where_nothing_is_small_enough():
    assert list(draw([], Random(0), 0, 0)) == []


# -- how it is measured ---------------------------------------------------------------------


@pytest.mark.parametrize("device", DEVICES)
def test_a_layer_is_measured_in_every_phase(device):
    sample = Sample("linear", (("features", "32"),), ((8, 16),))
    place = torch.device(device)
    measured = measure(sample, place, "fp32", 1 << 16, 0.05, Stopwatch(place, 1))
    assert set(measured.seconds) == set(PHASES)
    assert all(0 < seconds < 1 for seconds in measured.seconds.values())


def test_what_has_no_gradient_has_no_backward_pass():
    watch = Stopwatch(torch.device("cpu"), 1)
    measured = measure(Sample("select", (("index", "0"),), ((5, 4),)), watch.device, "fp32", 0, 0.02, watch)
    assert set(measured.seconds) == set(PHASES)
    ids = Sample("embedding", (("vocab", "9"), ("dim", "4")), ((5,),))
    assert "backward" in measure(ids, watch.device, "fp32", 0, 0.02, watch).seconds
    flat = Rotation(ids.graph(), torch.device("cpu"), "fp32", 0)
    flat.modules[0].requires_grad_(False)
    assert set(flat.training(watch)) == {"training forward"}


@pytest.mark.parametrize(("channels", "needed"), [(3, False), (8, True)])
def test_an_image_needs_no_gradient(channels, needed):
    sample = Sample("conv", (("channels", "4"), ("kernel", "3")), ((channels, 9, 9),))
    rotation = Rotation(sample.graph(), torch.device("cpu"), "fp32", 0)
    seen = []
    rotation.modules[0].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].requires_grad))
    rotation.training(Stopwatch(torch.device("cpu"), 1))
    assert seen == [needed]


def test_weights_go_round_and_inputs_are_written_anew():
    graph = Sample("linear", (("features", "64"),), ((64,),)).graph()
    rotation = Rotation(graph, torch.device("cpu"), "fp32", 100_000)
    assert len(rotation.modules) == 1 + 2 * 100_000 // (4 * (64 * 64 + 64))
    seen = []
    for module in rotation.modules:
        module.register_forward_hook(lambda module, inputs, output: seen.append(module))
    watch = Stopwatch(torch.device("cpu"), 1)
    for _ in range(len(rotation.modules)):
        rotation.inputs[0].zero_()
        rotation.inference(watch)
        assert torch.equal(rotation.inputs[0], rotation.fresh[0])
    assert seen == rotation.modules
    rotation.cached(watch)
    rotation.cached(watch)
    assert seen[-1] is seen[-2]


def test_outputs_are_kept_for_as_long_as_a_cache_holds():
    rotation = Rotation(Sample("relu", (), ((1000,),)).graph(), torch.device("cpu"), "fp32", 10_000)
    watch = Stopwatch(torch.device("cpu"), 1)
    places = []
    for _ in range(5):
        rotation.inference(watch)
        places.append(rotation._kept[-1][0][0].data_ptr())
    assert len(rotation._kept) == 2
    assert len(set(places[:2])) == 2


# -- the fit --------------------------------------------------------------------------------


def planted(rng: Random, count: int, noise: float = 0.0) -> tuple[dict[str, list[float]], list[Point]]:
    """Points whose times follow coefficients, of two kinds apart and of both in one layer."""
    truth = {"conv": [5e-6, 1e-11, 0.0, 2e-10], "relu": [2e-6, 0.0, 3e-11, 0.0]}
    points = []
    for index in range(count):
        kinds = (["conv"], ["relu"], ["conv", "relu"])[index % 3]
        terms = tuple((kind, (1.0, 10 ** rng.uniform(5, 9), 10 ** rng.uniform(3, 7), 10 ** rng.uniform(3, 7))) for kind in kinds)  # fmt: skip
        exact = sum(float(np.dot(truth[kind], features)) for kind, features in terms)
        points.append(Point(kinds[0], terms, exact * (1 + noise * rng.uniform(-1, 1))))
    return truth, points


def test_the_fit_finds_what_was_planted():
    truth, points = planted(Random(3), 60)
    found = fit(points, lambda kind: "all")
    for kind, coefficients in truth.items():
        for value, other in zip(coefficients, found.coefficients[kind]):
            assert other == pytest.approx(value, rel=0.05, abs=0.02 * max(coefficients[1:]))
    assert found.points == {"conv": 40, "relu": 40}
    assert found.error < 0.01


def test_held_out_errors_show_noise_and_are_of_the_point_left_out():
    _, points = planted(Random(3), 60, noise=0.2)
    found = fit(points, lambda kind: "all")
    assert 0.05 < found.error < 0.2
    last = fit(points[:-1], lambda kind: "all", hold_out=False)
    predicted = sum(float(np.dot(last.coefficients[kind], features)) for kind, features in points[-1].terms)
    # The pooled fit still knows the point that is left out, by so little that it does not matter.
    assert found.errors[-1] == pytest.approx(predicted / points[-1].seconds - 1, abs=0.01)


def test_a_kind_of_one_point_leans_on_its_neighbours():
    _, points = planted(Random(3), 60)
    lonely = Point("tanh", (("tanh", (1.0, 1e6, 1e5, 1e5)),), 1e-5)
    found = fit([*points, lonely], lambda kind: "light" if kind in ("relu", "tanh") else "heavy")
    assert set(found.pools) == {"light", "heavy"}
    assert float(np.dot(found.coefficients["tanh"], lonely.terms[0][1])) == pytest.approx(1e-5, rel=0.05)
    assert all(value >= 0 for kind in found.coefficients.values() for value in kind)


def test_no_points_no_fit():
    assert fit([], lambda kind: "all").coefficients == {}
    assert fit([Point("conv", (("conv", (1.0,)),), 0.0)], lambda kind: "all").points == {}


def test_nonnegative_is_least_squares_where_that_is_not_negative():
    rng = np.random.default_rng(0)
    for _ in range(50):
        a = rng.normal(size=(12, 5))
        b = rng.normal(size=12)
        gram, target = a.T @ a, a.T @ b
        x = nonnegative(gram, target)
        gradient = gram @ x - target
        assert (x >= 0).all()
        assert gradient[x > 0] == pytest.approx(0, abs=1e-8)
        assert (gradient[x == 0] >= -1e-8).all()


# -- all of it ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny():
    """A calibration of hardly more layers than a fit needs, a twentieth of a second for each at most."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibrating, "ENOUGH", 600)
        patch.setattr(steps, "_SHAPES", ((1, 1_000), (16, 1_000), (64, 4_000), (8, 250_000)))
        return calibrate(Request(seconds=30.0, most=40, seed=5))


@pytest.fixture
def quick(monkeypatch):
    """The machine's rates and the steps of optimizers are known: only layers are measured."""
    monkeypatch.setattr(calibrating.machine, "peak_flops", lambda *given: 1e10)
    monkeypatch.setattr(calibrating.machine, "bandwidth", lambda *given: 1e10)
    monkeypatch.setattr(calibrating, "step_coefficients", lambda *given: {})
    monkeypatch.setattr(calibrating, "ENOUGH", 600)


def test_a_calibration_is_a_device_that_predicts(tiny, tmp_path):
    path = str(tmp_path / "cpu.json")
    save(tiny.device, path)
    device = find(path)
    assert device == tiny.device
    assert (device.kind, device.source, device.processors) == ("cpu", "archcalc calibrate", 1)
    assert (device.calibration["torch"], device.calibration["archcalc"]) == (torch.__version__, archcalc.__version__)
    assert (device.calibration["threads"], device.calibration["dtype"]) == (1, "fp32")
    assert set(device.calibration["error"]) == set(PHASES)
    assert device.peaks["fp32"] > 1e8 < device.bandwidth
    document = json.loads(as_json.render(Report(tiny.device, path, tiny.seconds, tiny.interrupted)))
    assert (document["version"], document["path"], document["layers"]) == (1, path, len(tiny.measured))
    assert document["error"] == device.calibration["error"]
    model = Model(device)
    for spec in ("lenet", "gru", "multi-head-attention"):
        found = operations(load_graph(f"specs/{spec}.yaml"))
        assert all(sum(model.seconds(one, phase) for one in found) > 0 for phase in PHASES)


def test_steps_of_optimizers_are_measured(tiny):
    model = Model(tiny.device)
    assert set(tiny.device.calibration["steps"]) == {"sgd", "momentum", "adam", "adamw"}
    for name in tiny.device.calibration["steps"]:
        one, many, large = (model.step_seconds(name, *size) for size in ((1, 4000), (50, 4000), (1, 40_000_000)))
        assert 0 < one < many < 1
        assert one < large < 1
    assert model.step_seconds("adam", 10, 10**7) > model.step_seconds("sgd", 10, 10**7)


def test_measured_layers_are_kept_with_the_device(tiny):
    packed = tiny.device.calibration["measured"]
    assert [Measured.unpacked(one) for one in packed] == [Measured.unpacked(one.packed()) for one in tiny.measured]
    assert Measured.unpacked(json.loads(json.dumps(packed[0]))).packed() == packed[0]


def test_too_few_layers_are_no_calibration(quick):
    with pytest.raises(RequestError, match="--layers 39 is too few: a fit needs 40"):
        calibrate(Request(seconds=60.0, most=39))
    with pytest.raises(RequestError, match=r"^\d+ layers? w\w+ measured, and a fit needs 40: raise --time$"):
        calibrate(Request(seconds=0.05))


def test_what_the_time_is_too_short_for_is_not_begun(monkeypatch):
    monkeypatch.setattr(calibrating.machine, "peak_flops", lambda *given: 1e10)
    monkeypatch.setattr(calibrating.machine, "bandwidth", lambda *given: 1e10)
    monkeypatch.setattr(calibrating, "step_coefficients", lambda *given: pytest.fail("optimizers are measured"))
    with pytest.raises(RequestError, match=r"0 layers were measured, and a fit needs 40: raise --time$"):
        calibrate(Request(seconds=1e-9))


@pytest.mark.parametrize("after", [10, 50])
def test_an_interrupt_keeps_what_is_enough(after, quick, monkeypatch):
    count = itertools.count(1)

    def interrupted(sample, device, *rest):
        if next(count) > after:
            raise KeyboardInterrupt
        graph = sample.graph()
        work = sum(one.flops + one.in_bytes for one in operations(graph))
        return Measurement(graph, {phase: Times([1e-6 + 1e-9 * work]) for phase in PHASES})

    monkeypatch.setattr(calibrating, "measure", interrupted)
    if after < 40:
        with pytest.raises(RequestError, match="interrupted too early"):
            calibrate(Request())
    else:
        made = calibrate(Request())
        assert made.interrupted
        assert len(made.measured) == after


def test_layers_without_a_kernel_are_passed_over(quick, monkeypatch):
    real = calibrating.measure
    refused = []

    def measure_some(sample, *rest):
        if sample.op == "conv":
            refused.append(sample)
            raise RuntimeError("\"slow_conv2d_cpu\" not implemented for 'Half'")
        return real(sample, *rest)

    monkeypatch.setattr(calibrating, "measure", measure_some)
    made = calibrate(Request(seconds=30.0, most=40))
    assert refused
    assert not any("convolution" in one.label.split() and "transposed" not in one.label for one in made.measured)


@pytest.mark.cuda
@pytest.mark.skipif(not HAS_CUDA, reason="no CUDA")
def test_a_gpu_is_calibrated():
    device = calibrate(Request(device="cuda", name="cuda", seconds=20.0, most=60)).device
    assert device.kind == "gpu"
    assert device.processors > 1
    assert device.calibration["clock"] == "CUDA events"
    assert all(Model(device).seconds(one) > 0 for one in operations(load_graph("specs/lenet.yaml")))


# -- before it starts -----------------------------------------------------------------------


def test_too_many_threads_are_said(monkeypatch):
    monkeypatch.setattr(preflight, "quota", lambda: 1.5)
    monkeypatch.setattr("os.getloadavg", lambda: (0.0, 0.0, 0.0))
    assert preflight.processors() == 1
    [warning] = preflight.warnings(64, "fp32")
    assert "--threads 1" in warning
    assert preflight.warnings(64, "fp32", "cuda") == []


def test_a_busy_machine_is_said(monkeypatch):
    monkeypatch.setattr(preflight, "processors", lambda: 8)
    monkeypatch.setattr("os.getloadavg", lambda: (1000.0, 0.0, 0.0))
    [warning] = preflight.warnings(1, "fp32")
    assert "load 1000.0" in warning
    assert len(preflight.warnings(1, "fp16")) == 2


def test_more_threads_than_can_be_started_are_refused(monkeypatch):
    """The library that starts them would end the program, without a word that says why."""
    with pytest.raises(RequestError, match=r"--threads 1000000: this machine has \d+ processors; use \d+ at most"):
        calibrate(Request(threads=10**6))
    monkeypatch.setattr(setup, "mappable_bytes", lambda: 2**30)
    with pytest.raises(RequestError, match="--threads 64: the limit of this process's memory leaves room for 14"):
        calibrate(Request(threads=64))


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")])
def test_too_little_memory_is_told(quick, monkeypatch, error):
    def copied(*given):
        raise error

    monkeypatch.setattr(calibrating.machine, "bandwidth", copied)
    with pytest.raises(RequestError, match="not enough memory to calibrate"):
        calibrate(Request())
