"""How PyTorch runs attention with projections: what is kept for backward, and what is needed in passing."""

from __future__ import annotations

from collections import Counter

from archcalc.layers.heads import Heads
from archcalc.layers.kernels.eager import Eager
from archcalc.layers.kernels.narrow import mapping, norming, room
from archcalc.layers.kernels.scores import (
    added_to_scores,
    copies,
    eager_scores,
    fused_room,
    fused_scores,
    multihead_inputs,
    scores_passing,
    upcast_passing,
)
from archcalc.layers.position import rotated
from archcalc.layers.rms_norm import root_normed
from archcalc.layers.saved import Saved, Saving
from archcalc.layers.strides import Strides, are_rows, contiguous, joined
from archcalc.layers.tensor import Tensor
from archcalc.quantity import plain, product


def is_fused(layer: Heads, learned: bool) -> bool:
    """Whether one CPU kernel computes scores and weighted values; `learned`: learned numbers are added to the scores.

    `torch.cat` returns rotated vectors of two elements in an order that it refuses, if they are of several heads,
    rotated whole, and not normed one by one before.
    """
    turned = layer.rope is not None and layer.rope_dim is None and layer.turned == 2 == layer.head
    scattered = turned and layer.qknorm in (False, "width") and plain(layer.heads) > 1
    return not learned and not layer.is_scored_by_hand and not scattered


