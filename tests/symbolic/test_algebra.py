"""The normal form of rounded divisions, and that it never changes a value."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archcalc.quantity import gcd
from archcalc.symbolic.algebra import Algebra, canonical, value
from archcalc.symbolic.writing import Writer
from archcalc.traced import Inexact, InexactError, Trace
from tests.symbolic.formulas import code, number

STEPS = st.lists(
    st.tuples(st.sampled_from("+-*/%gn"), st.integers(1, 12), st.booleans()), min_size=1, max_size=6
)  # fmt: skip
VALUES = st.integers(1, 300)


def run(start, other, steps):
    """A size from two others by a few operations."""
    for op, size, swap in steps:
        right = other if swap else size
        if op == "+":
            start = start + right
        elif op == "-":
            start = start - right
        elif op == "*":
            start = start * right
        elif op == "/":
            start = start // size
        elif op == "%":
            start = start % size
        elif op == "g":
            start = gcd(start, size)
        else:
            start = -start
    return start


@settings(derandomize=True, database=None)
@given(STEPS, VALUES, VALUES, VALUES, VALUES)
def test_expressions_follow_arithmetic_at_all_values(steps, a, b, c, d):
    trace = Trace()
    traced = run(trace.name("a", a), trace.name("b", b), steps)
    assert int(traced) == run(a, b, steps)
    expression = Algebra().of(traced)
    for values in ({"a": a, "b": b}, {"a": c, "b": d}):
        wanted = run(values["a"], values["b"], steps)
        assert value(expression, values) == wanted
        assert value(canonical(expression), values) == wanted
        assert number(Writer(["a", "b"]).write(expression), values) == wanted
        assert code(Writer(["a", "b"], python=True).write(expression), values) == wanted


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda h: (h + 2 - 3) // 2 + 1, "⌈h/2⌉"),
        (lambda h: ((h - 1) // 2 + 1 - 1) // 2 + 1, "⌈h/4⌉"),
        (lambda h: -(-h // 8), "⌈h/8⌉"),
        (lambda h: (h + 4 - 11) // 4 + 1, "⌊(h − 3)/4⌋"),
        (lambda h: (2 * h + 3) // 2, "h + 1"),
        (lambda h: 6 * h // 4, "h + ⌊h/2⌋"),
        (lambda h: (h - 2) * (h - 2) * 64, "64·(h − 2)²"),
        (lambda h: h - h, "0"),
        (lambda h: 3 - h, "3 − h"),
        (lambda h: 2**h * 5, "5·2^h"),
        (lambda h: 12 * h**2 + 13 * h, "12·h² + 13·h"),
        (lambda h: h * 1_000_000 + 7, "1,000,000·h + 7"),
    ],
)
def test_how_formulas_are_written(make, text):
    trace = Trace()
    assert Writer(["h"]).write(Algebra().of(make(trace.name("h", 64)))) == text


def test_what_divides_is_known():
    trace = Trace()
    width, heads = trace.name("width", 64), trace.name("heads", 4)
    assert not width % heads
    algebra = Algebra(trace.decisions)
    assert Writer().write(algebra.of(width // heads * heads)) == "width"
    assert Writer(["width", "heads"]).write(algebra.of(3 * width // heads)) == "3·width/heads"


def test_a_fraction_may_be_used_but_not_rounded():
    trace = Trace()
    half = trace.name("h", 7) / 2
    assert isinstance(half, Inexact)
    for make in (round, int):
        with pytest.raises(InexactError):
            make(half)


def test_lists_are_not_made_longer():
    with pytest.raises(InexactError):
        [1] * Trace().name("n", 3)


def test_decisions_are_noted_while_the_trace_is_open():
    trace = Trace()
    n = trace.name("n", 5)
    assert n > 3
    assert bool(n)
    assert max(n, 9) == 9
    assert [(decision.op, decision.holds) for decision in trace.decisions] == [("<", True), ("==", False), ("<", True)]
    trace.open = False
    assert n > 3
    assert len(trace.decisions) == 3
