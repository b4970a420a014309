"""Attention scores: what autograd keeps of them, and what the kernels that compute them need temporarily."""

from __future__ import annotations

from archcalc.layers.kernels.narrow import is_narrow
from archcalc.layers.saved import Saving
from archcalc.layers.scores import Scored
from archcalc.layers.strides import Strides, are_rows
from archcalc.layers.tensor import Shape, Tensor
from archcalc.quantity import plain, product


def fused_scores(rows: int) -> dict[str, int]:
    """Flash attention keeps no scores, only the logarithm of each row's sum (fp32). Source: Dao et al. 2022."""
    return {"sums of the scores": 4 * rows}


def eager_scores(
    how: Saving, pairs: int, width: int, dropout: float = 0, softcap: float | None = None,
    scored: bool = True, weights: bool = True,
) -> dict[str, int]:  # fmt: skip
    """Attention step by step keeps the softmax of all pairs; with dropout, also the mask and the masked softmax.

    Args:
        pairs: pairs of a query and a key, of all samples and heads.
        width: bytes of a score.
        dropout: probability with which a weight is dropped.
        softcap: bound of the scores, or None.
        scored: whether a gradient flows to the scores.
        weights: whether a gradient flows to the values that they weight.
    """
    dropped = 0 < dropout < 1
    extra = {"scores": pairs * width * (scored or (weights and not dropped))}
    if softcap is not None:
        extra["capped scores"] = pairs * width
    if dropped:
        extra["mask of the scores"] = pairs * (1 if how.gpu else width) * scored
        extra["masked scores"] = pairs * width * weights
    return extra


def added_to_scores(layer: Scored, sizes: Shape, width: int, fused: bool, learned: bool) -> dict[str, int]:
    """Bytes kept of what is added to the scores.

    Args:
        sizes: sizes of the scores, from the batch on.
        width: bytes of a number.
        fused: whether a fused kernel reads them; it gets a causal mask as a flag only.
        learned: whether some of them are learned; hidden ones are then set to -inf.
    """
    *before, queries, keys = sizes
    hides = layer.causal + (layer.window is not None)
    shape: Shape = () if layer.mask is None else tuple(map(plain, layer.mask.shape))
    masks = 1  # of queries and keys
    if layer.mask is not None:  # repeated for each sample
        masks = before[0] * product(shape[:-2][-len(before[1:]) :] if before[1:] else ())
    if not fused:  # learned numbers, some set to -inf
        filled = queries * keys * hides + (masks * product(shape[-2:]) if shape else 0)
        return {"mask": filled if learned else 0}
    if layer.relbias is not None:
        return {"mask": product(sizes) * width}  # the table, repeated for each sample
    return {"mask": masks * queries * keys * width if layer.is_masked else 0}


def copies(x: Strides, projections: int, positions_first: bool) -> int:
    """How many copies of a sequence its projections read: one for each if the positions are not the rows of one matrix.

    The axes before the positions are joined first.
    """
    sequences = x.flattened(0, x.rank - 3)
    if not are_rows(sequences.transposed(0, 1) if positions_first else sequences):
        return projections
    return int(x.rank > 3 and x.viewed(sequences.sizes) is None)


def multihead_inputs(
    how: Saving,
    batch: int,
    x: Tensor,
    sources: tuple[Tensor, Tensor],
    places: tuple[int, int],
    made: int,
    fused: bool,
    more: int,
) -> tuple[tuple[int, ...], dict[str, int]]:
    """What torch.nn.MultiheadAttention keeps of its inputs: which ones as they are, and the bytes of the rest.

    It puts positions first, which is usually a copy.

    Args:
        batch: samples, times the axes before the positions.
        sources: the tensors that keys and values come from.
        places: positions of the sources among the inputs.
        made: how many of queries, keys and values are projected at once: 3, the last 2, or 0.
        fused: whether one kernel reads queries and keys; if not, scaled copies of them are counted elsewhere.
        more: keys and values in addition to those of the positions; appending them copies all.
    """
    keys = sources[0]
    reads = {0: (x, 1)}
    for index, tensor in list(zip(places, sources))[: {0: 2, 2: 1, 3: 0}[made]]:
        reads[index] = tensor, reads.get(index, (tensor, 0))[1] + 1
    kept, copied = [], 0
    for index, (tensor, times) in sorted(reads.items()) if how.learns else ():
        copied_here = copies(how.strides[index], times, positions_first=True)
        if copied_here:
            copied += copied_here * batch * plain(tensor.shape[-2] * tensor.shape[-1])
        else:
            kept.append(index)
    # Projections made at once are one block of memory, which is kept whole even if only the values are needed.
    positions = (2 if made else 1) * keys.shape[-2]
    if more:
        whole = x.shape[-2] + (2 * keys.shape[-2] if made == 3 else 0)  # for the queries
        positions = whole + 2 * (keys.shape[-2] + more) if fused else keys.shape[-2] + more
    elif fused or made == 3:
        positions = x.shape[-2] + 2 * keys.shape[-2]
    projected = batch * plain(positions * x.shape[-1])
    extra = {"queries, keys and values": projected * how.width}
    if copied:
        extra["inputs by position"] = copied * how.width
    return tuple(kept), extra


