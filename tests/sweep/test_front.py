"""The Pareto front is what its definition says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from archcalc.sweep.front import pareto

POINTS = st.lists(st.one_of(st.none(), st.tuples(st.integers(0, 6), st.integers(0, 6))), max_size=30)


def betters(one, other, less):
    signed = [(a if down else -a, b if down else -b) for a, b, down in zip(one, other, less)]
    return all(a <= b for a, b in signed) and any(a < b for a, b in signed)


@given(POINTS, st.tuples(st.booleans(), st.booleans()))
def test_nothing_betters_what_is_on_the_front(points, less):
    there = [point for point in points if point is not None]
    wanted = [point is not None and not any(betters(other, point, less) for other in there) for point in points]
    assert pareto(points, less) == wanted


def test_directions():
    points = [(1, 1), (2, 2), (2, 1), (1, 2)]
    assert pareto(points, (True, False)) == [False, False, False, True]
    assert pareto(points, (True, True)) == [True, False, False, False]
    assert pareto([], (True, True)) == []
