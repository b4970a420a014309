"""`archcalc calibrate`: what is drawn, how it is measured, and a fit that finds what was planted."""

from __future__ import annotations

import itertools
from random import Random

import numpy as np
import pytest
import torch

from archcalc.cost import Costs
from archcalc.network.load import load_graph
from archcalc.pytorch.calibration import preflight
from archcalc.pytorch.calibration.draw import around, draw, histogram, typical
from archcalc.pytorch.calibration.fit import Point, fit
from archcalc.pytorch.calibration.measure import Rotation, Stopwatch, measure
from archcalc.pytorch.calibration.nnls import nonnegative
from archcalc.pytorch.calibration.sample import Sample, sample_of
from tests.conftest import SPECS

HAS_CUDA = torch.cuda.is_available()
DEVICES = ["cpu", pytest.param("cuda", marks=[pytest.mark.cuda, pytest.mark.skipif(not HAS_CUDA, reason="no CUDA")])]
SMALL = {"most_flops": 1e7, "most_bytes": 1e6}


# -- what is drawn --------------------------------------------------------------------------


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_a_layer_alone_costs_what_it_costs_in_its_network(path):
    graph = load_graph(str(path))
    for node in Costs(graph).layers():
        sample = sample_of(node, 1)
        if sample is None:
            assert node.op == "moe"
            continue
        if sample.op == "rearrange" and "=" in node.label:
            continue  # the sizes of a pattern are not keys of the layer
        alone = list(Costs(sample.graph()).layers())[-1]
        assert (alone.macs, alone.other_flops) == (node.macs, node.other_flops)
        assert alone.exit.shape == node.exit.shape
        if node.params and node.op != "residual":
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
    assert {sample.op for sample in drawn} <= {sample.op for sample in own}


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


# -- how it is measured ---------------------------------------------------------------------


@pytest.mark.parametrize("device", DEVICES)
def test_a_layer_is_measured(device):
    sample = Sample("linear", (("features", "32"),), ((8, 16),))
    place = torch.device(device)
    measured = measure(sample, place, "fp32", 1 << 16, 0.05, Stopwatch(place, 1))
    assert 0 < measured.seconds["forward"] < 1
    assert 0 < measured.seconds["backward"] < 1
    assert measured.spread["forward"] >= 0


def test_token_ids_have_no_backward_pass_of_their_own():
    stopwatch = Stopwatch(torch.device("cpu"), 1)
    embedded = measure(Sample("embedding", (("vocab", "9"), ("dim", "4")), ((5,),)), stopwatch.device, "fp32", 0, 0.02, stopwatch)  # fmt: skip
    assert set(embedded.seconds) == {"forward", "backward"}
    selected = measure(Sample("dropout", (), ((5,),)), stopwatch.device, "fp32", 0, 0.02, stopwatch)
    assert set(selected.seconds) == {"forward", "backward"}


def test_weights_go_round_and_inputs_are_written_anew():
    graph = Sample("linear", (("features", "64"),), ((64,),)).graph()
    rotation = Rotation(graph, torch.device("cpu"), "fp32", 100_000)
    assert len(rotation.modules) == 1 + 2 * 100_000 // (4 * (64 * 64 + 64))
    rotation.inputs[0].zero_()
    seen = []
    for module in rotation.modules:
        module.register_forward_hook(lambda module, inputs, output: seen.append(module))
    for _ in range(len(rotation.modules)):
        rotation.forward(Stopwatch(torch.device("cpu"), 1))
    assert seen == rotation.modules
    assert torch.equal(rotation.inputs[0], rotation.fresh[0])


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
