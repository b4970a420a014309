"""Values of a name, combinations of them, and grids in files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archcalc.diagnostics import RequestError
from archcalc.sweep.axis import Axis, parse_axis, parse_values
from archcalc.sweep.grid import Point, grid, read_grid, shard, size


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("6,12,24", ["6", "12", "24"]),
        ("256..1024:256", ["256", "512", "768", "1024"]),
        ("1..4", ["1", "2", "3", "4"]),
        ("1..10:4", ["1", "5", "9"]),
        ("1..64:*4", ["1", "4", "16", "64"]),
        ("3..20:*2", ["3", "6", "12"]),
        ("1..8:*1.5", ["1", "1.5", "2.25", "3.375", "5.0625", "7.59375"]),
        ("0.1..0.3:0.1", ["0.1", "0.2", "0.3"]),
        ("-2..2:2", ["-2", "0", "2"]),
        ("5..5", ["5"]),
        ("1,2..4,3,8", ["1", "2", "3", "4", "8"]),
        ("true,false", ["true", "false"]),
        ("3x3, 5x5", ["3x3", "5x5"]),
        ("100..300:100", ["100", "200", "300"]),
    ],
)
def test_values(text, values):
    assert parse_axis(f"width={text}") == Axis("width", tuple(values))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("width", "NAME=VALUES"),
        ("=1", "NAME=VALUES"),
        ("width=", "NAME=VALUES"),
        ("width=1,,2", "a value is missing"),
        ("width=8..2", "write 2..8"),
        ("width=1..8:0", "never ends"),
        ("width=1..8:-1", "never ends"),
        ("width=1..8:*1", "never ends"),
        ("width=0..8:*2", "never ends"),
        ("width=1..", "no range"),
        ("width=a..b", "`a` is not a number"),
        ("width=1..nan", "not a number"),
        ("width=1..1e99", "not a number"),
        ("width=0.5..2", "needs a step"),
        ("width=1..9999999", "take a larger step"),
    ],
)
def test_refused(text, says):
    with pytest.raises(RequestError, match=says):
        parse_axis(text)


@given(st.integers(-1000, 1000), st.integers(0, 500), st.integers(1, 60))
def test_a_range_is_pythons_with_its_end(first, length, step):
    values = parse_values(f"{first}..{first + length}:{step}", "n")
    assert list(map(int, values)) == list(range(first, first + length + 1, step))


def test_all_combinations():
    axes = [Axis("a", ("1", "2")), Axis("b", ("x", "y", "z"))]
    points = list(grid(["s.yaml", "t.yaml"], axes, [1, 8]))
    assert len(points) == len(set(points)) == size(["s.yaml", "t.yaml"], axes, [1, 8]) == 24
    assert points[:4] == [
        Point("s.yaml", (("a", "1"), ("b", "x"))),
        Point("s.yaml", (("a", "1"), ("b", "y"))),
        Point("s.yaml", (("a", "1"), ("b", "z"))),
        Point("s.yaml", (("a", "2"), ("b", "x"))),
    ]


def test_lines_come_back():
    points = list(grid(["s.yaml@large"], [Axis("a", ("1", "3x5", "0.5", "größe"))], [1, 8]))
    assert read_grid([point.line for point in points], "grid.jsonl", None) == points


def test_lines_that_people_write():
    lines = ['{"set": {"width": 128, "deep": true, "p": 0.5}}', "", '{"spec": "t.yaml", "batch": 4}']
    assert read_grid(lines, "g", "s.yaml") == [
        Point("s.yaml", (("width", "128"), ("deep", "true"), ("p", "0.5"))),
        Point("t.yaml", (), 4),
    ]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "g:2: not JSON"),
        ("[" * 100_000, "g:2: not JSON"),
        ("[]", "g:2: a point may have the keys"),
        ('{"sets": {}}', "g:2: a point may have the keys"),
        ("{}", "g:2: no spec"),
        ('{"spec": 3}', "g:2: no spec"),
        ('{"spec": "s", "batch": 0}', "g:2: the batch must be"),
        ('{"spec": "s", "batch": true}', "g:2: the batch must be"),
        ('{"spec": "s", "batch": 1.5}', "g:2: the batch must be"),
        ('{"spec": "s", "set": []}', "g:2: `set` must have"),
        ('{"spec": "s", "set": {"a": null}}', "g:2: `set` must have"),
        ('{"spec": "s", "set": {"a": [1]}}', "g:2: `set` must have"),
    ],
)
def test_lines_refused(line, says):
    with pytest.raises(RequestError, match=says):
        read_grid(["", line], "g", None)


@given(st.integers(0, 200), st.integers(1, 20))
def test_shards_are_a_partition(count, parts):
    points = [Point("s", (("a", str(index)),)) for index in range(count)]
    shards = [shard(points, part, parts) for part in range(1, parts + 1)]
    assert sorted((one for part in shards for one in part), key=points.index) == points
    assert max(map(len, shards)) - min(map(len, shards)) <= 1
