"""The largest value within limits, compared with trying all of them."""

from __future__ import annotations

import pytest

from archcalc.cost import Costs
from archcalc.diagnostics import RequestError, SpecError
from archcalc.language.amounts import parse_amount
from archcalc.network.load import graph_at, load_graph
from archcalc.reports.fit.words import reason
from archcalc.running import Running
from archcalc.sweep import evaluate
from archcalc.sweep.evaluate import outcome
from archcalc.sweep.fit import fit
from archcalc.sweep.grid import Point
from archcalc.sweep.measures import MEASURES
from tests.conftest import ROOT

CPU = Running()


def spec(name: str) -> Point:
    return Point(str(ROOT / "specs" / name), ())


def limits(**given: str):
    return {MEASURES[name]: parse_amount(amount) for name, amount in given.items()}


def brute(point: Point, name: str, given, values) -> int | None:
    """The largest of these values whose network is within the limits."""
    best = None
    for value in values:
        one = outcome(Point(point.spec, ((name, str(value)),), point.batch), [one.name for one in given], CPU)
        if one.is_valid and all(one.values[measure.name] <= limit for measure, limit in given.items()):
            best = value
    return best


@pytest.mark.parametrize(
    ("name", "vary", "given", "values"),
    [
        ("vit.yaml", "width", {"params": "25M", "macs": "4G"}, range(1, 600)),
        ("vit.yaml", "depth", {"params": "50M"}, range(1, 30)),
        ("vit.yaml", "width", {"params": "1G", "memory": "1G"}, range(12, 1200, 12)),
        ("gpt2.yaml", "width", {"macs": "50G"}, range(12, 1000, 12)),
        ("lstm.yaml", "hidden", {"params": "100k"}, range(1, 400)),
        ("mobilenetv2.yaml", "head", {"params": "3M"}, range(850, 1000)),
    ],
)
def test_equals_trying_all(name, vary, given, values):
    found = fit(spec(name), vary, limits(**given), CPU)
    assert int(found.value_of(found.best)) == brute(spec(name), vary, limits(**given), values)
    assert found.binding
    assert all(found.best.values[measure] <= limit for measure, limit in found.limits.items())


def test_which_limit_binds():
    found = fit(spec("vit.yaml"), "width", limits(params="25M", macs="4G", memory="8GiB"), CPU)
    assert (found.value_of(found.best), found.value_of(found.beyond), found.binding) == ("348", "360", ["macs"])
    tight = fit(spec("vit.yaml"), "width", limits(params="19M", macs="4G"), CPU)
    assert tight.binding == ["params", "macs"]


def test_a_limit_is_reached_exactly():
    params = Costs(load_graph(spec("vit.yaml").spec)).totals.params
    assert fit(spec("vit.yaml"), "depth", {MEASURES["params"]: params}, CPU).best.values["params"] == params
    below = fit(spec("vit.yaml"), "depth", {MEASURES["params"]: params - 1}, CPU)
    assert below.value_of(below.best) == "11"
    assert below.beyond.values["params"] == params


