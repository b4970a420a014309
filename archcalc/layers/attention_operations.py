"""What attention computes: its products, and the operations on its scores and vectors."""

from __future__ import annotations

from archcalc.layers.heads import Heads
from archcalc.layers.position import ROTATING
from archcalc.layers.tensor import Tensor
from archcalc.quantity import product
from archcalc.terms import called, factored, leaf, part, times, work

# Operations of an RMS norm on one element.
_NORM = (("square", 1), ("sum", 1), ("division", 1))


class AttentionOperations(Heads):
    """The formulas for the work of attention with projections."""

    def macs(self, y: Tensor, *inputs: Tensor) -> int:
        """Four projections, then the scores and weighted sums of values, for all pairs."""
        x, (keys, values) = inputs[0], self.keys_and_values(inputs[0])
        lead, inner = product(x.shape[:-2]), self.inner
        queries, read = lead * x.shape[-2], lead * keys.shape[-2]
        if keys is values is x and self.key_heads is self.heads:
            projections = part("q, k, v", times(queries * x.shape[-1] * inner, projections=3), "x W_Q, x W_K, x W_V")
        else:
            projections = part("q", queries * x.shape[-1] * inner, "x W_Q") + self._projected(read, keys, values)
        seen = keys.shape[-2] + called(self.more, "further_keys", inner) if self.more else keys.shape[-2]
        heads, head = called(self.heads, "heads", inner), leaf(self.head, "head_dim")
        pairs = factored(queries * seen * inner, heads, queries, seen, head)
        scores = part("scores", pairs, "q kᵀ") + part("weighted", pairs, "of the values")
        return projections + scores + part("output", queries * inner * y.shape[-1], "[heads] W_O")

    def _projected(self, rows: int, keys: Tensor, values: Tensor) -> int:
        """The products that compute keys and values."""
        each = [rows * source.shape[-1] * self.kv_inner for source in (keys, values)]
        if keys is values:
            told = ", ".join(f"{self.read(letter)} W_{letter}" for letter in "KV")
            return part("k, v", times(each[0], projections=2), told)
        return part("k", each[0], f"{self.read('K')} W_K") + part("v", each[1], f"{self.read('V')} W_V")

    def masked_macs(self, y: Tensor, *inputs: Tensor) -> int:
        """Scores and weighted values of the pairs that the mask hides."""
        x = inputs[0]
        queries, keys = x.shape[-2], self.keys_and_values(x)[0].shape[-2]
        return 2 * product(x.shape[:-2]) * self.hidden(queries, keys) * self.inner

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """Scores: scaling, softmax, bias, soft cap. Vectors: biases, rotation, norms."""
        x = inputs[0]
        (keys, _), lead = self.keys_and_values(x), product(x.shape[:-2])
        inner, kv_inner = self.inner, self.kv_inner
        queries, key_rows = lead * x.shape[-2], lead * keys.shape[-2]
        seen = keys.shape[-2] + called(self.more, "further_keys", inner) if self.more else keys.shape[-2]
        pairs = called(self.heads, "heads", inner) * queries * seen
        total = part("softmax", self.scored(pairs))
        vectors = queries * inner + key_rows * kv_inner
        if self.rope is not None:
            turned = vectors
            if self.rope_dim is not None:
                turned = self.rope_dim * (queries * self.heads + key_rows * self.key_heads)
            total = total + part("rotation", work(turned, "rotated element of q and k", *ROTATING))
        if self.qknorm:
            scale = ("scale", int(self.qknorm != "unscaled"))
            total = total + part("norms", work(vectors, "element of q and k", *_NORM, scale))
        if self.sinks:
            total = total + self.sunk(called(self.heads, "heads", inner) * queries)
        return total + self._added(queries, key_rows, y)

    def _added(self, queries: int, key_rows: int, y: Tensor) -> int:
        """One addition for each bias of the projections."""
        biased = {letter: bool(self.biased(letter)) for letter in "qkvo"}
        rows = [("q", queries * self.inner)] * biased["q"] + [("k", key_rows * self.kv_inner)] * biased["k"]
        rows += [("v", key_rows * self.kv_inner)] * biased["v"] + [("the output", queries * y.shape[-1])] * biased["o"]
        if not rows:
            return 0
        added, *others = (elements for _, elements in rows)
        for other in others:
            added = added + other
        *first, last = (name for name, _ in rows)
        named = f"{', '.join(first)} and {last}" if first else last
        return part("biases", work(added, f"element of {named}", ("addition", 1)))

    def backward_macs(self, learns: bool, needs: tuple[bool, ...], y: Tensor, *inputs: Tensor) -> int:
        """One product for each gradient needed of queries, keys, values and scores; projections count like linear layers."""
        x = inputs[0]
        sources, lead = self.keys_and_values(x), product(x.shape[:-2])
        inner, kv_inner = self.inner, self.kv_inner
        queries, keys = lead * x.shape[-2], sources[0]
        total = queries * (x.shape[-1] * inner * (learns + needs[0]) + y.shape[-1] * inner * (learns + 1))
        for source, at in zip(sources, self.places):
            total = total + lead * keys.shape[-2] * source.shape[-1] * kv_inner * (learns + needs[at])
        asks, tells, gives = (learns or needs[at] for at in (0, *self.places))
        scored = asks or tells or (self.relbias is not None and needs[-1])
        return total + (asks + tells + gives + scored) * queries * (keys.shape[-2] + self.more) * inner
