"""One step of a recurrent layer."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from archcalc.diagnostics import Source
from archcalc.network.load import build_graph
from archcalc.pytorch.instance import instantiate
from archcalc.pytorch.verify import verify

from .oracle import FEW, Draw, compare, covers, line

MODULES = {"rnncell": nn.RNNCell, "grucell": nn.GRUCell, "lstmcell": nn.LSTMCell}


def module(op, features, hidden, **keys):
    """torch.nn's cell, that starts from its input."""

    class Named(MODULES[op]):
        def forward(self, x):
            if op != "lstmcell":
                return super().forward(x, x)
            h, c = super().forward(x, (x, x))
            return {"": h, "c": c}

    return Named(features, hidden, **keys)


@covers("rnncell", "grucell", "lstmcell")
@pytest.mark.parametrize("op", MODULES)
@settings(FEW, max_examples=20)
@given(data=st.data())
def test_cells(op, data):
    draw = Draw(data)
    hidden = draw(st.integers(1, 5))
    features = draw(st.sampled_from([hidden, hidden, hidden, hidden + 1]))
    keys = draw.some(
        bias=st.booleans(), **({"nonlinearity": st.sampled_from(["tanh", "relu", "gelu"])} if op == "rnncell" else {})
    )
    states = {"h": "input", "c": "input"} if op == "lstmcell" else {"state": "input"}
    compare(line(op, hidden, **keys, **states), (features,), lambda: module(op, features, hidden, **keys))


@pytest.mark.parametrize("read", ["r", "r.c"])
def test_backward_is_counted_whichever_output_is_read(read):
    layers = f"[linear 3 name=h, lstmcell 3 h=h c=h name=r, linear 2 from={read}]"
    assert verify(build_graph(Source("t.yaml", f"{{model: m, input: [2], layers: {layers}}}"))).differences == []


@pytest.mark.parametrize(("op", "cell"), [("rnn", "state=h"), ("gru", "state=h"), ("lstm", "h=h c=c")])
def test_a_scan_of_a_cell_is_the_layer(op, cell):
    """Equal counts and, with the same weights, equal outputs and gradients."""
    both = "state: {h: [7], c: [7]}, next: {h: r, c: r.c}" if op == "lstm" else "state: {h: [7]}"
    layers = f"[{{scan: {{x: prev}}, {both}, layers: [{op}cell 7 {cell} name=r]}}]"
    texts = [f"{{model: m, input: [6, 5], layers: {one}}}" for one in (layers, f"[{op} 7]")]
    ours, theirs = (build_graph(Source("t.yaml", text)) for text in texts)
    made, built = instantiate(ours).double(), instantiate(theirs).double()
    built.load_state_dict({f"{op}.{name.rpartition('.')[2]}_l0": one for name, one in made.state_dict().items()})
    results = []
    for one in (made, built):
        x = torch.arange(60.0).reshape(2, 6, 5).sin().double().requires_grad_()
        y = one(x)
        y.square().sum().backward()
        results.append([y, x.grad, *(p.grad for p in one.parameters())])
    assert all(torch.allclose(a, b) for a, b in zip(*results))
