"""Repeats that pass several tensors from copy to copy, and copies that share a module."""

from __future__ import annotations

import copy
from collections import Counter

import pytest
from torch import nn

from archcalc.pytorch.capture.outputs import compare
from archcalc.tracing import carried
from archcalc.tracing.graph import Node, Out
from archcalc.tracing.items import Item

from .test_calls import Of, read


def maps(count: int, width: int = 6) -> nn.ModuleList:
    return nn.ModuleList(nn.Linear(width, width) for _ in range(count))


def told(module: nn.Module) -> str:
    """The layers of a module's spec in one line; with the same weights, it gives the same outputs."""
    reading = read(module, (4, 6))
    reading.real = lambda: copy.deepcopy(module)
    compare(reading)
    assert reading.comparison.equal, reading.text
    assert not reading.is_flat
    assert not reading.comparison.declared
    assert reading.comparison.checked.startswith("outputs equal"), reading.comparison.checked
    return " ".join(reading.text.partition("layers:\n")[2].partition("expect:")[0].split())


def test_two_tensors_go_from_copy_to_copy():
    def forward(m, x):
        y = m.first(x)
        for a, b in zip(m.a, m.b):
            z = a(x).relu() + y.tanh()
            x, y = z, b(y * x + z)
        return x * y.exp()

    text = told(Of(forward, first=nn.Linear(6, 6), a=maps(4), b=maps(4)))
    assert text.count("linear") == 3, text
    assert "repeat: 4 state: {" in text, text
    assert "} next: {" in text, text


def test_what_a_copy_gives_to_others_stays_apart():
    def forward(m, x):
        y, kept = m.first(x), []
        for a, b in zip(m.a, m.b):
            z = a(x).relu() + y.tanh()
            x, y = z, b(y * x + z)
            kept.append(y)
        return x * kept[1] + kept[3]

    text = told(Of(forward, first=nn.Linear(6, 6), a=maps(4), b=maps(4)))
    assert text.count("repeat: 2 state: {") == 2, text


def test_copies_share_a_module_with_what_lies_before_them():
    def forward(m, x):
        for one in m.maps:
            x = one(x + m.shared(x).relu()).tanh()
        return x

    text = told(Of(forward, maps=maps(5), shared=nn.Linear(6, 6)))
    assert text.count("linear") == 4, text
    assert text.count("tie=") == 1, text
    assert "repeat: 4" in text, text


def test_a_tensor_that_starts_two_states_is_written_out():
    def forward(m, x):
        y = x
        for a, b in zip(m.a, m.b):
            x, y = a(x * y).relu() + y.tanh(), b(y - x).sigmoid() * x.exp()
        return x + y

    text = told(Of(forward, a=maps(4), b=maps(4)))
    assert "repeat: 3 state: {" in text, text


def steps_of(count: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many columns of names are compared to see that the steps of an unrolled loop read a part each, and carry nothing."""
    whole = Node("input", (), None, [], {})
    items = []
    for index in range(2 * count):
        node = Node("abs" if index % 2 else "neg", (), None, [], {})
        items.append(Item(Out(node), node))
        items[-1].source = Out(whole, str(index))
    seen = 0
    plain = carried._states

    def counted(places, slots):
        nonlocal seen
        seen += sum(map(len, slots))
        return plain(places, slots)

    monkeypatch.setattr(carried, "_states", counted)
    assert not [*carried.carrying(items, ["neg", "abs"] * count, Counter())]
    monkeypatch.undo()
    return seen


def test_long_loops_without_states_are_not_compared_copy_by_copy(monkeypatch):
    """128 steps of ten layers took ten minutes."""
    assert steps_of(128, monkeypatch) < 3 * steps_of(64, monkeypatch)