def test_the_batch_and_a_dim():
    found = fit(spec("alexnet.yaml"), "batch", limits(macs="10G"), CPU)
    assert found.value_of(found.best) == str(10**10 // 714_188_480)
    found = fit(spec("gpt2.yaml"), "seq", limits(macs="1T"), CPU)
    assert found.value_of(found.best) == "1024"
    assert not found.binding
    assert "1024 positions" in found.beyond.reason
    assert found.beyond.help == "`--set context=1025` would do"
    assert reason(found).endswith(f"{found.beyond.help}, and more for more")


def test_nothing_fits():
    found = fit(spec("vit.yaml"), "width", limits(params="1"), CPU)
    assert found.best is None
    assert found.binding == ["params"]


def test_the_first_batch_is_too_large(monkeypatch):
    """Few batches are tried, and the network is built once for all of them."""
    built = []
    monkeypatch.setattr(evaluate, "graph_at", lambda *given: built.append(given) or graph_at(*given))
    found = fit(spec("lenet.yaml"), "batch", limits(memory="1k"), CPU)
    assert (found.best, found.tried) == (None, 9)
    assert len(built) == 2  # once to see that the spec is valid


def test_what_no_value_changes_is_refused(tmp_path):
    """A few values are tried, and the answer is what each of them is refused with."""
    path = tmp_path / "m.yaml"
    path.write_text("{model: m, hparams: {w: 8}, input: [4], layers: [linear w, relu]}", "utf-8")
    with pytest.raises(RequestError, match="a fused loss needs cross entropy"):
        fit(Point(str(path), ()), "w", limits(memory="1G"), Running(loss="fused"))


def test_what_the_batch_does_not_change_is_no_limit():
    """Doubling went on to a batch that is refused, and the refusal was the answer."""
    result = fit(spec("resnet50.yaml"), "batch", limits(params="50M"), CPU)
    assert result.beyond is None
    assert result.best is not None


def test_nothing_grows():
    found = fit(spec("llama3.yaml"), "seq", limits(params="10G"), CPU)
    assert found.beyond is None
    assert found.best is not None


def test_what_falls_is_said(tmp_path):
    path = tmp_path / "stride.yaml"
    path.write_text("{model: m, hparams: {step: 2}, input: [3, 64, 64], layers: [conv 8 kernel=3 stride=step]}")
    found = fit(Point(str(path), ()), "step", limits(macs="1G"), CPU)
    assert found.falling == ("macs",)


@pytest.mark.parametrize(
    "width", ["100 - w", "w * (100 - w)", "4 * w", "max(20, 100 - w)", "(w - 50)**2 + 1", "1 + w % 10"]
)
@pytest.mark.parametrize("start", [3, 40, 60, 97])
def test_what_does_not_grow(tmp_path, width, start):
    """The answer is that of trying all values, or says that others may fit; where it is one fall it is found."""
    path = tmp_path / "m.yaml"
    path.write_text(
        f"model: m\nhparams:\n  w: {start}\n  k: {width}\ninput: [4]\nlayers: [linear k bias=false]\n", "utf-8"
    )
    point = Point(str(path), ())
    for params in (4, 100, 250, 1000, 8000):
        found = fit(point, "w", limits(params=str(params)), CPU)
        value = int(found.value_of(found.best)) if found.best else None
        if value is not None and found.beyond is None:
            continue  # all that was tried fits
        widths = {w: eval(width, {"w": w, "max": max}) for w in range(1, 2100)}
        right = max((w for w, k in widths.items() if k >= 1 and 4 * k <= params), default=None)
        assert value == right or found.falling, (params, value, right)
        if width not in ("max(20, 100 - w)", "1 + w % 10"):
            assert value == right, (params, value, right)


@pytest.mark.parametrize("order", [("64", "512", "192", "100"), ("192", "64", "100", "512")])
def test_values_that_are_given(order):
    found = fit(spec("vit.yaml@ti16"), "width", limits(params="6M"), CPU, order)
    assert (found.value_of(found.best), found.value_of(found.beyond), found.binding) == ("192", "512", [])
    assert "heads" in found.beyond.reason


def test_refusals():
    with pytest.raises(RequestError, match="did you mean `width`"):
        fit(spec("vit.yaml"), "widht", limits(params="1M"), CPU)
    with pytest.raises(RequestError, match="is not a number"):
        fit(spec("vit.yaml"), "width", limits(params="1M"), CPU, ("a",))
    with pytest.raises(RequestError, match=r"width=0.5..4:0.5"):
        fit(spec("mobilenetv2.yaml"), "width", limits(params="1M"), CPU)
    with pytest.raises(SpecError):  # there is nowhere to start from
        fit(Point(spec("vit.yaml").spec, (("heads", "5"),)), "width", limits(params="1M"), CPU)
