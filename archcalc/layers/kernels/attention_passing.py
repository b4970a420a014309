"""What attention with projections needs temporarily, in addition to its inputs, its output and what it keeps."""

from __future__ import annotations

from archcalc.layers.kernels.attention import Attending
from archcalc.layers.kernels.eager import Eager
from archcalc.layers.kernels.narrow import mapping, norming, room
from archcalc.layers.kernels.scores import fused_room, scores_passing, upcast_passing
from archcalc.layers.strides import Strides
from archcalc.layers.tensor import Tensor
from archcalc.quantity import plain, product


class Passing(Attending):
    """One attention layer, moment by moment: temporaries of its projections, its scores and their gradients, in bytes."""

    def passing(self) -> tuple[int, int]:
        """Bytes that its projections and its scores need temporarily, forward and backward."""
        how, answer = self.how, self.y.numel * self.how.batch * self.how.width
        forward, backward = self._scoring(answer)
        if self.is_fast:
            return forward, backward
        if how.casts and not how.training and not how.gpu:
            return self._casting(forward, answer), 0
        if how.learns:
            return forward, backward
        repeated = max(mapping(how, *one) for one in self._maps())
        return max(forward, repeated - answer), max(backward, repeated)

    def _scoring(self, answer: int) -> tuple[int, int]:
        """Bytes that the kernel of the scores needs, and copies of queries, keys and values."""
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
        late = plain(product(y.shape[-1:]) * self.layer.inner)  # of the output projection, whose gradient comes first
        if self.is_fast:
            return self._fast(rows, how.width, x), 0
        if self.fused and not self.layer.is_multihead_attention():
            return self._by_heads(sizes, kept, answer, read_bytes, (given - late) * how.width)
        dropout = bool(self.layer.dropout) and how.keeps
        by_hand = self.layer.is_scored_by_hand
        if not (self.fused or by_hand or self.layer.is_multihead_attention()):
            forward, backward = self._eager(sizes, kept, answer, dropout, read_bytes, (given - late) * how.width)
            return self._upcast(forward, sizes, dropout, kept, answer), backward
        made = self.made_at_once(x) if self.layer.is_multihead_attention() else 3
        beside = 0
        if self.layer.more and not how.keeps:  # the mask, and copies of the joint projections with one more position
            masked = how.batch and kept.get("mask", 0)
            beside = masked + (2 * keys.numel * how.batch * how.width if made == 3 else 0)
        forward, backward = scores_passing(
            how._replace(width=self.scored),
            sizes,
            kept,
            self.fused,
            dropout,
            (given - late) * how.width,
            made,
            answer,
            beside,
        )
        forward = self._upcast(forward, sizes, dropout, kept, answer)
        if not self.fused and (self.layer.causal or self.layer.is_masked):
            forward += sizes[1] * sizes[2] * how.width  # what is added to the scores
        return (self._by_hand(rows, kept, keys) if by_hand else forward), backward

    def _upcast(
        self, forward: int, sizes: tuple[int, int, int, int], dropout: bool, kept: dict[str, int], answer: int
    ) -> int:
        """Bytes needed forward, also if 16-bit scores are computed in fp32."""
        if self.scored == self.how.width or not self.how.keeps:
            return forward
        return upcast_passing(self.how, sizes, dropout) - kept.get("output of the scores", 0) - answer

    def _eager(
        self, sizes: tuple[int, int, int, int], kept: dict[str, int], answer: int, dropout: bool, read: int, later: int
    ) -> tuple[int, int]:
        """Step by step, with separate projections; `read`: bytes of its inputs; `later`: bytes of the gradients computed later."""
        how, (heads, queries, keys, head) = self.how, sizes
        asked, known = heads * queries * head * how.width, heads * keys * head * how.width
        pairs, groups = heads * queries * keys, plain(self.layer.heads) // plain(self.layer.key_heads)
        mask = 0
        if self.layer.relbias is not None:
            mask = 0 if self.learned and how.keeps else pairs * how.width
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

    def joining(self) -> int:
        """Bytes of the gradients of parts of torch.nn.MultiheadAttention's joint matrix, which are concatenated last."""
        params = self.layer.params(self.inputs[0])
        is_split = self.layer.is_multihead_attention() and self.made_at_once(self.inputs[0]) < 3 and self.how.learns
        joint = [params[name] for name in ("in_proj_weight", "in_proj_bias") if is_split and name in params]
        return sum(plain(product(shape)) for shape in joint) * self.how.width

    def _places(self) -> list[int]:
        """The inputs that the projections to queries, keys and values read; those projected at once count once."""
        made = self.made_at_once(self.inputs[0]) if self.layer.is_multihead_attention() else 0
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
        """Forward at inference: autocast copies the input and weights of each projection, then frees the copies.

        Args:
            forward: bytes that the scores need.
            answer: bytes of the output, which is counted elsewhere.
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

        Backward, the gradient of the output (`given` bytes) is freed once that of the scores' output exists, and the
        gradients of a shared input (`read` bytes) are summed at the end.
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
        """Bytes needed to make the table that hides distant keys: zeros, distances (int64) twice, and which are too far.

        Source: score_mask in archcalc/pytorch/pieces/attention.py.
        """
        if self.layer.window is None or self.layer.relbias is not None:
            return 0
        return pairs * ((1 + self.layer.causal) * self.how.width + 2 * 8 + 1)

    def _by_hand(self, rows: int, kept: dict[str, int], keys: Tensor) -> int:
        """Forward step by step: variables hold the projections and the scores until the end."""
        layer, how, y = self.layer, self.how, self.y
        keyed, queries = rows * plain(keys.shape[-2]) * how.width, rows * plain(y.shape[-2]) * how.width
        output, pairs = queries * plain(layer.inner), queries * plain(layer.heads * keys.shape[-2])
        projected = 2 * keyed * plain(layer.kv_inner)
        if not how.keeps or (
            layer.rope is None and layer.qknorm in (False, "width")
        ):  # otherwise the queries themselves are kept
            projected += output
        masked = layer.causal or layer.is_masked
        if masked:
            projected += plain(y.shape[-2] * keys.shape[-2]) * how.width
        if not how.keeps:
            projected += 2 * keyed * plain(layer.inner)
        given = y.numel * how.batch * how.width  # the output, which does not exist yet
        if layer.sinks:
            softmax = kept["scores"]  # its input, with the scores of the sinks
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
        """Bytes needed forward at inference on the fast path, which has no fused kernel.

        Source: aten/src/ATen/native/transformers/attention.cpp.
        """
        positions = plain(x.shape[-2])
        projected = 3 * rows * positions * plain(self.layer.inner) * width
        scores = rows * plain(self.layer.heads) * positions**2 * width
        return max(2 * projected, projected + scores) - projected // 3
