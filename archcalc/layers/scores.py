"""Attention scores: how many a mask lets through, and what autograd keeps of them."""

from __future__ import annotations

from archcalc.layers.saved import Saving
from archcalc.layers.tensor import Tensor
from archcalc.quantity import plain

# Operations on one attention score: scaling (1) and softmax (5).
SCORE = 6


def visible_scores(queries: int, keys: int, causal: bool, window: int | None) -> int:
    """How many of the queries·keys scores a mask lets through.

    Causal: query i sees keys 0..i. A window w: only keys less than w positions away.
    """
    if not causal and window is None:
        return queries * keys
    reach = keys + queries if window is None else min(window, keys + queries)
    # Keys up to the query itself: i - j in [0, reach), j < keys.
    before = _staircase(queries, reach) - _staircase(max(0, queries - keys), reach)
    if causal:
        return before
    after = _staircase(keys - 1, reach - 1) - _staircase(max(0, keys - 1 - queries), reach - 1) if keys > 1 else 0
    return before + after


def _staircase(rows: int, reach: int) -> int:
    """1 + 2 + ... over `rows` rows, no row longer than `reach`."""
    if rows <= 0 or reach <= 0:
        return 0
    growing = min(rows, reach)
    return growing * (growing + 1) // 2 + (rows - growing) * reach


def fused_scores(rows: int) -> dict[str, int]:
    """Flash attention keeps no scores, only the logarithm of each row's sum (fp32). Source: Dao et al. 2022."""
    return {"sums of the scores": 4 * rows}


def eager_scores(how: Saving, pairs: int, dropout: float = 0, softcap: float | None = None) -> dict[str, int]:
    """Attention step by step keeps the softmax of all pairs; with dropout the mask and the masked ones as well."""
    extra = {"scores": pairs * how.width}
    if softcap is not None:
        extra["capped scores"] = pairs * how.width
    if 0 < dropout < 1:
        extra["mask of the scores"] = pairs * how.mask
        extra["masked scores"] = pairs * how.width
    return extra


def multihead_inputs(
    how: Saving, batch: int, x: Tensor, memory: Tensor | None, fused: bool
) -> tuple[tuple[int, ...], dict[str, int]]:
    """What torch.nn.MultiheadAttention keeps of its inputs: which of them as they are, and the bytes of the rest.

    It puts positions first, which is a copy unless there is one sample or one position.

    Args:
        batch: samples, times the axes before the positions.
        memory: where keys and values come from; None for `x`.
        fused: whether one kernel reads queries and keys; else scaled copies of them are kept elsewhere.
    """
    keys = x if memory is None else memory
    reads = [(0, x, 1)]
    if memory is not None:
        reads.append((1, keys, 1 if keys.shape[-1] == x.shape[-1] else 2))
    kept, copied = [], 0
    for index, tensor, times in reads:
        if batch > 1 and tensor.shape[-2] > 1:
            copied += times * batch * plain(tensor.shape[-2] * tensor.shape[-1])
        else:
            kept.append(index)
    # Projections made in one go are one block of memory, all of which stays for the values alone.
    together = 2 if keys.shape[-1] == x.shape[-1] else 1
    positions = together * keys.shape[-2]
    if fused or len(reads) == 1:
        positions = x.shape[-2] + 2 * keys.shape[-2]
    projected = batch * plain(positions * x.shape[-1])
    extra = {"queries, keys and values": projected * how.width}
    if copied:
        extra["inputs by position"] = copied * how.width
    return tuple(kept), extra
