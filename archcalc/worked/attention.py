"""Attention: queries, keys and values, the scores of each query, their softmax, and the weighted sum."""

from __future__ import annotations

import math
from typing import Any

from archcalc.network.graph import Node
from archcalc.worked.example import (
    Array,
    Cell,
    Example,
    Grid,
    Step,
    dot,
    filled,
    grid,
    learned,
    limit,
    listed,
    refuse,
    times_vector,
    works,
    written,
)
from archcalc.worked.functions import softmax

_POSITIONS, _WIDTH = 5, 8
_INSTEAD = '"attention heads=2" --input 3x4'
# What it may have that is not worked out here.
_MORE = ("kv", "k", "v", "relbias", "softcap", "rope", "window")


@works("attention")
def attention(node: Node) -> Example:
    """All heads; of each the first query in full, the others by their weights."""
    layer: Any = node.layer
    x = node.inputs[0]
    more = [name for name in _MORE if getattr(layer, name) is not None]
    more += [name for name in ("qknorm", "bias_kv", "zero_attn") if getattr(layer, name)]
    if more or x.rank != 2:
        raise refuse(node, f"with `{more[0]}` it is not worked out" if more else "its input has further axes", _INSTEAD)
    limit(
        node,
        (
            ("positions", int(x.shape[0]), _POSITIONS),
            ("features", int(x.shape[1]), _WIDTH),
            ("features of all heads", int(layer._inner), _WIDTH),
        ),
        _INSTEAD,
    )
    values = filled(x.shape)
    shapes = layer.params(x)
    weights = {name: learned(shape, 5 * index) for index, (name, shape) in enumerate(shapes.items())}
    projected = {
        letter: [times_vector(w, one, b) for one in values] for letter, (w, b) in _projections(layer, weights).items()
    }
    size, heads, shared = int(layer._head), int(layer.heads), int(layer.heads // layer._key_heads)
    steps: list[Step] = []
    joined: list[list[float]] = [[] for _ in values]
    for head in range(heads):
        at, other = head * size, head // shared * size
        q = [one[at : at + size] for one in projected["q"]]
        k, v = ([one[other : other + size] for one in projected[letter]] for letter in "kv")
        title = f"head {head + 1} of {heads}" if heads > 1 else "one head"
        steps.append(Step(title, [grid("Q = x W_Q", q), grid("K = x W_K", k), grid("V = x W_V", v)]))
        table = []
        for row, query in enumerate(q):
            seen = [index <= row or not layer.causal for index in range(len(k))]
            products = [dot(query, key) for key in k]
            scores = [one / math.sqrt(size) if there else -math.inf for one, there in zip(products, seen)]
            alpha = softmax(scores)
            mixed = [dot(alpha, [value[index] for value in v]) for index in range(size)]
            joined[row] += mixed
            table.append([Cell(written(one), there) for one, there in zip(alpha, seen)])
            if row == (len(q) - 1 if layer.causal else 0):
                steps.append(_row(row, query, products, scores, alpha, mixed, size))
        steps.append(Step("softmax of all rows", [Grid("α", table)]))
    weight, bias = weights["out_proj.weight"], weights.get("out_proj.bias")
    output = [times_vector(weight, one, bias) for one in joined]
    steps.append(Step("all heads side by side, then W_O", [grid("[heads]", joined), grid("y", output, True)]))
    return Example([grid("x", values)], steps, values, weights, output)


def _row(
    row: int,
    query: list[float],
    products: list[float],
    scores: list[float],
    alpha: list[float],
    mixed: list[float],
    size: int,
) -> Step:
    powers = [math.exp(one) for one in scores]
    told = ", ".join("−∞" if one == -math.inf else written(one) for one in scores)
    hidden = "   −∞: a position that comes later" if "−∞" in told else ""
    return Step(
        f"row {row} of α: q = {listed(query)}",
        lines=[
            f"q kᵀ = {listed(products)}",
            f"/ √{size} = [{told}]{hidden}",
            f"e^score = {listed(powers)}, together {written(math.fsum(powers))}",
            f"softmax = {listed(alpha)}",
            f"α V = {listed(mixed)}",
        ],
    )


def _projections(layer: Any, weights: dict[str, Array]) -> dict[str, tuple[Array, Array | None]]:
    """The matrix and the bias that give queries, keys and values."""
    if "in_proj_weight" in weights:
        size = len(weights["in_proj_weight"]) // 3
        bias = weights.get("in_proj_bias")
        return {
            letter: (
                weights["in_proj_weight"][index * size : (index + 1) * size],
                bias[index * size : (index + 1) * size] if bias else None,
            )
            for index, letter in enumerate("qkv")
        }
    return {letter: (weights[f"{letter}_proj.weight"], weights.get(f"{letter}_proj.bias")) for letter in "qkv"}
