"""How PyTorch runs attention with projections, and what it keeps for backward."""

from __future__ import annotations

from collections import Counter

from archcalc.layers.heads import Heads
from archcalc.layers.kernels.scores import (
    added_to_scores,
    copies,
    eager_scores,
    fused_scores,
    multihead_inputs,
)
from archcalc.layers.position import rotated
from archcalc.layers.rms_norm import root_normed
from archcalc.layers.saved import Saved, Saving
from archcalc.layers.strides import Strides, are_rows, contiguous, joined
from archcalc.layers.tensor import Tensor
from archcalc.quantity import plain, product


def is_fused(layer: Heads, learned: bool) -> bool:
    """Whether one CPU kernel computes scores and weighted values; `learned`: learned numbers are added to the scores.

    The kernel refuses the layout in which `torch.cat` returns rotated vectors of two elements, if there are several heads
    and the vectors were rotated whole and not normalised one by one before.
    """
    turned = layer.rope is not None and layer.rope_dim is None and layer.turned == 2 == layer.head
    scattered = turned and layer.qknorm in (False, "width") and plain(layer.heads) > 1
    return not learned and not layer.is_scored_by_hand and not scattered


class Attending:
    """One attention layer as PyTorch runs it: which kernels it uses, and what they keep for backward.

    Attributes:
        layer: the layer.
        how: how it runs.
        y, inputs: its output and inputs.
    """

    def __init__(self, layer: Heads, how: Saving, y: Tensor, inputs: tuple[Tensor, ...]) -> None:
        self.layer, self.how, self.y, self.inputs = layer, how, y, inputs

    def copied(self) -> tuple[int, ...]:
        """The input of each separate projection that reads a copy, because its positions are not the rows of one matrix."""
        if self.layer.is_multihead_attention():
            return ()  # which puts positions first
        times = Counter((0, *self.layer.places))
        return tuple(at for at, each in times.items() for _ in range(copies(self.how.strides[at], each, False)))

    def strides(self) -> Strides:
        """How the output is stored: torch.nn.MultiheadAttention puts positions first."""
        y, sizes = self.y, (self.how.batch, *self.y.shape)
        if not self.layer.is_multihead_attention() or self.is_fast:
            return contiguous(sizes)
        first = contiguous((y.shape[-2], product(sizes[:-2]), y.shape[-1])).transposed(0, 1)
        return first if y.rank == 2 else first.split(0, sizes[:-2])

    def saved(self) -> Saved:
        """What its projections read, queries, keys and values, and what the scores' kernel keeps."""
        how, x = self.how, self.inputs[0]
        keys, values = self.layer.keys_and_values(x)
        rows = how.batch * plain(product(x.shape[:-2]))
        queries, keyed = rows * plain(x.shape[-2]), rows * plain(keys.shape[-2])
        heads, inner, width = plain(self.layer.heads), plain(self.layer.inner), how.width
        learned, fused, wide = self.learned, self.fused, self.scored
        seen = keys.shape[-2] + self.layer.more  # keys that a query has scores for
        asks, tells, gives, scored = (fused or needed for needed in self._needed)
        if self.layer.is_multihead_attention():
            made = self.made_at_once(x)
            kept, extra = multihead_inputs(
                how, rows, x, (keys, values), self.layer.places, made, fused, self.layer.more
            )
        else:
            kept, extra = tuple(sorted({0, *self.layer.places})) if how.learns else (), {}
            shared = plain(self.layer.kv_inner) if fused else inner
            # A product keeps each factor that the gradient of the other needs.
            extra["queries, keys and values"] = (queries * inner * tells + keyed * shared * (asks + scored)) * wide
            if self.layer.qknorm:
                extra["norms"] = self._norms(queries, keyed)
            if self.layer.rope is not None:
                asked, told, _, _ = self._needed
                extra["angles"] = plain((x.shape[-2] * asked + keys.shape[-2] * told) * self.layer.turned) * width
        pairs = queries * plain(seen) * heads
        extra["mask"] = self._masks(rows, (heads, plain(x.shape[-2]), plain(seen)), fused, learned)
        scores = fused_scores(queries * heads)
        if not fused:
            scores = eager_scores(how, pairs, wide, self.layer.dropout, self.layer.softcap, scored, gives)
            if not (asks or tells):
                scores.pop("capped scores", None)
        if self.layer.sinks and scores.get("scores"):
            scores["scores"] += queries * heads * width  # for the sinks, in the same softmax
        if self.layer.is_multihead_attention() and not fused:
            more = rows * self.layer.more
            scores["scaled queries and keys"] = (queries * tells + (keyed + more) * asks) * inner * wide
            if wide > width:  # only the values, in fp32
                extra["queries, keys and values"] = (keyed + more) * inner * wide
            extra["queries, keys and values"] *= scored
        if fused or how.learns:
            scores["output of the scores"] = queries * inner * width
        if fused and how.learns and not self.layer.is_multihead_attention() and self._is_by_heads(rows, x):
            scores["output by position"] = queries * inner * width
        return Saved(kept, extra=extra | scores)

    def _norms(self, queries: int, keyed: int) -> int:
        """Bytes that the norms of queries and keys keep, if a gradient flows to them; `queries`, `keyed`: vectors of each."""
        layer, how = self.layer, self.how
        scaled = how.learns and not how.adapts and layer.qknorm != "unscaled"
        wide, kept = how.width if how.gpu else max(4, how.width), 0
        inner = (queries * plain(layer.inner), keyed * plain(layer.kv_inner))
        for needed, vectors, normed in zip(self._needed, inner, layer.normed):
            if needed:  # a bool times a size would be a number without its formula
                kept += (1 + scaled) * vectors * wide + 4 * (vectors // plain(normed))
        return kept

    def _is_by_heads(self, rows: int, x: Tensor) -> bool:
        """Whether the fused kernel's output, which is laid out like the queries, is copied so that positions come first.

        After norms or rotation, queries are stored by head.
        """
        queries = contiguous((rows, x.shape[-2], self.layer.heads, self.layer.head)).transposed(1, 2)
        if self.layer.qknorm in (True, "unscaled"):
            queries = root_normed(queries, scaled=self.layer.qknorm is True)
        if self.layer.rope is not None:
            queries = rotated(queries, self.layer.rope_dim)
        given = queries.like().transposed(1, 2)
        together = given.viewed(joined(given.sizes, 2, 3))
        return together is None or not are_rows(together)

    def _masks(self, rows: int, sizes: tuple[int, int, int], fused: bool, learned: bool) -> int:
        """Bytes kept of what is added to the scores of `rows` sequences; `sizes`: heads, queries and keys of one."""
        layer, width = self.layer, self.how.width
        own = layer.is_multihead_attention()
        if layer.relbias is not None and not fused and not self.how.keeps:
            return rows * product(sizes) * width
        if fused and own and layer.causal and not layer.is_masked:
            return sizes[1] * sizes[2] * width  # a mask of numbers, since no flag expresses it
        if fused and own and layer.mask is not None and rows > 1:
            return rows * product(sizes) * width  # repeated for each head
        return added_to_scores(layer, (rows, *sizes), width, fused, learned)["mask"]

    @property
    def _needed(self) -> tuple[bool, bool, bool, bool]:
        """Whether a gradient flows to queries, keys and values, and to scores; all True if nothing is kept."""
        how = self.how
        asks, tells, gives = (not how.keeps or how.learns or how.needs[at] for at in (0, *self.layer.places))
        return asks, tells, gives, asks or tells or self.learned

    @property
    def learned(self) -> bool:
        """Whether a gradient flows to learned numbers that are added to the scores."""
        return self.layer.relbias is not None and self.how.needs[self.layer.at("relbias")]

    @property
    def fused(self) -> bool:
        """Whether one kernel computes scores and weighted values without keeping the scores."""
        how = self.how
        if how.attention is not None:
            return how.attention == "flash"
        return is_fused(self.layer, self.learned) and (how.gpu or not self.layer.dropout or not how.keeps)

    @property
    def scored(self) -> int:
        """Bytes of the numbers in which scores are computed: without a fused kernel, PyTorch uses fp32 for 16-bit inputs.

        Source: _scaled_dot_product_attention_math in aten/src/ATen/native/transformers/attention.cpp.
        """
        by_hand = self.layer.is_scored_by_hand
        return self.how.width if self.fused or by_hand else max(4, self.how.width)

    def made_at_once(self, x: Tensor) -> int:
        """How many of queries, keys and values torch.nn.MultiheadAttention projects at once and then splits."""
        keys, values = self.layer.places
        if not self.how.same(keys, values) or self.layer.keys_and_values(x)[0].shape[-1] != x.shape[-1]:
            return 0
        if x.rank > 2:  # joining the axes before the positions makes separate tensors of one
            return 3 if self.layer.kv is self.layer.k is self.layer.v is None else 2
        return 3 if self.how.same(0, keys) else 2

    @property
    def is_fast(self) -> bool:
        """Whether PyTorch runs torch.nn.MultiheadAttention's fast path, used at inference."""
        return (
            not self.layer.more
            and self.layer.is_multihead_attention()
            and self.made_at_once(self.inputs[0]) == 3
            and not self.layer.causal  # its mask holds numbers
            and (self.layer.window, self.layer.mask) == (None, None)
            and plain(self.layer.heads) % 2 == 0
            and not (self.how.training or self.how.gpu)
            and not (self.how.casts and self.how.given[0] == self.how.width)  # its weights have another type
        )
