"""What attention with its projections keeps for backward, and what its kernels need in passing."""

from __future__ import annotations

from collections import Counter

from archcalc.layers.base import Layer
from archcalc.layers.normalization import root_normed
from archcalc.layers.position import rotated
from archcalc.layers.remembering import LOW
from archcalc.layers.saved import Saved, Saving
from archcalc.layers.scores import copies, eager_scores, fused_room, fused_scores, multihead_inputs, scores_passing
from archcalc.layers.strides import Strides, are_rows, contiguous, joined
from archcalc.layers.tensor import Tensor
from archcalc.quantity import plain, product

# The arguments that say where keys and values come from, the first of both.
SOURCES = ("kv", "k", "v")


class AttentionMemory(Layer):
    """The part of `Attention` that is about memory.

    Attributes:
        _head: features of a head; _inner: of all heads; the rest as the layer's arguments.
    """

    autocast = LOW

    lets_go_early = True
    learns_in_turn = True

    heads: int
    _head: int
    _inner: int
    causal: bool
    window: int | None
    dropout: float
    softcap: float | None
    rope: float | None
    rope_dim: int | None
    qknorm: bool
    bias: bool | str
    kv: Tensor | None
    k: Tensor | None
    v: Tensor | None
    relbias: Tensor | None
    bias_kv: bool
    zero_attn: bool

    def is_multihead_attention(self) -> bool:
        """Whether torch.nn.MultiheadAttention computes the same with the same parameters."""
        raise NotImplementedError(self.op)

    def keys_and_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What keys and values are made of."""
        both = x if self.kv is None else self.kv
        return both if self.k is None else self.k, both if self.v is None else self.v

    @property
    def more(self) -> int:
        """Keys and values beside those of the positions."""
        return int(self.bias_kv) + int(self.zero_attn)

    @property
    def places(self) -> tuple[int, int]:
        """At which place among the inputs the sources of keys and of values stand."""
        given = [key for key in SOURCES if getattr(self, key) is not None]
        keys, values = (next((1 + given.index(key) for key in (one, "kv") if key in given), 0) for one in "kv")
        return keys, values

    @property
    def _key_heads(self) -> int:
        raise NotImplementedError(self.op)

    @property
    def _kv_inner(self) -> int:
        raise NotImplementedError(self.op)

    @property
    def _turned(self) -> int:
        raise NotImplementedError(self.op)

    def copied(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, ...]:
        """For each projection of its own, positions that are no rows of one matrix."""
        if self.is_multihead_attention():
            return ()  # which puts positions first
        times = Counter((0, *self.places))
        return tuple(at for at, each in times.items() for _ in range(copies(how.strides[at], each, False)))

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """torch.nn.MultiheadAttention gives positions first in memory."""
        sizes = (how.batch, *y.shape)
        if not self.is_multihead_attention() or self._is_fast(how):
            return contiguous(sizes)
        first = contiguous((y.shape[-2], product(sizes[:-2]), y.shape[-1])).transposed(0, 1)
        return first if y.rank == 2 else first.split(0, sizes[:-2])

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """What its projections read, queries, keys and values, and what the scores' kernel keeps."""
        x = inputs[0]
        keys, values = self.keys_and_values(x)
        rows = how.batch * plain(product(x.shape[:-2]))
        queries, keyed = rows * plain(x.shape[-2]), rows * plain(keys.shape[-2])
        heads, inner, width = plain(self.heads), plain(self._inner), how.width
        learned, fused = self._learned(how), self._fused(how)
        seen = keys.shape[-2] + self.more  # keys that a query has a score of
        if self.is_multihead_attention():
            made = self._made_at_once(x)
            kept, extra = multihead_inputs(how, rows, x, (keys, values), self.places, made, fused, self.more)
        else:
            kept, extra = tuple(sorted({0, *self.places})) if how.learns else (), {}
            shared = plain(self._kv_inner) if fused else inner
            extra["queries, keys and values"] = (queries * inner + 2 * keyed * shared) * width
            if self.qknorm:
                normed = queries * heads + keyed * plain(self._key_heads)
                extra["norms"] = normed * ((1 + how.learns) * plain(self._head) * width + 4)
            if self.rope is not None:
                extra["angles"] = plain((x.shape[-2] + keys.shape[-2]) * self._turned) * width
        pairs = queries * plain(seen) * heads
        extra["mask"] = plain(x.shape[-2] * seen) * self._masks(fused, learned, width)
        if self.relbias is not None and (fused or not how.keeps):
            extra["mask"] = pairs * width  # the table, repeated for each sample
        scores = fused_scores(queries * heads) if fused else eager_scores(how, pairs, self.dropout, self.softcap)
        if self.is_multihead_attention() and not fused:
            scores["scaled queries and keys"] = (queries + keyed + rows * self.more) * inner * width
        if fused or how.learns:
            scores["output of the scores"] = queries * inner * width
        if fused and how.learns and not self.is_multihead_attention() and self._is_by_heads(rows, x):
            scores["output by position"] = queries * inner * width
        return Saved(kept, extra=extra | scores)

    def _is_by_heads(self, rows: int, x: Tensor) -> bool:
        """Whether the fused kernel's output, laid out as the queries, is copied to lie by position.

        Queries lie by heads once they were normed or rotated.
        """
        queries = contiguous((rows, x.shape[-2], self.heads, self._head)).transposed(1, 2)
        if self.qknorm:
            queries = root_normed(queries, scaled=True)
        if self.rope is not None:
            queries = rotated(queries, self.rope_dim)
        given = queries.like().transposed(1, 2)
        together = given.viewed(joined(given.sizes, 2, 3))
        return together is None or not are_rows(together)

    def is_fused(self, learned: bool) -> bool:
        """Whether one kernel of the CPU does scores and weighted values; `learned`: numbers that learn are added to them.

        Rotated vectors of two elements come out of `torch.cat` in an order that it refuses: those of several heads,
        turned whole, and not normed before.
        """
        turned = self.rope is not None and self.rope_dim is None and self._turned == 2 == self._head
        scattered = turned and not self.qknorm and plain(self.heads) > 1
        return not learned and self.softcap is None and not scattered

    def _masks(self, fused: bool, learned: bool, width: int) -> int:
        """Bytes that are kept for each pair of positions to hide some."""
        hides = int(self.causal) + int(self.window is not None)
        if not fused:
            return hides if learned else 0  # where numbers that learn are filled up with -inf
        told = not self.is_multihead_attention() and self.window is None  # is_causal
        return width if hides and not told else 0

    def _learned(self, how: Saving) -> bool:
        return self.relbias is not None and how.needs[-1]

    def _fused(self, how: Saving) -> bool:
        """Whether one kernel computes scores and weighted values without keeping the scores."""
        if how.attention is not None:
            return how.attention == "flash"
        return self.is_fused(self._learned(how)) and (how.gpu or not self.dropout or not how.keeps)

    def passing(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, int]:
        """What the scores' kernel needs, and copies of queries, keys and values."""
        x = inputs[0]
        keys = self.keys_and_values(x)[0]
        rows, kept = how.batch * plain(product(x.shape[:-2])), self.saved(how, y, *inputs).extra
        sizes = (rows * plain(self.heads), plain(x.shape[-2]), plain(keys.shape[-2] + self.more), plain(self._head))
        read = {at: inputs[at] for at in (0, *self.places) if how.needs[at]}
        given = sum(plain(one.elements) for one in read.values()) * how.batch
        given += sum(plain(product(shape)) for shape in self.params(x).values())
        late = plain(product(y.shape[-1:]) * self._inner)  # of the projection back, which comes first
        answer = plain(y.elements) * how.batch * how.width
        if self._is_fast(how):
            return self._fast(rows, how.width, x), 0
        if self._fused(how) and not self.is_multihead_attention():
            return self._by_heads(how, sizes, kept, answer, (given - late) * how.width)
        dropout = bool(self.dropout) and how.keeps
        made = self._made_at_once(x) if self.is_multihead_attention() else 3
        beside = 0
        if self.more and not how.keeps:  # the mask, and what was made at once, of which copies are one longer
            masked = how.batch and kept.get("mask", 0)
            beside = masked + (2 * plain(keys.elements) * how.batch * how.width if made == 3 else 0)
        forward, backward = scores_passing(
            how, sizes, kept, self._fused(how), dropout, (given - late) * how.width, made, answer, beside
        )
        if not self._fused(how) and (self.causal or self.window is not None):
            forward += sizes[1] * sizes[2] * how.width  # what is added to the scores
        if not self._fused(how) and self._key_heads != self.heads:  # before they were repeated for all heads
            forward += 2 * rows * sizes[2] * plain(self._kv_inner) * how.width
        return (forward if self.softcap is None else self._capped(how, rows, kept, y, keys)), backward

    def _made_at_once(self, x: Tensor) -> int:
        """How many of queries, keys and values torch.nn.MultiheadAttention makes in one go, and takes apart then."""
        keys, values = self.keys_and_values(x)
        if keys is not values or keys.shape[-1] != x.shape[-1]:
            return 0
        return 3 if keys is x and (x.rank == 2 or not any(self.places)) else 2

    def _is_fast(self, how: Saving) -> bool:
        """Whether PyTorch computes torch.nn.MultiheadAttention in one go, as at inference."""
        return (
            self.relbias is None
            and not self.more
            and self.is_multihead_attention()
            and self.kv is self.k is self.v is None
            and not (self.causal or self.window is not None)  # its mask is one of numbers
            and not (how.training or how.gpu)
        )

    def _by_heads(
        self, how: Saving, sizes: tuple[int, int, int, int], kept: dict[str, int], given: int, counted: int
    ) -> tuple[int, int]:
        """With projections of its own, which at inference stay until the output is there.

        Backward, the gradient of the output, of the bytes `given`, goes when that of the scores' output is there.
        """
        _, queries, keys, head = sizes
        room, backward_room = (0, 0) if how.gpu else fused_room(how, queries, keys, head)
        projected, output = kept["queries, keys and values"], kept["output of the scores"]
        if not how.keeps:
            scores = max(output, kept["sums of the scores"] + room + output - given)
            return projected + scores + kept.get("output by position", 0), 0
        by_position = kept.get("output by position", 0)  # which the projection back has used by then
        backward = output - given + projected - by_position + backward_room - counted
        return max(0, room - given - by_position), max(backward, projected - sum(kept.values()))

    def _capped(self, how: Saving, rows: int, kept: dict[str, int], y: Tensor, keys: Tensor) -> int:
        """Forward with bounded scores: variables hold the projections, the scores and the bounded ones to the end."""
        keyed, pairs = rows * plain(keys.shape[-2]) * how.width, kept["scores"]
        output = rows * plain(y.shape[-2] * self._inner) * how.width
        projected = 2 * keyed * plain(self._kv_inner)
        if not how.keeps or (self.rope is None and not self.qknorm):  # else queries are kept as they are
            projected += output
        masked = self.causal or self.window is not None or self.relbias is not None
        if masked:
            projected += plain(y.shape[-2] * keys.shape[-2]) * how.width
        held, given = 2 * pairs, plain(y.elements) * how.batch * how.width  # which is not there yet
        if not how.keeps:
            projected += 2 * keyed * plain(self._inner)
            held += pairs + output
        return projected - given + max(held, (held + pairs - output) * masked)

    def _fast(self, rows: int, width: int, x: Tensor) -> int:
        """Forward at inference, where PyTorch computes the scores of torch.nn.MultiheadAttention one by one.

        Source: aten/src/ATen/native/transformers/attention.cpp.
        """
        positions = plain(x.shape[-2])
        projected = 3 * rows * positions * plain(self._inner) * width
        scores = rows * plain(self.heads) * positions**2 * width
        return max(2 * projected, projected + scores) - projected // 3
