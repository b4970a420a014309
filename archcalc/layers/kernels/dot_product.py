"""What attention without projections keeps for backward."""

from __future__ import annotations

from archcalc.layers.kernels.scores import added_to_scores, eager_scores, fused_scores
from archcalc.layers.saved import Saved, Saving
from archcalc.layers.scores import Scored
from archcalc.layers.strides import joined
from archcalc.layers.tensor import Tensor
from archcalc.quantity import plain, product


def saved(layer: Scored, read: tuple[Tensor, Tensor, Tensor], fused: bool, how: Saving) -> Saved:
    """The queries, keys and values that are `read`, and what the scores' kernel keeps; `fused`: whether it is fused."""
    q, k, v = read
    rows = how.batch * plain(product(q.shape[:-1]))
    pairs = rows * plain(k.shape[-2])
    learned = layer.relbias is not None and how.needs[layer.at("relbias")]
    mask = added_to_scores(layer, (how.batch, *map(plain, (*q.shape[:-1], k.shape[-2]))), how.width, fused, learned)
    if fused:
        return Saved((0, 1, 2), True, fused_scores(rows) | mask)
    asked, told, gives = how.needs[:3]
    scored = asked or told or learned or (layer.sinks and how.learns)
    if layer.is_scored_by_hand:
        return _by_hand(layer, read, how, scored, mask)
    wide = max(4, how.width)  # 16-bit numbers become fp32
    extra = eager_scores(how, pairs, wide, layer.dropout, scored=scored, weights=gives) | mask
    groups = plain(q.shape[-3]) // plain(k.shape[-3]) if q.rank > 2 else 1
    copies = (q.elements if told else 0) + (groups * k.elements if asked else 0)
    extra["scaled queries and keys"] = how.batch * plain(copies) * wide
    if scored and (wide > how.width or groups > 1):
        extra["values in fp32" if groups == 1 else "values of all heads"] = how.batch * groups * v.numel * wide
        return Saved(extra=extra)
    return Saved((2,) if scored else (), extra=extra)


def _by_hand(
    layer: Scored, read: tuple[Tensor, Tensor, Tensor], how: Saving, scored: bool, mask: dict[str, int]
) -> Saved:
    """Step by step, with keys and values of all heads; `scored`: whether a gradient flows to the scores."""
    q, k, v = read
    rows = how.batch * plain(product(q.shape[:-1]))
    pairs = rows * plain(k.shape[-2])
    asked, told, gives = how.needs[:3]
    softcap = layer.softcap if asked or told else None  # what is added comes after it
    extra = eager_scores(how, pairs, how.width, layer.dropout, softcap, scored, gives) | mask
    if layer.sinks and extra["scores"]:
        extra["scores"] += rows * how.width  # of the sinks, in the same softmax
    groups = plain(q.shape[-3]) // plain(k.shape[-3]) if q.rank > 2 else 1
    repeated = (k.numel if asked else 0) + (v.numel if scored else 0)
    extra["keys and values of all heads"] = how.batch * groups * repeated * how.width
    if not told:
        return Saved(extra=extra)
    queries = how.strides[0]
    if queries.viewed(joined(queries.sizes, 0, q.rank - 2)) is not None:
        return Saved((0,), extra=extra)
    return Saved(extra=extra | {"queries": how.batch * q.numel * how.width})  # as a stack of matrices, which is a copy
