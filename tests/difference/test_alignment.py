"""Two lists side by side: every pair is equal, both ascend, and hardly a better way exists."""

from __future__ import annotations

from random import Random

import pytest

from archcalc.difference.alignment import align, ascending


def longest(a, b):
    """The length of the longest common subsequence, by the table that grows with the square."""
    row = [0] * (len(b) + 1)
    for x in a:
        before = row
        row = [0]
        for index, y in enumerate(b):
            row.append(before[index] + 1 if x == y else max(before[index + 1], row[-1]))
    return row[-1]


@pytest.mark.parametrize("tokens", [2, 5, 30])
def test_pairs_ascend_and_are_nearly_the_most(tokens):
    found = best = 0
    for seed in range(200):
        rng = Random(f"{tokens}/{seed}")
        a = [rng.randrange(tokens) for _ in range(rng.randrange(40))]
        b = list(a)
        for _ in range(rng.randrange(6)):
            place = rng.randrange(len(b) + 1)
            b[place : place + rng.randrange(2)] = [rng.randrange(tokens + 1)][: rng.randrange(2)]
        pairs = align(a, b)
        assert all(a[x] == b[y] for x, y in pairs)
        assert ascending(pairs) == pairs
        assert len({x for x, _ in pairs}) == len({y for _, y in pairs}) == len(pairs)
        found += len(pairs)
        best += longest(a, b)
    assert found >= 0.99 * best


@pytest.mark.parametrize(("a", "b", "pairs"), [
    ("", "", []),
    ("abc", "abc", [(0, 0), (1, 1), (2, 2)]),
    ("abc", "xyz", []),
    ("abcd", "acd", [(0, 0), (2, 1), (3, 2)]),
    ("acd", "abcd", [(0, 0), (1, 2), (2, 3)]),
    ("abxcd", "abycd", [(0, 0), (1, 1), (3, 3), (4, 4)]),
])  # fmt: skip
def test_cases(a, b, pairs):
    assert align(a, b) == pairs


def test_the_most_that_ascends():
    assert ascending([(0, 5), (1, 0), (2, 1), (3, 9), (4, 2)]) == [(1, 0), (2, 1), (4, 2)]
    assert ascending([(0, 0), (1, 3)]) == [(0, 0), (1, 3)]
