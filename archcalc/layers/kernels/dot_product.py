"""What attention without projections keeps for backward, and needs temporarily."""

from __future__ import annotations

from archcalc.layers.kernels.scores import added_to_scores, eager_scores, fused_room, fused_scores
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


def passing(layer: Scored, read: tuple[Tensor, Tensor, Tensor], fused: bool, how: Saving) -> tuple[int, int]:
    """Bytes that it needs forward and backward, apart from what it reads, keeps and returns.

    Source: _scaled_dot_product_attention_math in aten/src/ATen/native/transformers/attention.cpp of PyTorch 2.13, and
    DotProductAttention in archcalc/pytorch/pieces/attention.py; compared with PyTorch's allocator.
    """
    q, k, v = read
    kept = sum(saved(layer, read, fused, how).extra.values()) if how.keeps else 0
    answer = how.batch * how.width * plain(product((*q.shape[:-1], v.shape[-1])))
    if how.keeps and not fused and layer.copied(how, read[0], *read):
        kept += how.batch * v.numel * how.width * (2 in saved(layer, read, fused, how).inputs)
    made, added = _mask(layer, read, how)
    if fused:
        room = (
            (0, 0) if how.gpu else fused_room(how, *(plain(size) for size in (q.shape[-2], k.shape[-2], q.shape[-1])))
        )
        return max(made - answer, added + sum(_rows(q, how)) * (not how.keeps) + room[0]), room[1]
    forward = _capped(layer, read, how) if layer.is_scored_by_hand else _step_by_step(layer, read, how, added)
    backward = _back(layer, read, how, answer) if how.keeps else 0
    return max(made, added * layer.is_scored_by_hand + forward - kept) - answer, backward


def _rows(q: Tensor, how: Saving) -> tuple[int, ...]:
    """Bytes of the logarithms of the sums of scores."""
    return tuple(fused_scores(how.batch * plain(product(q.shape[:-1]))).values())


def _mask(layer: Scored, read: tuple[Tensor, Tensor, Tensor], how: Saving) -> tuple[int, int]:
    """The most bytes needed to make the tensor that is added to the scores, and the bytes of that tensor.

    It starts as zeros or the table, for each sample. Each mask then needs a second copy with -inf in it, beside the
    tensors that say where: the given mask and a comparison, or distances (int64, twice for a window) and a comparison.
    """
    places = plain(read[0].shape[-2]) * plain(read[1].shape[-2])
    if not layer.is_masked and not (layer.is_scored_by_hand and layer.causal):
        return 0, 0
    size = (places if layer.relbias is None else how.batch * layer.relbias.numel) * how.width
    held = most = size
    if layer.mask is not None:
        given = how.batch * layer.mask.numel
        before, size = size, max(size, given * how.width)
        most = held + given * (how.width + 1) + size
        held += size
        size = max(before, size)
    distance = places * 8
    if layer.causal:
        most = max(most, held + distance + places + size)
        held += size
    if layer.window is not None:
        most = max(most, held + 2 * distance + places, held + distance + places + size)
    return max(most, held + distance), size


def _step_by_step(layer: Scored, read: tuple[Tensor, Tensor, Tensor], how: Saving, added: int) -> int:
    """The most bytes that exist in addition to its inputs, including those kept for backward."""
    q, k, v = read
    wide, is_narrow = max(4, how.width), how.width < 4
    groups = plain(q.shape[-3]) // plain(k.shape[-3]) if q.rank > 2 else 1
    queries, keys, values = (plain(one.numel) * how.batch * wide for one in read)
    rows = how.batch * plain(product(q.shape[:-1]))
    pairs = rows * plain(k.shape[-2])
    answer, scores = rows * plain(v.shape[-1]) * wide, pairs * wide
    held = added + queries + (queries + keys + values if is_narrow else 0)
    if layer.causal and not layer.is_masked:
        held += plain(q.shape[-2]) * plain(k.shape[-2]) * wide
    if groups > 1:
        held += groups * (keys + values)
    lie = [one.like() if is_narrow or place < 2 else one for place, one in enumerate(how.strides[:3])]
    as_one = [one.viewed(joined(one.sizes, 0, q.rank - 2)) is not None for one in lie]
    scaled = groups * keys + queries * (not as_one[0]) + keys * (groups == 1 and not as_one[1])
    stays = (groups * keys + queries * (not as_one[0])) * how.keeps
    cast = added // how.width * wide if is_narrow else 0
    dropped = 2 * scores * (0 < layer.dropout < 1) * how.training
    copied = values * (groups == 1 and not as_one[2])
    rounded = answer // wide * how.width * is_narrow
    weighted = scores + dropped + answer + (copied + rounded if how.keeps else max(copied, rounded))
    weighted += pairs * how.width * is_narrow
    return held + max(scaled + scores, stays + scores + cast, stays + 2 * scores + pairs + rows, stays + weighted)


