"""What attention without projections keeps for backward."""

from __future__ import annotations

from archcalc.layers.kernels.scores import added_to_scores, eager_scores, fused_scores
from archcalc.layers.saved import Saved, Saving
from archcalc.layers.scores import Scored
from archcalc.layers.strides import joined
from archcalc.layers.tensor import Tensor
from archcalc.quantity import plain, product


def saved(layer: Scored, read: tuple[Tensor, Tensor, Tensor], fused: bool, how: Saving) -> Saved:
    """Queries, keys and values, which are `read`, and what the scores' kernel keeps; `fused`: whether there is one."""
    q, k, v = read
    rows = how.batch * plain(product(q.shape[:-1]))
    pairs = rows * plain(k.shape[-2])
    learned = layer.relbias is not None and how.needs[layer.at("relbias")]
    mask = added_to_scores(layer, (how.batch, *map(plain, (*q.shape[:-1], k.shape[-2]))), how.width, fused, learned)
    if fused:
        return Saved((0, 1, 2), True, fused_scores(rows) | mask)
    if layer.is_scored_by_hand:
        return _by_hand(layer, read, how, mask)
    wide = max(4, how.width)  # 16-bit numbers become fp32
    extra = eager_scores(how, pairs, wide, layer.dropout) | mask
    groups = plain(q.shape[-3]) // plain(k.shape[-3]) if q.rank > 2 else 1
    copies = (q.elements if how.needs[1] else 0) + (groups * k.elements if how.needs[0] else 0)
    extra["scaled queries and keys"] = how.batch * plain(copies) * wide
    asked = how.needs[0] or how.needs[1] or learned
    if asked and (wide > how.width or groups > 1):
        extra["values in fp32" if groups == 1 else "values of all heads"] = how.batch * groups * v.numel * wide
        return Saved(extra=extra)
    return Saved((2,) if asked else (), extra=extra)


def _by_hand(layer: Scored, read: tuple[Tensor, Tensor, Tensor], how: Saving, mask: dict[str, int]) -> Saved:
    """Score by score, with keys and values of all heads."""
    q, k, v = read
    rows = how.batch * plain(product(q.shape[:-1]))
    pairs = rows * plain(k.shape[-2])
    extra = eager_scores(how, pairs, how.width, layer.dropout, layer.softcap) | mask
    if layer.sinks:
        extra["scores"] += rows * how.width  # of the sinks, in the same softmax
    groups = plain(q.shape[-3]) // plain(k.shape[-3]) if q.rank > 2 else 1
    repeated = (k.numel if how.needs[0] else 0) + v.numel
    extra["keys and values of all heads"] = how.batch * groups * repeated * how.width
    if not how.needs[1]:
        return Saved(extra=extra)
    asked = how.strides[0]
    if asked.viewed(joined(asked.sizes, 0, q.rank - 2)) is not None:
        return Saved((0,), extra=extra)
    return Saved(extra=extra | {"queries": how.batch * q.numel * how.width})  # as a stack of matrices, which is a copy
