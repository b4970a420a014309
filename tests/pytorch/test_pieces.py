"""The small classes that generated files carry, each against another way to compute the same."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from archcalc.pytorch.pieces.attention import GroupedQueryAttention, MultiHeadAttention, rotate, score_mask
from archcalc.pytorch.pieces.modules import (
    BucketPositionBias,
    ClassToken,
    DistanceBias,
    DropPath,
    LayerScale,
    LearnedTensor,
    MixtureOfExperts,
    PositionalEmbedding,
    SinusoidalPositions,
    WindowPositionBias,
)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.default_generator.manual_seed(0)


def close(actual: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)


# -- attention ------------------------------------------------------------------------------


def formula(q, k, v, heads, kv_heads, visible=None, rope=None, softcap=None, bias=None, rope_dim=None):
    """Attention head by head and query by query, from projected vectors [positions, heads * d]."""
    q, k, v = q.detach(), k.detach(), v.detach()
    d = q.shape[-1] // heads
    out = torch.zeros(q.shape[0], heads * d)
    for head in range(heads):
        shared = head * kv_heads // heads
        qs = q[:, head * d : head * d + d]
        ks, vs = (one[:, shared * d : shared * d + d] for one in (k, v))
        if rope:
            size = rope_dim or d
            turned = ([turn(row[:size], position, rope) for position, row in enumerate(one)] for one in (qs, ks))
            qs, ks = (torch.cat([torch.stack(new), one[:, size:]], -1) for new, one in zip(turned, (qs, ks)))
        for i in range(q.shape[0]):
            scores = torch.tensor([float(qs[i] @ ks[j]) for j in range(k.shape[0])]) / math.sqrt(d)
            if softcap:
                scores = softcap * (scores / softcap).tanh()
            if bias is not None:
                scores = scores + bias[head, i]
            seen = [j for j in range(k.shape[0]) if visible is None or visible(i, j)]
            weights = scores[seen].exp() / scores[seen].exp().sum()
            out[i, head * d : head * d + d] = sum(w * vs[j] for w, j in zip(weights, seen))
    return out


def turn(vector, position, theta):
    """A vector as complex numbers of its two halves, each turned by its angle."""
    half = len(vector) // 2
    numbers = torch.complex(vector[:half], vector[half:])
    angles = torch.tensor([position * theta ** (-index / half) for index in range(half)])
    turned = numbers * torch.polar(torch.ones(half), angles)
    return torch.cat([turned.real, turned.imag])


VISIBLE = {
    (False, None): None,
    (True, None): lambda i, j: j <= i,
    (False, 2): lambda i, j: abs(i - j) < 2,
    (True, 3): lambda i, j: 0 <= i - j < 3,
}


@pytest.mark.parametrize(("causal", "window"), VISIBLE)
@pytest.mark.parametrize("training", [True, False])
def test_multi_head_attention_is_pytorchs(causal: bool, window: int | None, training: bool) -> None:
    ours = MultiHeadAttention(12, 3, causal=causal, window=window).train(training)
    theirs = nn.MultiheadAttention(12, 3, batch_first=True)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 5, 12)
    see = VISIBLE[causal, window]
    mask = None if see is None else torch.tensor([[not see(i, j) for j in range(5)] for i in range(5)])
    expected = theirs(x, x, x, attn_mask=mask)[0]
    close(ours(x), expected)
    with torch.inference_mode():  # PyTorch's fast path
        close(ours(x), expected)


@pytest.mark.parametrize(("causal", "window"), VISIBLE)
@pytest.mark.parametrize("biased", [False, True])
def test_multi_head_attention_is_its_formula(causal: bool, window: int | None, biased: bool) -> None:
    ours = MultiHeadAttention(8, 2, causal=causal, window=window)
    x, bias = torch.randn(2, 5, 8), torch.randn(2, 5, 5)
    for sample, y in zip(x, ours(x, bias=bias.expand(2, 2, 5, 5) if biased else None)):
        q, k, v = (sample @ ours.in_proj_weight.T + ours.in_proj_bias).chunk(3, dim=-1)
        head = formula(q, k, v, 2, 2, VISIBLE[causal, window], bias=bias if biased else None)
        close(y, ours.out_proj(head))


def test_multi_head_attention_takes_leading_axes_and_a_memory() -> None:
    ours = MultiHeadAttention(8, 2, kdim=6, vdim=6)
    x, memory = torch.randn(2, 3, 4, 8), torch.randn(2, 3, 7, 6)
    y = ours(x, memory)
    assert y.shape == x.shape
    close(y[1, 2], ours(x[1:2, 2], memory[1:2, 2])[0])


@pytest.mark.parametrize("make", [lambda: MultiHeadAttention(8, 2), lambda: GroupedQueryAttention(8, 2, 1, 4)])
def test_attention_in_windows_takes_a_table_for_each_sample(make) -> None:
    ours = make()
    x, bias = torch.randn(2, 3, 4, 8), torch.randn(2, 2, 4, 4)
    close(ours(x, bias=bias)[1, 2], ours(x[1:2, 2], bias=bias[1:2])[0])


@pytest.mark.parametrize(("causal", "window"), VISIBLE)
@pytest.mark.parametrize(
    "options", [{}, {"rope": 100.0}, {"rope": 100.0, "rope_dim": 4}, {"softcap": 0.5}, {"qknorm": True}, {"bias": "qk"}, {"rope": 10, "qknorm": True}],
    ids=str,
)  # fmt: skip
def test_grouped_query_attention_is_its_formula(causal: bool, window: int | None, options: dict) -> None:
    ours = GroupedQueryAttention(10, 4, 2, 6, causal=causal, window=window, **options)
    x, bias = torch.randn(2, 5, 10), torch.randn(4, 5, 5)
    assert (ours.k_proj.bias is not None) == ("k" in options.get("bias", "qkvo"))
    if options.get("qknorm"):
        nn.init.normal_(ours.q_norm.weight)
        nn.init.normal_(ours.k_norm.weight)
    for sample, y in zip(x, ours(x, bias=bias.expand(2, 4, 5, 5))):
        q, k, v = ours.q_proj(sample), ours.k_proj(sample), ours.v_proj(sample)
        if options.get("qknorm"):
            q, k = (
                torch.cat([F.rms_norm(head, (6,), norm.weight, 1e-6) for head in one.split(6, dim=-1)], dim=-1)
                for one, norm in ((q, ours.q_norm), (k, ours.k_norm))
            )
        see = VISIBLE[causal, window]
        head = formula(q, k, v, 4, 2, see, options.get("rope"), options.get("softcap"), bias, options.get("rope_dim"))
        close(y, ours.out_proj(head))


def test_grouped_query_attention_with_as_many_heads_is_multi_head_attention() -> None:
    theirs = nn.MultiheadAttention(12, 3, batch_first=True)
    ours = GroupedQueryAttention(12, 3, 3, 4)
    weights, biases = theirs.in_proj_weight.chunk(3), theirs.in_proj_bias.chunk(3)
    for projection, weight, bias in zip((ours.q_proj, ours.k_proj, ours.v_proj), weights, biases):
        projection.load_state_dict({"weight": weight, "bias": bias})
    ours.out_proj.load_state_dict(theirs.out_proj.state_dict())
    x = torch.randn(2, 5, 12)
    close(ours(x), theirs(x, x, x)[0])


def test_grouped_query_attention_takes_a_memory_and_leading_axes() -> None:
    ours = GroupedQueryAttention(8, 4, 2, 3, key_features=6, value_features=6)
    x, memory = torch.randn(2, 3, 4, 8), torch.randn(2, 3, 7, 6)
    y = ours(x, memory)
    assert y.shape == x.shape
    close(y[1, 2], ours(x[1:2, 2], memory[1:2, 2])[0])


@pytest.mark.parametrize("make", [
    lambda p: MultiHeadAttention(8, 2, dropout=p), lambda p: GroupedQueryAttention(8, 2, 1, 4, dropout=p),
])  # fmt: skip
def test_attention_drops_weights_only_in_training(make) -> None:
    ours, x = make(0.5), torch.randn(2, 5, 8)
    assert (ours(x) - ours(x)).abs().max() > 1e-3
    ours.eval()
    close(ours(x), ours(x))


def test_mask_of_a_cross_attention() -> None:
    q, k, bias = torch.zeros(2, 3, 4), torch.zeros(2, 5, 4), torch.randn(1, 6, 3, 5)
    hidden = torch.tensor([[j > i for j in range(5)] for i in range(3)])
    assert torch.equal(score_mask(q, k, True, None, None, None), torch.zeros(3, 5).masked_fill(hidden, -math.inf))
    assert torch.equal(score_mask(q, k, False, None, bias, None), bias.repeat(2, 1, 1, 1))
    assert torch.equal(score_mask(q, k, True, None, bias, None)[1], bias[0].masked_fill(hidden, -math.inf))


# -- positions ------------------------------------------------------------------------------


def test_rotation_depends_on_the_distance_alone() -> None:
    q, k = torch.randn(6), torch.randn(6)
    qs, ks = rotate(q.expand(9, 6), 100.0), rotate(k.expand(9, 6), 100.0)
    scores = qs @ ks.T
    for i in range(8):
        for j in range(8):
            close(scores[i, j], scores[i + 1, j + 1])
    assert (scores[0] - scores[1]).abs().max() > 0.1
    close(qs.norm(dim=-1), q.norm().expand(9))
    close(qs[0], q)


def test_rotation_turns_complex_numbers() -> None:
    x = torch.randn(2, 3, 5, 8)
    y = rotate(x, 10000.0)
    for position in range(5):
        close(y[1, 2, position], turn(x[1, 2, position], position, 10000.0))


@pytest.mark.parametrize("features", [6, 7])
def test_sinusoidal_positions(features: int) -> None:
    added = SinusoidalPositions()(torch.zeros(1, 5, features))[0]
    for position in range(5):
        for index in range(features):
            angle = position / 10000 ** (index // 2 * 2 / features)
            assert math.isclose(added[position, index], (math.cos if index % 2 else math.sin)(angle), abs_tol=1e-5)


def test_learned_positions_are_cut_to_the_input() -> None:
    table, x = PositionalEmbedding(9, 4), torch.randn(2, 3, 5, 4)
    close(table(x) - x, table.weight[:5].expand(2, 3, 5, 4))


def test_class_token_comes_first() -> None:
    token, x = ClassToken(4), torch.randn(2, 3, 5, 4)
    y = token(x)
    assert y.shape == (2, 3, 6, 4)
    close(y[..., 1:, :], x)
    close(y[..., 0, :], token.weight[0].expand(2, 3, 4))


@pytest.mark.parametrize("window", [(2, 3), (3, 1), (2, 2, 3), (1, 2, 1, 2)])
def test_window_bias_has_a_score_for_each_displacement(window: tuple[int, ...]) -> None:
    bias = WindowPositionBias(2, *window)
    table = bias()
    assert table.shape == (1, 2, math.prod(window), math.prod(window))
    places = list(itertools.product(*(range(size) for size in window)))
    scores = bias.weight.view(*(2 * size - 1 for size in window), 2)
    for i, query in enumerate(places):
        for j, key in enumerate(places):
            moved = tuple(a - b + size - 1 for a, b, size in zip(query, key, window))
            close(table[0, :, i, j], scores[moved])


def test_bucket_bias_is_exact_near_and_logarithmic_far() -> None:
    bias = BucketPositionBias(2)  # 32 buckets up to a distance of 128, as in T5
    table = bias(200)[0]
    weight = bias.weight

    def bucket(distance: int) -> int:  # key minus query
        side, step = (16, distance) if distance > 0 else (0, -distance)
        return side + (step if step < 8 else min(15, 8 + int(math.log(step / 8) / math.log(128 / 8) * 8)))

    for query, key in [(0, 0), (0, 1), (5, 0), (0, 7), (3, 12), (0, 100), (150, 3), (199, 0), (0, 199), (0, 127)]:
        close(table[:, query, key], weight[bucket(key - query)])


@pytest.mark.parametrize("buckets", [1, 2, 3, 4, 5])
def test_bucket_bias_with_few_buckets_stays_inside_its_table(buckets: int) -> None:
    assert BucketPositionBias(2, buckets)(40).shape == (1, 2, 40, 40)


@pytest.mark.parametrize(
    ("heads", "slopes"), [(4, [1 / 4, 1 / 16, 1 / 64, 1 / 256]), (3, [1 / 16, 1 / 256, 1 / 4]), (1, [1 / 256])]
)
def test_distance_bias_falls_at_the_slope_of_the_head(heads: int, slopes: list[float]) -> None:
    table = DistanceBias(heads)(5)
    assert table.shape == (1, heads, 5, 5)
    for head, slope in enumerate(slopes):
        close(table[0, head, 3], -slope * torch.tensor([3.0, 2, 1, 0, 1]))


# -- the rest -------------------------------------------------------------------------------


def test_learned_tensor_is_the_same_for_every_sample() -> None:
    tensor = LearnedTensor(2, 3)
    assert tensor().shape == (1, 2, 3)
    close(tensor()[0], tensor.weight)


@pytest.mark.parametrize(("shape", "axes"), [((2, 3), 0), ((2, 5, 3), 0), ((2, 3, 4, 5), 2)])
def test_layer_scale(shape: tuple[int, ...], axes: int) -> None:
    scale, x = LayerScale(3, 0.5, axes), torch.randn(shape)
    close(scale(x), x * 0.5)
    nn.init.normal_(scale.weight)
    close(scale(x).movedim(-1 - axes, -1), x.movedim(-1 - axes, -1) * scale.weight)


def test_drop_path_keeps_the_expectation_and_drops_whole_samples() -> None:
    drop, x = DropPath(0.3), torch.ones(20_000, 2, 3)
    y = drop(x)
    assert sorted(y[:, 0, 0].unique().tolist()) == [0.0, pytest.approx(1 / 0.7)]
    assert (y == y[:, :1, :1]).all()
    assert abs(y.mean() - 1) < 0.02
    drop.eval()
    assert drop(x) is x


def test_drop_path_may_drop_everything() -> None:
    assert (DropPath(1.0)(torch.ones(4, 2)) == 0).all()


@pytest.mark.parametrize("shape", [(6, 4), (2, 3, 4), (2, 3, 2, 4)])
@pytest.mark.parametrize("top_k", [1, 2, 3])
def test_mixture_of_experts_is_a_loop(shape: tuple[int, ...], top_k: int) -> None:
    experts = MixtureOfExperts(4, [nn.Linear(4, 5) for _ in range(3)], top_k=top_k)
    x = torch.randn(shape)
    y = experts(x)
    assert y.shape == (*shape[:-1], 5)
    for position, out in zip(x.flatten(0, -2), y.flatten(0, -2)):
        score = experts.router(position).softmax(dim=-1)
        best = sorted(range(3), key=lambda expert: -score[expert])[:top_k]
        total = sum(score[expert] for expert in best)
        close(out, sum(score[expert] / total * experts.experts[expert](position) for expert in best))


def test_mixture_of_experts_learns() -> None:
    experts = MixtureOfExperts(4, [nn.Linear(4, 4) for _ in range(3)], top_k=2)
    experts(torch.randn(50, 4)).square().mean().backward()
    assert all(parameter.grad is not None for parameter in experts.parameters())