def _back(layer: Scored, read: tuple[Tensor, Tensor, Tensor], how: Saving, answer: int) -> int:
    """The most bytes backward, in addition to the gradient of the output, all that is kept, and the returned gradients."""
    q, k, v = read
    wide = how.width if layer.is_scored_by_hand else max(4, how.width)
    is_narrow = how.width < wide
    groups = plain(q.shape[-3]) // plain(k.shape[-3]) if q.rank > 2 else 1
    asked, told, gives = how.needs[:3]
    table = layer.relbias if layer.relbias is not None and how.needs[layer.at("relbias")] else None
    learned = table is not None
    queries, keys, values = (plain(one.numel) * how.batch * wide for one in (q, k, v))
    keys, values = groups * keys, groups * values
    pairs = how.batch * plain(product(q.shape[:-1])) * plain(k.shape[-2])
    scores, cast = pairs * wide, answer // how.width * wide if is_narrow else 0
    scored = asked or told or learned
    new = sum(one.numel * needed for one, needed in zip(read, how.needs)) * how.batch * how.width
    of_values = values * gives
    gone = cast - answer if is_narrow else 0
    most = max(cast, gone + of_values + scores * scored)
    there = how.strides[2].steps[0] * how.batch * how.width  # including other tensors in the same memory
    kept_values = (values if is_narrow or groups > 1 or layer.is_scored_by_hand else there) * scored
    after = of_values - answer - kept_values
    if scored:
        if 0 < layer.dropout < 1:
            after -= scores * gives  # the masked scores
            most = max(most, after + 2 * scores)
            after -= scores  # their mask
        most = max(most, after + 2 * scores)
        after -= scores
        most = max(most, after + scores + queries * asked + keys * told)
        after -= queries * told + keys * asked
        after += queries * asked + keys * told + scores * learned
        most = max(most, after + max(queries * asked, keys * told))
    if table is not None:  # its gradient comes last: without what was hidden, then summed over the samples
        summed = 0 if table.batched else table.numel * how.batch * how.width
        given = table.numel * (how.batch if table.batched else 1) * how.width
        hides = layer.causal or layer.window is not None or layer.mask is not None
        most = max(most, after + max(scores * hides, given)) - summed - given
    return most - new


def _capped(layer: Scored, read: tuple[Tensor, Tensor, Tensor], how: Saving) -> int:
    """The most bytes in addition to its inputs where it is written step by step, in variables that live to its end."""
    q, k, v = read
    groups = plain(q.shape[-3]) // plain(k.shape[-3]) if q.rank > 2 else 1
    rows = how.batch * plain(product(q.shape[:-1]))
    pairs, sunk = rows * plain(k.shape[-2]) * how.width, rows * how.width * bool(layer.sinks)
    repeated = groups * (k.numel + v.numel) * how.batch * how.width
    answer = rows * plain(v.shape[-1]) * how.width
    capped = pairs * (layer.softcap is not None) * (1 + how.keeps)  # and, for the backward pass, before the factor
    turned = how.strides[0].viewed(joined(how.strides[0].sizes, 0, q.rank - 2)) is None
    repeated += how.batch * q.numel * how.width * turned * how.keeps
    masked = pairs * (layer.is_masked or layer.causal)
    held = pairs + capped
    if layer.sinks:
        softmax = pairs + sunk
        most = max(held + pairs, held + masked + softmax + max(softmax, answer))
    else:
        softmax = pairs + (pairs // how.width + rows if masked else 0)
        most = max(pairs + 2 * pairs, held + masked + softmax, held + pairs + answer)
    dropped = 2 * pairs * (0 < layer.dropout < 1) * how.training
    return repeated + most + dropped