class Attending:
    """One attention layer as PyTorch runs it.

    Attributes:
        layer, how: what runs, and how; y, inputs: its output and inputs.
    """

    def __init__(self, layer: Heads, how: Saving, y: Tensor, inputs: tuple[Tensor, ...]) -> None:
        self.layer, self.how, self.y, self.inputs = layer, how, y, inputs

    def copied(self) -> tuple[int, ...]:
        """For each separate projection, positions that are not rows of one matrix."""
        if self.layer.is_multihead_attention():
            return ()  # which puts positions first
        times = Counter((0, *self.layer.places))
        return tuple(at for at, each in times.items() for _ in range(copies(self.how.strides[at], each, False)))

    def strides(self) -> Strides:
        """torch.nn.MultiheadAttention gives positions first in memory."""
        y, sizes = self.y, (self.how.batch, *self.y.shape)
        if not self.layer.is_multihead_attention() or self._is_fast:
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
        learned, fused, wide = self._learned, self._fused, self._scored
        seen = keys.shape[-2] + self.layer.more  # keys that a query has scores for
        asks, tells, gives, scored = (fused or needed for needed in self._needed)
        if self.layer.is_multihead_attention():
            made = self._made_at_once(x)
            kept, extra = multihead_inputs(
                how, rows, x, (keys, values), self.layer.places, made, fused, self.layer.more
            )
        else:
            kept, extra = tuple(sorted({0, *self.layer.places})) if how.learns else (), {}
            shared = plain(self.layer.kv_inner) if fused else inner
            # A product keeps of each factor what the other's gradient needs.
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
            scores["scores"] += queries * heads * width  # of the sinks, in the same softmax
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
        """Bytes that norms of queries and keys keep, if a gradient flows to them; both are of this many vectors."""
        layer, how = self.layer, self.how
        scaled = how.learns and not how.adapts and layer.qknorm != "unscaled"
        wide, kept = how.width if how.gpu else max(4, how.width), 0
        inner = (queries * plain(layer.inner), keyed * plain(layer.kv_inner))
        for needed, vectors, normed in zip(self._needed, inner, layer.normed):
            if needed:  # a bool times a size would be a number without its formula
                kept += (1 + scaled) * vectors * wide + 4 * (vectors // plain(normed))
        return kept

    def _is_by_heads(self, rows: int, x: Tensor) -> bool:
        """Whether the fused kernel's output, laid out as the queries, is copied to lie by position.

        Queries lie by heads after norms or rotation.
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
        """Bytes kept of what is added to the scores of this many `rows` of sequences, each of these `sizes`."""
        layer, width = self.layer, self.how.width
        own = layer.is_multihead_attention()
        if layer.relbias is not None and not fused and not self.how.keeps:
            return rows * product(sizes) * width
        if fused and own and layer.causal and not layer.is_masked:
            return sizes[1] * sizes[2] * width  # which no flag expresses
        if fused and own and layer.mask is not None and rows > 1:
            return rows * product(sizes) * width  # repeated for each head
        return added_to_scores(layer, (rows, *sizes), width, fused, learned)["mask"]

    @property
    def _needed(self) -> tuple[bool, bool, bool, bool]:
        """Whether a gradient flows to queries, keys and values, and to scores; all True if nothing is kept."""
        how = self.how
        asks, tells, gives = (not how.keeps or how.learns or how.needs[at] for at in (0, *self.layer.places))
        return asks, tells, gives, asks or tells or self._learned

    @property
    def _learned(self) -> bool:
        return self.layer.relbias is not None and self.how.needs[self.layer.at("relbias")]

    @property
    def _fused(self) -> bool:
        """Whether one kernel computes scores and weighted values without keeping the scores."""
        how = self.how
        if how.attention is not None:
            return how.attention == "flash"
        return is_fused(self.layer, self._learned) and (how.gpu or not self.layer.dropout or not how.keeps)

    @property
    def _scored(self) -> int:
        """Bytes of a number in which scores are computed: PyTorch uses fp32 for 16-bit ones without a fused kernel.

        Source: _scaled_dot_product_attention_math in aten/src/ATen/native/transformers/attention.cpp.
        """
        by_hand = self.layer.is_scored_by_hand
        return self.how.width if self._fused or by_hand else max(4, self.how.width)

    def passing(self) -> tuple[int, int]:
        """What its projections and its scores need in passing."""
        how, answer = self.how, self.y.numel * self.how.batch * self.how.width
        forward, backward = self._scoring(answer)
        if self._is_fast:
            return forward, backward
        if how.casts and not how.training and not how.gpu:
            return self._casting(forward, answer), 0
        if how.learns:
            return forward, backward
        repeated = max(mapping(how, *one) for one in self._maps())
        return max(forward, repeated - answer), max(backward, repeated)

    def _scoring(self, answer: int) -> tuple[int, int]:
        """What the scores' kernel needs, and copies of queries, keys and values."""
        how, y, x = self.how, self.y, self.inputs[0]
        keys = self.layer.keys_and_values(x)[0]
        rows, kept = how.batch * plain(product(x.shape[:-2])), self.saved().extra
        sizes = (
            rows * plain(self.layer.heads),
            plain(x.shape[-2]),
            plain(keys.shape[-2] + self.layer.more),
            plain(self.layer.head),
        )
        read = {at: self.inputs[at] for at in (0, *self.layer.places) if how.needs[at]}
        given = sum(one.numel for one in read.values()) * how.batch
        read_bytes = given * how.width
        given += sum(plain(product(shape)) for shape in self.layer.params(x).values())
        late = plain(product(y.shape[-1:]) * self.layer.inner)  # of the output projection, which comes first
        if self._is_fast:
            return self._fast(rows, how.width, x), 0
        if self._fused and not self.layer.is_multihead_attention():
            return self._by_heads(sizes, kept, answer, read_bytes, (given - late) * how.width)
        dropout = bool(self.layer.dropout) and how.keeps
        by_hand = self.layer.is_scored_by_hand
        if not (self._fused or by_hand or self.layer.is_multihead_attention()):
            forward, backward = self._eager(sizes, kept, answer, dropout, read_bytes, (given - late) * how.width)
            return self._upcast(forward, sizes, dropout, kept, answer), backward
        made = self._made_at_once(x) if self.layer.is_multihead_attention() else 3
        beside = 0
        if self.layer.more and not how.keeps:  # the mask, and copies of joint projections, one longer
            masked = how.batch and kept.get("mask", 0)
            beside = masked + (2 * keys.numel * how.batch * how.width if made == 3 else 0)
        forward, backward = scores_passing(
            how._replace(width=self._scored),
            sizes,
            kept,
            self._fused,
            dropout,
            (given - late) * how.width,
            made,
            answer,
            beside,
        )
        forward = self._upcast(forward, sizes, dropout, kept, answer)
        if not self._fused and (self.layer.causal or self.layer.is_masked):
            forward += sizes[1] * sizes[2] * how.width  # what is added to the scores
        return (self._by_hand(rows, kept, keys) if by_hand else forward), backward

    def _upcast(
        self, forward: int, sizes: tuple[int, int, int, int], dropout: bool, kept: dict[str, int], answer: int
    ) -> int:
        """What is needed forward if 16-bit scores are computed in fp32."""
        if self._scored == self.how.width or not self.how.keeps:
            return forward
        return upcast_passing(self.how, sizes, dropout) - kept.get("output of the scores", 0) - answer

    def _eager(
        self, sizes: tuple[int, int, int, int], kept: dict[str, int], answer: int, dropout: bool, read: int, later: int
    ) -> tuple[int, int]:
        """Step by step, with separate projections; `read`: bytes of its inputs; `later`: bytes of late gradients."""
        how, (heads, queries, keys, head) = self.how, sizes
        asked, known = heads * queries * head * how.width, heads * keys * head * how.width
        pairs, groups = heads * queries * keys, plain(self.layer.heads) // plain(self.layer.key_heads)
        mask = 0
        if self.layer.relbias is not None:
            mask = 0 if self._learned and how.keeps else pairs * how.width
        elif self.layer.causal or self.layer.is_masked:
            mask = queries * keys * how.width
        eager = Eager(
            asked, known // groups, known, pairs * how.width, pairs + heads * queries, mask,
            not self.layer.is_masked, groups > 1,
            self.layer.rope is not None or bool(self.layer.qknorm), dropout,
            sum(kept.values()), kept.get("norms", 0) + kept.get("angles", 0), answer,
            not any(self.layer.places),
        )  # fmt: skip
        return eager.forward(how.keeps), eager.backward(read, later - read)

    def _made_at_once(self, x: Tensor) -> int:
        """How many of queries, keys and values torch.nn.MultiheadAttention projects at once and then splits."""
        keys, values = self.layer.places
        if not self.how.same(keys, values) or self.layer.keys_and_values(x)[0].shape[-1] != x.shape[-1]:
            return 0
        if x.rank > 2:  # the axes before the positions are joined of each that is given, of one tensor too
            return 3 if self.layer.kv is self.layer.k is self.layer.v is None else 2
        return 3 if self.how.same(0, keys) else 2

    def joining(self) -> int:
        """Bytes of the gradients of parts of torch.nn.MultiheadAttention's joint matrix, which are put together last."""
        params = self.layer.params(self.inputs[0])
        is_split = self.layer.is_multihead_attention() and self._made_at_once(self.inputs[0]) < 3 and self.how.learns
        joint = [params[name] for name in ("in_proj_weight", "in_proj_bias") if is_split and name in params]
        return sum(plain(product(shape)) for shape in joint) * self.how.width

    @property
    def _is_fast(self) -> bool:
        """Whether PyTorch runs torch.nn.MultiheadAttention's fast path, used at inference."""
        return (
            not self.layer.more
            and self.layer.is_multihead_attention()
            and self._made_at_once(self.inputs[0]) == 3
            and not self.layer.causal  # its mask holds numbers
            and (self.layer.window, self.layer.mask) == (None, None)
            and plain(self.layer.heads) % 2 == 0
            and not (self.how.training or self.how.gpu)
            and not (self.how.casts and self.how.given[0] == self.how.width)  # its weights have another type
        )

    def _places(self) -> list[int]:
        """Which inputs the projections to queries, keys and values read; those projected at once count once."""
        made = self._made_at_once(self.inputs[0]) if self.layer.is_multihead_attention() else 0
        places = [one.place for one in self.layer.projections(self.y, *self.inputs)][:-1]
        return places[: len(places) - made + 1] if made else places

    def _maps(self) -> list[tuple[Strides, int, int]]:
        """The strides of each projection's input, and the columns and rows of its matrix."""
        ways, places = self.layer.projections(self.y, *self.inputs)[:-1], self._places()
        found = []
        for index, place in enumerate(places):
            last = index == len(places) - 1
            rows = sum(plain(one.rows) for one in (ways[index:] if last else ways[index : index + 1]))
            strides = self.how.strides[place]
            sequence = strides.flattened(0, strides.rank - 3)
            if self.layer.is_multihead_attention():  # which puts positions first
                sequence = sequence.transposed(0, 1)
            found.append((sequence, plain(ways[index].columns), rows))
        return found

    def _casting(self, forward: int, answer: int) -> int:
        """Forward at inference, where autocast copies each projection's input and weights, and then frees the copies.

        Args:
            forward: what scores need; answer: bytes of the output, which exists by then.
        """
        how, x = self.how, self.inputs[0]
        width = how.width
        copied = sum(plain(product(shape)) for shape in self.layer.params(x).values()) * width
        casts = {at: self.inputs[at] for at in {0, *self.layer.places} if how.given[at] != width}
        copied += sum(plain(one.elements) for one in casts.values()) * how.batch * width
        most, there = forward, 0
        for place, (strides, columns, rows) in zip(self._places(), self._maps()):
            positions = self.inputs[place].numel * how.batch // plain(self.inputs[place].shape[-1])
            own = (columns + 1) * rows + positions * columns * (place in casts)
            gives = positions * rows * width
            most = max(most, there + own * width + gives + mapping(how, strides, columns, rows) - answer)
            there += gives
        back = self.layer.projections(self.y, *self.inputs)[-1]
        positions, columns, rows = how.batch * plain(back.positions), plain(back.columns), plain(back.rows)
        own = (positions * columns + (columns + 1) * rows) * width + room(how, positions, columns, rows)
        most = max(most, there + own)
        return most - copied

    def _by_heads(
        self, sizes: tuple[int, int, int, int], kept: dict[str, int], given: int, read: int, counted: int
    ) -> tuple[int, int]:
        """With separate projections, which at inference stay until the output exists.

        Backward, the gradient of the output (`given` bytes) is freed when that of the scores' output exists, and those
        of one input (`read` bytes) are summed at the end.
        """
        how, (_, queries, keys, head) = self.how, sizes
        room, backward_room = (0, 0) if how.gpu else fused_room(how, queries, keys, head)
        projected, output = kept["queries, keys and values"], kept["output of the scores"]
        if not how.keeps:
            running = max(kept["sums of the scores"] + room - given, kept.get("output by position", 0))
            mask = kept.get("mask", 0)
            built = max(self._building(queries * keys), norming(how, self.layer.qknorm, sizes, projected))
            return projected + max(mask + output + max(0, running), built - given), 0
        by_position = kept.get("output by position", 0)  # which the output projection has used by then
        backward = output - given + projected - by_position + backward_room - counted
        together = output + read * (not any(self.layer.places)) - given - sum(kept.values())
        return max(0, room - given - by_position), max(backward, together)

    def _building(self, pairs: int) -> int:
        """Bytes to make the table that hides distant keys: zeros, distances (int64) twice, and which are too far.

        Source: score_mask in archcalc/pytorch/pieces/attention.py.
        """
        if self.layer.window is None or self.layer.relbias is not None:
            return 0
        return pairs * ((1 + self.layer.causal) * self.how.width + 2 * 8 + 1)

    def _by_hand(self, rows: int, kept: dict[str, int], keys: Tensor) -> int:
        """Forward step by step: variables hold the projections and the scores of each step to the end."""
        layer, how, y = self.layer, self.how, self.y
        keyed, queries = rows * plain(keys.shape[-2]) * how.width, rows * plain(y.shape[-2]) * how.width
        output, pairs = queries * plain(layer.inner), queries * plain(layer.heads * keys.shape[-2])
        projected = 2 * keyed * plain(layer.kv_inner)
        if not how.keeps or (
            layer.rope is None and layer.qknorm in (False, "width")
        ):  # else queries are kept as they are
            projected += output
        masked = layer.causal or layer.is_masked
        if masked:
            projected += plain(y.shape[-2] * keys.shape[-2]) * how.width
        if not how.keeps:
            projected += 2 * keyed * plain(layer.inner)
        given = y.numel * how.batch * how.width  # which does not exist yet
        if layer.sinks:
            softmax = kept["scores"]  # with the scores of the sinks, as what it reads
            held = pairs * (1 + (layer.softcap is not None) + masked)
            late = sum(kept.get(name, 0) for name in ("output of the scores", "mask of the scores", "masked scores"))
            return (
                projected
                - given
                + (max(held + softmax - late, held) if how.keeps else held + softmax + max(softmax, output))
            )
        held = 2 * pairs
        if not how.keeps:
            held += pairs + output
        return projected - given + max(held, (held + pairs - output) * masked)

    def _fast(self, rows: int, width: int, x: Tensor) -> int:
        """Forward at inference, on the fast path without a fused kernel.

        Source: aten/src/ATen/native/transformers/attention.cpp.
        """
        positions = plain(x.shape[-2])
        projected = 3 * rows * positions * plain(self.layer.inner) * width
        scores = rows * plain(self.layer.heads) * positions**2 * width
        return max(2 * projected, projected + scores) - projected // 3
