"""Masks, scaled dot products, and what tells an attention where a vector stands."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from archcalc.diagnostics import SpecError
from archcalc.layers.scores import visible_scores

from .oracle import DRAWN, FEW, Draw, compare, covers, graph, layer, line
from .test_attention import rotate


def visible(queries, keys, causal, window):
    """The pairs a mask lets through, one by one."""
    i, j = torch.arange(queries)[:, None], torch.arange(keys)[None]
    mask = torch.ones(queries, keys, dtype=torch.bool)
    if causal:
        mask &= j <= i
    if window is not None:
        mask &= (i - j).abs() < window
    return int(mask.sum())


@DRAWN
@given(st.integers(1, 12), st.integers(1, 12), st.booleans(), st.none() | st.integers(1, 14))
def test_visible_scores(queries, keys, causal, window):
    assert visible_scores(queries, keys, causal, window) == visible(queries, keys, causal, window)


@FEW
@given(st.integers(1, 6), st.integers(1, 6), st.booleans(), st.none() | st.integers(1, 7))
def test_masked_macs_of_attention(queries, keys, causal, window):
    more = f" causal={str(causal).lower()}" + ("" if window is None else f" window={window}")
    node = layer(f"attention 2 kv=mem from=x{more}", {"x": (3, queries, 8), "mem": (3, keys, 8)})
    assert node.masked_macs == 2 * 3 * 8 * (queries * keys - visible(queries, keys, causal, window))


class Dots(torch.nn.Module):
    """softmax(q kᵀ · scale) v by its formula; keys and values may have fewer heads."""

    def __init__(self, heads, causal=False, scale=None, window=None, softcap=None, sinks=False, kv_heads=None):
        super().__init__()
        if sinks and heads is None:
            raise ValueError("no heads")
        self.causal, self.scale, self.window, self.softcap, self.kv_heads = causal, scale, window, softcap, kv_heads
        self.sinks = torch.nn.Parameter(torch.randn(heads)) if sinks else None

    def forward(self, q, k, v, table=None, seen=None):
        if self.kv_heads is not None:
            groups = q.shape[-3] // self.kv_heads
            if q.dim() < 4 or q.shape[-3] % self.kv_heads or k.shape[-3] != self.kv_heads:
                raise ValueError("not so many heads")
            k, v = (one.repeat_interleave(groups, -3) for one in (k, v))
        if not q.shape[:-2] == k.shape[:-2] == v.shape[:-2]:
            raise ValueError("leading axes differ")  # PyTorch would stretch them; a spec says `expand`
        if k.shape[-2] != v.shape[-2]:
            raise ValueError("each key has one value")
        scores = q @ k.transpose(-1, -2) * (1 / math.sqrt(q.shape[-1]) if self.scale is None else self.scale)
        if self.softcap is not None:
            scores = self.softcap * torch.tanh(scores / self.softcap)
        i, j = torch.arange(q.shape[-2])[:, None], torch.arange(k.shape[-2])
        shown = torch.ones(scores.shape, dtype=torch.bool)
        if self.causal:
            shown = shown & (j <= i)
        if self.window is not None:
            shown = shown & ((i - j).abs() < self.window)
        if table is not None:
            if table.shape[1:] not in (scores.shape[-3:], scores.shape[1:]):
                raise ValueError("the table is one of other scores")
            scores = scores + spread(table, scores)
        if seen is not None:
            shown = shown & (spread(seen, scores) > 0)
        scores = scores.masked_fill(~shown, -torch.inf)
        most = scores.amax(-1, keepdim=True).clamp(min=-1e9)
        sink = 0
        if self.sinks is not None:
            most = torch.maximum(most, self.sinks[:, None, None])
            sink = (self.sinks[:, None, None] - most).exp()
        weights = (scores - most).exp()
        return weights / (weights.sum(-1, keepdim=True) + sink).clamp(min=1e-30) @ v


def spread(table, scores):
    """A table as one of all scores."""
    if table.dim() > scores.dim():
        raise ValueError("more axes than the scores")
    sizes = (len(table), *[1] * (scores.dim() - table.dim()), *table.shape[1:])
    return table.reshape(sizes).expand_as(scores)


@covers("sdpa")
@DRAWN
@given(data=st.data())
def test_sdpa(data):
    draw = Draw(data)
    lead = tuple(draw(st.lists(st.integers(1, 3), max_size=2)))
    queries, keys, d, e = draw(st.tuples(*[st.integers(1, 5)] * 4))
    more = draw.some(
        causal=st.booleans(),
        scale=st.sampled_from([0.5, 1.0]),
        window=st.integers(1, 4),
        softcap=st.just(0.5),
        sinks=st.just(True),
    )
    if not lead and not draw.wild:
        more.pop("sinks", None)
    groups = draw.of(1, 1, 2, 3) if lead else 1
    if groups > 1 or (draw.wild and draw(st.booleans())):
        more["kv_heads"] = lead[-1] if lead else 1
    asked = (*lead[:-1], lead[-1] * groups) if lead else ()
    shapes = {"a": (*asked, queries, d), "b": (*lead, keys, d), "c": (*lead, keys, e)}
    scores = (*asked, queries, keys)
    if draw(st.booleans()):
        shapes["t"] = draw.of(scores, scores[-3:])
    if draw(st.booleans()):
        shapes["m"] = tuple(draw.of(size, 1) for size in scores[draw(st.integers(0, len(scores) - 1)) :])
    if draw.wild:
        name, at = draw.of(*shapes), draw(st.integers(-1, len(lead) + 1))
        shape = [*shapes[name]]
        shapes[name] = (1, *shape) if at < 0 else (*shape[:at], draw(st.integers(1, 5)), *shape[at + 1 :])
    names = {name: key for name, key in (("t", "table"), ("m", "seen")) if name in shapes}
    refer = {"relbias": "t"} if "t" in shapes else {}
    refer |= {"mask": "seen"} if "m" in shapes else {}
    text = ["relu from=m name=seen"] * ("m" in shapes) + [line("sdpa", q="a", k="b", v="c", **more, **refer)]
    heads = shapes["a"][-3] if len(shapes["a"]) > 2 else None

    class Called(Dots):
        def forward(self, q, k, v, *rest):
            return super().forward(q, k, v, **dict(zip(names.values(), rest)))

    compare(text, shapes, lambda: Called(heads, **more))
    if not draw.wild:
        node = layer(text, shapes)
        hidden = queries * keys - visible(queries, keys, more.get("causal", False), more.get("window"))
        assert node.masked_macs == math.prod(asked) * hidden * (d + e)
        each = 6 + 3 * ("softcap" in more) + ("t" in shapes)
        sinks = 5 * math.prod(asked) * queries * ("sinks" in more)
        assert node.other_flops == each * math.prod(asked) * queries * keys + sinks


def test_sdpa_is_pytorchs():
    """Its formula, with fewer heads of keys, is what PyTorch's function computes."""
    q, k, v = torch.randn(2, 4, 5, 3), torch.randn(2, 2, 6, 3), torch.randn(2, 2, 6, 3)
    theirs = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=0.7, enable_gqa=True)
    torch.testing.assert_close(Dots(4, causal=True, scale=0.7, kv_heads=2)(q, k, v), theirs)


