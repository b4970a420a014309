"""Classes get what they read and nothing else: what comes with the copy before, or not even the tensor before."""

from __future__ import annotations

import pytest

from archcalc.diagnostics import Source
from archcalc.network.load import build_graph
from archcalc.pytorch.names import BuildError
from archcalc.pytorch.source import module_source
from tests.draw.case import Case
from tests.draw.checks import CHECKS
from tests.each import each

# The layers of a network of 5 positions with 8 features, and statements of its module.
COPIES = {
    "a layer that starts from the state before": (
        "- [lstm 8, lstm 8 state=prev repeat=3]",
        ["for layer in self.lstm2:\n            x, state = layer(x, state)"],
    ),
    "unequal copies of one": (
        "- [gru 6 name=g, rnn 6 state=prev.h repeat=2]",
        ["h = g_state.transpose(0, 1)", "x, state = self.rnn[1](x, h.transpose(0, 1).contiguous())"],
    ),
    "a list that starts from one output": (
        "- [lstm 8, {repeat: 2, layers: [linear 8 from=prev.h, lstm 8]}]",
        ["h = state[0].transpose(0, 1)", "x, state = layer(h)\n            h = state[0].transpose(0, 1)"],
    ),
    "loops in a loop that has a state of its own": (
        "- gru 8\n"
        "  - repeat: 2\n    name: stack\n    state: {s: prev}\n    next: {s: t}\n    layers:\n"
        "      - repeat: 2\n        layers: [gru 8 state=prev]\n"
        "      - gru 8 state=prev\n      - {add: [prev, s], name: t}\n      - gru 8\n"
        "  - add: [prev, stack.s]",
        ["x, state, s = layer(x, state, s)", "def forward(self, x, state, s):"],
    ),
    "copies with values, whose outputs are all read": (
        "- lstm 8\n  - repeat: {w: [8, 4]}\n    name: z\n    layers: [lstm 8 state=prev name=y, linear w, lstm 8 state=y]\n"
        "  - concat: [z.h, z.c]\n  - add: [prev, [linear 16 from=prev], [linear 16 from=prev]]",
        ["x, state = layer(x, state)"],
    ),
    "parts of a split": (
        "- split 4 axis=1\n  - repeat: 3\n    name: r\n    layers:\n"
        "      - {mul: [prev.0, prev.3], name: m}\n      - concat: [m, m]\n      - [linear 8, split 4]\n"
        "  - add: [r.0, r.2]",
        ["x = layer(x, x[0], x[3])"],
    ),
    "places beside the largest numbers": (
        "- [topk 8, {repeat: 2, layers: [embedding 8 dim=8 from=prev.indices, mean 0, topk 8]}]",
        ["x, indices = layer(indices)"],
    ),
    "an argument of a block": (
        "- [lstm 8, b 8 s=prev repeat=2 name=q]\n  - concat: [q.h, q.c]",
        ["x, state = self.lstm1(x, state)"],
    ),
    "a block that never reads what comes before it": (
        "- linear 3 name=t\n  - [relu, apart 4 t=t, apart 4 t=t repeat=3]",
        ["def forward(self, t):", "x = self.apart1(t)", "for layer in self.apart2:\n            x = layer(t)"],
    ),
    "a block of parts": ("- [split 2, joined 3]", ["x, y = x.chunk(2, dim=2)", "self.joined(x, y)"]),
}
BLOCKS = """\
blocks:
  b(w, s):
    - [lstm w state=s, lstm w state=prev]
  apart(w, t):
    - linear w from=t
  joined(w):
    - {add: [prev.0, prev.1]}
    - linear w
"""


def test_copies_that_read_different_outputs_are_told_what_to_write_instead() -> None:
    copies = "[gru 3 state=prev, gru 3, dropout 0]"
    top = "model: net\ninput: {x: {size: [1, 8], layout: features-last}}\nlayers:\n  - gru 3\n"
    with pytest.raises(BuildError, match="put them one below the other instead of a repeat"):
        module_source(build_graph(Source("net.yaml", f"{top}  - {{repeat: 2, layers: {copies}}}\n")))
    assert CHECKS["build"](Case(f"{top}  - {copies}\n  - {copies}\n")) is None


@each(COPIES)
def test_handed_on(case: str) -> None:
    layers, statements = COPIES[case]
    text = f"model: net\ninput: {{x: {{size: [5, 8], layout: features-last}}}}\n{BLOCKS}layers:\n  {layers}\n"
    source = module_source(build_graph(Source("net.yaml", text)))
    assert all(statement in source for statement in statements), source
    assert CHECKS["saved"](Case(text)) is None
    assert CHECKS["build"](Case(text)) is None
