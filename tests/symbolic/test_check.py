"""A formula that lost a name on its way is never shown."""

from __future__ import annotations

import pytest

from archcalc.diagnostics import Findings, RequestError, Source
from archcalc.layers.dense import Linear
from archcalc.network.load import parsed
from archcalc.symbolic.network import closed_form

TEXT = "model: m\nhparams: {width: 8}\ndims: {seq: 4}\ninput: [seq, width]\nlayers:\n  - linear 2*width\n"


def form(names):
    return closed_form(parsed(Source("m.yaml", TEXT), Findings()), names)


def test_a_layer_that_drops_a_name_is_found(monkeypatch):
    assert form(["seq"]).formula(form(["seq"]).costs.totals.macs) == "128·seq"
    monkeypatch.setattr(Linear, "macs", lambda self, y, *inputs: int(y.elements) * inputs[0].shape[-1])
    with pytest.raises(RequestError, match="MACs of `linear` is not a formula of the chosen names"):
        form(["seq"])


def test_a_layer_that_drops_a_name_of_its_parameters_is_found(monkeypatch):
    monkeypatch.setattr(Linear, "params", lambda self, x: {"weight": (int(self.features), x.shape[-1])})
    with pytest.raises(RequestError, match="axis 0 of weight of `linear`"):
        form(["width"])


def test_a_rounded_fraction_of_a_name_is_no_formula():
    text = TEXT.replace("2*width", "ceil(6 - width/16)")
    with pytest.raises(RequestError, match=r"`linear` at m\.yaml:6:5 rounds a number with a fraction"):
        closed_form(parsed(Source("m.yaml", text), Findings()), ["width"])
