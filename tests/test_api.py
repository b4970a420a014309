"""The Python interface."""

from __future__ import annotations

import doctest
import re

import pytest

import archcalc
from archcalc import quantity
from archcalc.api import network


def test_load():
    net = archcalc.load("specs/alexnet.yaml", batch=32)
    assert net.params == 61_100_840
    assert net.macs == 32 * 714_188_480
    assert net.flops == 2 * net.macs
    assert net.inputs == {"input": (3, 224, 224)}
    assert list(net.outputs.values()) == [(1000,)]
    assert net.depth == 8
    assert sum(layer.params for layer in net) == net.totals.params
    assert len(net) == len(net.layers)


def test_layers():
    net = archcalc.load("specs/alexnet.yaml")
    first = net["conv1"]
    assert first.output == (64, 55, 55)
    assert first.parameters == {"weight": (64, 3, 11, 11), "bias": (64,)}
    assert first.formulas["parameters"] == "(11·11·3 + 1)·64"
    assert first.inputs == ((3, 224, 224),)
    assert "conv 64 11×11/4" in repr(first)
    with pytest.raises(KeyError):
        net["conv99"]


def test_settings():
    short = archcalc.load("specs/gpt2.yaml@medium", seq=16)
    assert short.params == 354_823_168
    assert short.inputs == {"input": (16,)}
    with pytest.raises(archcalc.RequestError, match="did you mean `width`"):
        archcalc.load("specs/gpt2.yaml", widht=3)
    with pytest.raises(archcalc.RequestError, match="cannot read"):
        archcalc.load("specs/none.yaml")


def test_named_parameters_count_every_copy_and_ties_once():
    net = archcalc.load("specs/gpt2.yaml", seq=8)
    shapes = dict(net.named_parameters())
    total = 0
    for shape in shapes.values():
        size = 1
        for axis in shape:
            size *= axis
        total += size
    assert total == net.params == 124_439_808
    assert "h.11.attention.in_proj_weight" in shapes


def test_errors_carry_diagnostics():
    with pytest.raises(archcalc.SpecError) as caught:
        archcalc.loads("model: m\ninput: [3]\nlayers:\n  - linear\n  - relu 3\n")
    assert [(d.place.line, d.code) for d in caught.value.diagnostics] == [(4, "SPC004"), (5, "SPC010")]


def test_it_shows_itself():
    net = archcalc.loads("{model: <m>, input: [3, 8, 8], layers: [conv 2 kernel=3 name=stem]}")
    assert "conv 2 3×3" in repr(net)
    assert "56 parameters" in repr(net)
    html = net._repr_html_()
    assert "&lt;m&gt;" in html
    assert html.count("<tr>") == html.count("</tr>") == 4
    assert "<b>stem</b>" in html
    assert "56 parameters" in html
    assert net.to_dict()["totals"]["params"] == 56


def test_blocks_fold_in_a_notebook():
    html = archcalc.load("specs/gpt2.yaml")._repr_html_()
    assert '<label><input type="checkbox" class="f0">repeat ×12 <b>h</b></label>' in html
    assert len(re.findall('<tr class="g0(?: g[0-9]+)*">', html)) == 10
    assert ".archcalc:has(.f0:not(:checked)) .g0{display:none}" in html
    assert "68.3" in html, "its share"
    assert "FLOPs = 2 × MACs" in html, "a footnote"
    assert "×" in html.partition("input")[2]


def test_blocks_inside_blocks_fold_too():
    inner = "residual: [layernorm, linear 8 name=last]"
    html = archcalc.loads(
        "model: m\ninput: [4, 8]\nblocks:\n"
        f"  c():\n    - {inner}\n  b():\n    - repeat: 2\n      layers: [c]\n  a(): [b, b]\nlayers: [a, linear 8]\n"
    )._repr_html_()
    rows = re.findall('<tr(?: class="([^"]*)")?><td.*?</tr>', html)
    assert rows[0] == rows[-1] == ""
    assert max(len(one.split()) for one in rows) >= 4
    boxes = set(re.findall('class="f([0-9]+)"', html))
    assert {box[1:] for one in rows for box in one.split()} == boxes


def test_causal():
    assert archcalc.load("specs/gpt2.yaml", causal="half").macs < archcalc.load("specs/gpt2.yaml").macs
    with pytest.raises(ValueError, match="dense"):
        archcalc.load("specs/gpt2.yaml", causal="quarter")


def test_time():
    net = archcalc.load("specs/gpt2.yaml", seq=64, batch=2)
    found = net.predict("h100", optimizer="sgd")
    assert found.total.seconds > net.predict("h100", mode="inference").total.seconds
    assert found.of(net["wte"]._node)[0].seconds > 0
    assert net.predict("h100", mode="generate", new_tokens=5).tokens_per_second > 0
    with pytest.raises(archcalc.RequestError, match="did you mean `h100`"):
        net.predict("h1000")
    with pytest.raises(archcalc.RequestError, match="mode must be inference, train or generate, not 'backward'"):
        net.predict("h100", mode="backward")


def test_formulas_of_names(monkeypatch):
    net = archcalc.load("specs/gpt2.yaml@medium", causal="half", depth=3)
    form = net.closed_form()
    assert form.names == {"batch": 1, "seq": 1024}
    assert int(form.costs.totals.macs) == net.macs
    assert int(net.closed_form("depth", dtype="bf16").costs.totals.activation_bytes) == net.totals.activation_bytes // 2
    with pytest.raises(archcalc.RequestError, match="did you mean `width`"):
        net.closed_form("widht")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(archcalc.RequestError, match="closed forms need sympy"):
        net.closed_form("depth")


def test_other_tools():
    net = archcalc.load("specs/alexnet.yaml")
    assert net.like("thop").macs == 714_206_912
    assert "it counts biases as products" in net.like("ptflops").totals.reasons()
    with pytest.raises(ValueError, match="tool must be one of torchinfo, fvcore"):
        net.like("numpy")


@pytest.mark.parametrize("module", [archcalc, network, quantity], ids=lambda module: module.__name__)
def test_examples_in_docstrings(module):
    found = doctest.testmod(module, extraglobs={"load": archcalc.load, "loads": archcalc.loads})
    assert found.attempted
    assert not found.failed
