"""rearrange against its meaning in PyTorch: split every axis, permute, join."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archcalc.diagnostics import SpecError

from .oracle import DRAWN, Draw, compare, covers, graph, layer, line


def grouped(draw, names):
    """The names cut into groups of one to three, in order."""
    groups, rest = [], list(names)
    while rest:
        size = draw(st.integers(1, min(3, len(rest))))
        groups.append(rest[:size])
        rest = rest[size:]
    return groups


def written(draw, groups):
    """A side of a pattern; a group of one may go without parentheses."""
    words = [group[0] if len(group) == 1 and draw(st.booleans()) else f"({' '.join(group)})" for group in groups]
    return " ".join(words)


@covers("rearrange")
@DRAWN
@given(data=st.data())
def test_rearrange(data):
    draw = Draw(data)
    names = "abcde"[: draw(st.integers(1, 5))]
    sizes = {name: draw(st.integers(1, 4)) for name in names}
    left = grouped(draw, names)
    right = grouped(draw, draw(st.permutations(names)))
    # Of each group on the left all sizes but one are given.
    keys = {}
    for group in left:
        found = draw.of(*group)
        keys |= {name: sizes[name] for name in group if name != found}
    if draw.wild:
        name = draw.of(*names)
        keys[name] = draw(st.integers(1, 5))
    shape = tuple(math.prod(sizes[name] for name in group) for group in left)

    def rearrange(x):
        for axis, group in reversed(list(enumerate(left, 1))):
            x = x.unflatten(axis, [keys.get(name, -1) for name in group])
        x = x.permute(0, *(1 + names.index(name) for group in right for name in group))
        for axis, group in enumerate(right, 1):
            x = x.flatten(axis, axis + len(group) - 1)
        return x

    pattern = f"{written(draw, left)} -> {written(draw, right)}"
    compare(line("rearrange", f"'{pattern}'", **keys), shape, lambda: rearrange)


@pytest.mark.parametrize(
    ("pattern", "shape", "expected"),
    [
        ("c h w -> (h w) c", (3, 4, 5), (20, 3)),
        ("c ... -> ... c", (3, 4, 5), (4, 5, 3)),
        ("c ... -> (...) c", (3, 4, 5), (20, 3)),
        ("c ... -> (... c)", (3, 4, 5), (60,)),
        ("c ... -> (c ...) 1", (3, 4, 5), (60, 1)),
        ("... -> (...)", (3, 4, 5), (60,)),
        ("... -> 1 ...", (3, 4), (1, 3, 4)),
        ("c ... -> c (...)", (3,), (3, 1)),
        ("c ... -> c ...", (3,), (3,)),
        ("... c -> c ...", (3, 4, 5), (5, 3, 4)),
        ("a ... b -> b ... a", (2, 3, 4, 5), (5, 3, 4, 2)),
        ("c 1 w -> w () c", (3, 1, 5), (5, 1, 3)),
        ("(1 c) w -> (w 1) c", (3, 5), (5, 3)),
        ("a b -> b (a)", (3, 5), (5, 3)),
    ],
)
def test_patterns_as_einops_reads_them(pattern, shape, expected):
    assert layer(f"rearrange '{pattern}'", shape).output.shape == expected


@pytest.mark.parametrize(
    ("pattern", "shape"),
    [
        ("c h w", (3, 4, 5)),
        ("c h w -> c -> h w", (3, 4, 5)),
        ("c h w -> c h", (3, 4, 5)),
        ("c h -> c h w", (3, 4)),
        ("c c -> c", (3, 3)),
        ("c h -> c h h", (3, 4)),
        ("c h -> (c h", (3, 4)),
        ("c h -> c h)", (3, 4)),
        ("c h -> ((c h))", (3, 4)),
        ("c h w -> c h w", (3, 4)),
        ("(a b) c -> a b c", (4, 3)),
        ("c 1 -> c", (3, 2)),
        ("c 2 -> c", (3, 2)),
        ("c 11 -> c", (3, 1)),
        ("c -> c 11", (3,)),
        ("... c -> c", (3,)),
        ("c -> ... c", (3,)),
        ("... ... -> ...", (3,)),
        ("(...) -> ...", (3,)),
        ("(... c) -> ... c", (3,)),
        ("(c ...) -> c ...", (3,)),
        ("a b ... -> b a ...", (3,)),
        ("... a b -> b a ...", (3,)),
        ("a.b -> b", (3,)),
        ("a b -> a, b", (3, 2)),
        ("", (3,)),
    ],
)
def test_patterns_that_einops_refuses(pattern, shape):
    with pytest.raises(SpecError):
        graph(f"rearrange '{pattern}'", shape)


@pytest.mark.parametrize("sizes", ["a=3", "a=2 b=3", "b=0", "d=2", "a=2 c=4"])
def test_sizes_that_do_not_fit(sizes):
    with pytest.raises(SpecError):
        graph(f"rearrange '(a b) c -> a b c' {sizes}", (4, 3))