# How many queries the CPU's fused kernel takes at a time, by the least number of queries for it; and how many keys.
_QUERIES, _KEYS = ((768, 256), (192, 64), (0, 32)), 512


def scores_passing(
    how: Saving,
    sizes: tuple[int, int, int, int],
    kept: dict[str, int],
    fused: bool,
    dropout: bool,
    counted: int,
    made: int,
    answer: int,
    beside: int,
) -> tuple[int, int]:
    """Bytes that attention needs temporarily, forward and backward, apart from input, output and what it keeps.

    Backward, the gradients of queries, keys and values exist before those of the projections and of the input, and are
    joined only when what was kept is freed.

    Args:
        sizes: heads of all samples, queries, keys and features of a head.
        kept: the layer's `Saved.extra`.
        fused: whether one kernel computes scores and weighted values.
        dropout: whether weights are dropped.
        counted: bytes of the gradients that are computed later.
        made: how many of queries, keys and values are projected at once and then copied apart.
        answer: bytes of the layer's output.
        beside: bytes held at inference while scores are computed, in addition to queries, keys and values.
    """
    heads, queries, keys, head = sizes
    asked, known = heads * queries * head * how.width, heads * keys * head * how.width
    projected, pairs, all_kept = asked + 2 * known, heads * queries * keys * how.width, sum(kept.values())
    forward_room, backward_room = fused_room(how, queries, keys, head) if fused and not how.gpu else (0, 0)
    softmax = (
        2 * pairs + pairs // how.width + heads * queries
    )  # its input and output, and which rows are hidden entirely
    copied = {0: 0, 2: 2 * known, 3: projected}[made]
    if fused:
        forward = max(projected + copied - answer - all_kept, forward_room)
        backward = projected + backward_room
    else:
        forward = asked if dropout else max(asked, softmax - pairs - 2 * asked)
        backward = pairs + known - asked - answer
        if not dropout:
            softmaxed = 2 * pairs - 2 * asked - answer
            if "scaled queries and keys" in kept:  # which take the place of what was projected at once
                softmaxed -= {0: 0, 2: known, 3: asked + known}[made]
            backward = max(backward, softmaxed)
    if not how.keeps and fused:  # projections and their copies, or the copies while the kernel runs
        running = kept.get("sums of the scores", 0) + forward_room + asked - answer + beside
        forward = kept.get("mask", 0) + max(projected + copied - answer, projected + running)
    elif not how.keeps:
        running = max(softmax + asked, asked + known + pairs, copied)  # scaled keys are freed when the scores exist
        forward = kept.get("mask", 0) + projected + running - answer + beside
    # Gradients of what was projected at once are added up one after another, each as large as the whole.
    stacked = {0: projected, 2: asked + 5 * known, 3: 8 * asked}[made] - counted
    together = max(stacked, copied) - all_kept - answer + kept.get("inputs by position", 0)
    return forward, max(backward + asked - counted, together)


def upcast_passing(how: Saving, sizes: tuple[int, int, int, int], dropout: bool) -> int:
    """Bytes that 16-bit attention needs forward, apart from what it keeps, if its scores are computed in fp32.

    The projections, and queries and keys in fp32, exist throughout; at the end, also the scores in 16 bits and the
    output in both types.
    """
    heads, queries, keys, head = sizes
    asked, known, pairs = 4 * heads * queries * head, 4 * heads * keys * head, 4 * heads * queries * keys
    softmax = pairs + pairs // 4 - 2 * pairs * dropout
    late = asked + (asked + pairs) * how.width // 4
    return (asked + 2 * known) * how.width // 4 + asked + known + max(late, softmax)


def fused_room(how: Saving, queries: int, keys: int, head: int) -> tuple[int, int]:
    """Bytes of all threads' blocks of scores in the CPU's kernel, forward and backward. Source: aten/src/ATen/native/cpu/FlashAttentionKernel.cpp."""
    block = min(queries, next(size for least, size in _QUERIES if queries >= least))
    scores = block * min(_KEYS, keys)
    rounded = scores * how.width if is_narrow(how) else 0  # for the products with values and with their gradients
    forward = 4 * (scores + 2 * block + block * head) + rounded
    return how.threads * forward, how.threads * 2 * (4 * scores + rounded)