def _rotation(theta=10000.0, dim=None):
    return theta, dim


@covers("rope")
@FEW
@given(data=st.data())
def test_rope(data):
    draw = Draw(data)
    shape = tuple(draw(st.lists(st.integers(1, 6), min_size=2, max_size=4)))
    keys = draw.some(theta=st.sampled_from([10000.0, 500000]), dim=draw.number(2, 6, 1))
    compare(line("rope", **keys), shape, lambda: lambda x: rotate(x, *_rotation(**keys)), loose=True)
    if shape[-1] % 2 == 0:
        assert layer("rope", shape).other_flops == 3 * math.prod(shape)


def test_features_that_do_not_rotate_take_no_operations():
    assert layer("rope dim=4", (5, 10)).other_flops == 3 * 5 * 4
    assert (
        layer("attention 2 head_dim=6 bias=false rope=100 rope_dim=4", (5, 10)).other_flops == 300 + 3 * 4 * 2 * 5 * 2
    )


class T5Bias(nn.Module):
    """Raffel et al. 2020, in both directions or back: half of the buckets exact, the others logarithmic to 128."""

    def __init__(self, heads, buckets, causal=False):
        super().__init__()
        self.causal = causal
        self.weight = nn.Parameter(torch.ones(buckets, heads))

    def forward(self, x):
        positions = torch.arange(x.shape[-2])
        distance = positions[None] - positions[:, None]
        distance = -torch.relu(-distance) if self.causal else distance
        half = self.weight.shape[0] if self.causal else self.weight.shape[0] // 2
        exact = max(1, half // 2)
        size = distance.abs()
        steps = torch.log(size.clamp(min=1) / exact) / math.log(128 / exact) * (half - exact)
        far = (exact + steps.long()).clamp(max=half - 1)
        bucket = (distance > 0) * half + torch.where(size < exact, size, far)
        return self.weight[bucket].permute(2, 0, 1)[None]


class SwinBias(nn.Module):
    """Liu et al. 2021: a row for each displacement between two places of a window."""

    def __init__(self, heads, window):
        super().__init__()
        self.window = window
        self.weight = nn.Parameter(torch.ones(math.prod(2 * size - 1 for size in window), heads))

    def forward(self, x):
        places = torch.cartesian_prod(*[torch.arange(size) for size in self.window]).reshape(-1, len(self.window))
        index = torch.zeros(len(places), len(places), dtype=torch.long)
        for axis, size in enumerate(self.window):
            shift = places[:, None, axis] - places[None, :, axis] + size - 1
            index = index * (2 * size - 1) + shift
        return self.weight[index].permute(2, 0, 1)[None]


class Alibi(nn.Module):
    """Press et al. 2021: a fixed slope for each head."""

    def __init__(self, heads):
        super().__init__()
        self.register_buffer("slopes", torch.ones(heads))

    def forward(self, x):
        positions = torch.arange(x.shape[-2])
        distance = (positions[None] - positions[:, None]).abs()
        return (-self.slopes[:, None, None] * distance)[None]


@covers("relposbias")
@FEW
@given(data=st.data())
def test_relposbias(data):
    draw = Draw(data)
    shape = tuple(draw(st.lists(st.integers(1, 9), min_size=2, max_size=3)))
    heads = draw(st.integers(1, 4))
    buckets = draw.of(None, 4, 8, 32)
    more = {} if buckets is None else {"buckets": buckets}
    compare(line("relposbias", heads, **more), shape, lambda: T5Bias(heads, buckets or 32), once=True)
    back = line("relposbias", heads, **more, causal=True)
    compare(back, shape, lambda: T5Bias(heads, buckets or 32, causal=True), once=True)
    compare(line("relposbias", heads, kind="alibi"), shape, lambda: Alibi(heads), once=True)
    window = draw(st.integers(1, 4) | st.tuples(*[st.integers(1, 4)] * 2) | st.tuples(*[st.integers(1, 3)] * 3))
    compare(
        line("relposbias", heads, kind="window", window=window),
        shape,
        lambda: SwinBias(heads, window if isinstance(window, tuple) else (window, window)),
        once=True,
    )


@pytest.mark.parametrize(
    "wrong",
    ["relposbias 2 kind=window", "relposbias 2", "relposbias 2 kind=alibi", "relposbias 2 kind=alibi causal=true"],
)
def test_relposbias_needs_positions(wrong):
    with pytest.raises(SpecError):
        graph(wrong, (8,))


def test_a_table_is_shared_by_several_attentions():
    lines = ["relposbias 2 name=t", "attention 2 relbias=t from=input", "attention 2 relbias=t"]
    nodes = graph(lines, (5, 8)).nodes
    assert [len(node.params) for node in nodes] == [1, 4, 4]
    assert nodes[0].params == {"weight": (32, 2)}
