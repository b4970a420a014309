"""Attention without projections."""

from __future__ import annotations

from archcalc.layers.arguments import Whole, arg
from archcalc.layers.base import ShapeError, layer
from archcalc.layers.change import Change
from archcalc.layers.code import Code, expression, given
from archcalc.layers.field import ITSELF, Field, whole, windows
from archcalc.layers.layout import FEATURES_LAST
from archcalc.layers.operands import Reference
from archcalc.layers.saved import Saved, Saving
from archcalc.layers.scores import Scored
from archcalc.layers.strides import Strides, contiguous, joined
from archcalc.layers.tensor import Shape, Tensor, Want
from archcalc.quantity import plain, product
from archcalc.terms import called, leaf, part


@layer("sdpa", family="attention", aliases=("scaleddotproductattention", "scaleddotproduct", "dotproductattention"))
class SDPA(Scored):
    """softmax(q kᵀ · scale) v without projections, over the last two axes.

    q [*, queries, d], k [*, keys, d], v [*, keys, e] -> [*, queries, e]; leading axes are heads,
    windows, ... With kv_heads=N, the last of them has size N in k and v, each entry for several heads of q.
    Source: torch.nn.functional.scaled_dot_product_attention.
    """

    notation = "α = softmax(Q Kᵀ · scale)        scale = 1/√d unless it is given\ny = α V"

    layout = FEATURES_LAST
    takes_input = False

    q: Tensor = arg(Reference, "queries")
    k: Tensor = arg(Reference, "keys")
    v: Tensor = arg(Reference, "values")
    kv_heads: int | None = arg(
        Whole,
        "heads of keys and values, each for several of the queries; default: as many",
        default=None,
        min=1,
        aliases=("num_kv_heads", "num_key_value_heads", "enable_gqa"),
    )

    @property
    def label(self) -> str:
        """A short line with flags as words: `sdpa causal`."""
        return super().label.replace(" causal=true", " causal").replace(" sinks=true", " sinks")

    @property
    def computes(self) -> str:
        """The notation, with its factor and its mask."""
        shared = []
        if self.kv_heads is not None:
            shared = [f"one head of K and V for every {self.q.shape[-3] // self.kv_heads} of Q"]
        return "\n".join([*shared, *self.weighing(), "y = α V"])

    def wanted(self, *inputs: Tensor) -> tuple[Want, ...]:
        """Features last in all three."""
        return tuple((getattr(self, name), FEATURES_LAST, name) for name in ("q", "k", "v"))

    def field(self, y: Tensor, x: Tensor) -> list[Field] | None:
        """All keys of the same head, or those in the window."""
        seen = whole(self.k.shape[-2])
        if self.window is not None and self.k.shape[-2] == self.q.shape[-2]:
            before = self.window - 1
            seen = windows(self.window if self.causal else before + self.window, 1, -before)
        return [*[ITSELF] * (y.rank - 2), seen]

    def output_rank(self, *inputs: Tensor) -> int:
        """That of the queries."""
        return self.q.rank

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` if the three do not fit together."""
        for name in ("q", "k", "v"):
            tensor = self.numbers(name)
            if tensor.rank < 2:
                raise ShapeError(
                    "SHP101",
                    f"`{name}` must be a sequence of vectors [..., positions, features], not {tensor}",
                    name,
                    "`reshape 1x-1` makes a vector a sequence of one",
                )
            self._check_heads(name, tensor)
        if self.sinks and self.q.rank < 3:
            raise ShapeError(
                "SHP101",
                f"`sinks` are of heads, and `q` {self.q} has none",
                "sinks",
                "give q, k and v an axis of heads",
            )
        self.check_scores((*self.q.shape[:-1], self.k.shape[-2]))
        if self.k.shape[-1] != self.q.shape[-1]:
            raise ShapeError(
                "SHP107",
                f"`q` has {self.q.shape[-1]} features, `k` has {self.k.shape[-1]}",
                "k",
                "project one to the other's features",
            )
        if self.v.shape[-2] != self.k.shape[-2]:
            message = f"`k` has {self.k.shape[-2]} positions, `v` has {self.v.shape[-2]}"
            raise ShapeError("SHP107", message, "v", "a key and a value belong to each position")
        return Tensor((*self.q.shape[:-1], self.v.shape[-1]))

    def _check_heads(self, name: str, tensor: Tensor) -> None:
        """Raises `ShapeError` if the leading axes of a tensor are not those of the queries."""
        asked = self.q.shape[:-2]
        if self.kv_heads is not None and not asked:
            raise ShapeError(
                "SHP101", f"`q` {self.q} has no axis of heads", "kv_heads", changes=[Change({"kv_heads": None})]
            )
        if self.kv_heads is not None and asked[-1] % self.kv_heads:
            message = f"kv_heads={self.kv_heads} does not divide the {asked[-1]} heads of `q`"
            raise ShapeError("SHP106", message, "kv_heads", "each head of k and v serves as many of q")
        wanted = asked if self.kv_heads is None or name == "q" else (*asked[:-1], self.kv_heads)
        if tensor.shape[:-2] == wanted:
            return
        if self.kv_heads is not None:
            message = f"`{name}` is {tensor}, which has no axis of {self.kv_heads} heads before its positions"
            raise ShapeError("SHP107", message, name, "kv_heads is the number of heads in k and v")
        *before, heads = tensor.shape[:-2] or (0,)
        fewer = heads and asked and (*before,) == asked[:-1] and asked[-1] % heads == 0
        changes = [Change({"kv_heads": plain(heads)})] if fewer else []
        message = f"the leading axes of `{name}` {tensor} are not those of `q` {self.q}"
        raise ShapeError("SHP107", message, name, "`expand` repeats an axis of size 1", changes=changes)

    def params(self, x: Tensor) -> dict[str, Shape]:
        """A score for each head's sink."""
        return {"sinks": (self.q.shape[-3],)} if self.sinks else {}

    def macs(self, y: Tensor, *inputs: Tensor) -> int:
        """Scores over d features, weighted sums of e features, all pairs counted."""
        *before, queries = self.q.shape[:-1]
        heads = [called(size, "heads", size) for size in before[-1:]]
        pairs = product((*heads, *before[:-1], leaf(queries, "queries"))) * leaf(self.k.shape[-2], "keys")
        scores = part("scores", pairs * self.q.shape[-1], "q kᵀ")
        return scores + part("weighted", pairs * self.v.shape[-1], "of the values")

    def masked_macs(self, y: Tensor, *inputs: Tensor) -> int:
        """Scores and weighted values of the pairs that the mask hides."""
        queries, keys = self.q.shape[-2], self.k.shape[-2]
        return product(self.q.shape[:-2]) * self.hidden(queries, keys) * (self.q.shape[-1] + self.v.shape[-1])

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """Scaling and softmax of every score, and any other operation on it."""
        rows = product(self.q.shape[:-1])
        scores = self.scored(rows * self.k.shape[-2])
        return part("softmax", scores) + self.sunk(rows) if self.sinks else scores

    def backward_macs(self, learns: bool, needs: tuple[bool, ...], y: Tensor, *inputs: Tensor) -> int:
        """Two products for the queries' and keys' gradients, two for the values' and the weights'."""
        q, k, v = needs[:3]
        asks = q or k or (learns and self.sinks) or (any(needs[3:4]) and self.relbias is not None)
        pairs = product(self.q.shape[:-1]) * self.k.shape[-2]
        return pairs * (self.q.shape[-1] * (q + k) + self.v.shape[-1] * (v + bool(asks)))

    def kept(self, y: Tensor, *inputs: Tensor) -> dict[str, Shape]:
        """Keys and values of the positions a query may still see, counted once if they are one tensor.

        Those computed from other kept tensors are not kept.
        """
        kept = {} if self.k.cached else {"keys": self.k.shape}
        kept |= {} if self.v.cached or self.v is self.k else {"values": self.v.shape}
        if not self.causal or self.window is None:
            return kept
        return {name: (*shape[:-2], min(self.window, shape[-2]), shape[-1]) for name, shape in kept.items()}

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """Queries, keys and values, and what the scores' kernel keeps."""
        from archcalc.layers.kernels.dot_product import saved  # only memory asks

        return saved(self, (self.q, self.k, self.v), self.is_fused(how), how)

    def passing(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, int]:
        """What its mask and its scores take."""
        from archcalc.layers.kernels.dot_product import passing  # only memory asks

        return passing(self, (self.q, self.k, self.v), self.is_fused(how), how)

    def copied(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, ...]:
        """If it runs step by step, values whose leading axes cannot be viewed as one."""
        values = how.strides[2]
        return () if self.is_fused(how) or values.viewed(joined(values.sizes, 0, y.rank - 2)) is not None else (2,)

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """The fused kernel lays out its output like the queries."""
        return how.strides[0].like() if self.is_fused(how) else contiguous((how.batch, *y.shape))

    def is_fused(self, how: Saving) -> bool:
        """Whether one kernel computes scores and weighted values; that of the CPU needs features adjacent in memory."""
        if how.attention is not None:
            return how.attention == "flash" and not self.is_scored_by_hand
        read = all(one.steps[-1] == 1 for one in how.strides[:3])
        learned = self.relbias is not None and how.needs[self.at("relbias")]
        return self.can_fuse(learned, how.gpu, how.keeps) and (how.gpu or read)

    def can_fuse(self, learned: bool, gpu: bool, trains: bool) -> bool:
        """Whether such a kernel supports it, memory layout aside; `learned`: learned numbers are added to the scores."""
        if self.q.rank != 3 or self.is_scored_by_hand or learned:
            return False
        return gpu or (self.q.shape[-1] == self.v.shape[-1] and not (self.dropout and trains))

    def blind_to_order(self, y: Tensor, *inputs: Tensor) -> bool:
        """True without a mask."""
        return not (self.causal or self.is_masked) and y.rank == 2

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        bare = not (self.is_masked or self.is_scored_by_hand or self.dropout)
        if bare:
            said = ", is_causal=True" if self.causal else ""
            said += ", scale={scale}" if self.scale is not None else ""
            said += ", enable_gqa=True" if self.kv_heads is not None else ""
            return expression("F.scaled_dot_product_attention({0}, {1}, {2}" + said + ")", scale=self.scale)
        plain = given(
            causal=(self.causal, False), window=(self.window, None), scale=(self.scale, None), softcap=(self.softcap, None),
            sink=(self.q.shape[-3] if self.sinks else None, None), shared=(self.kv_heads is not None and not self.is_scored_by_hand, False),
            dropout=(self.dropout, 0.0),
        )  # fmt: skip
        words = ["{0}", "{1}", "{2}"]
        for name, tensor in (("bias", self.relbias), ("seen", self.mask)):
            if tensor is not None:
                place = self.at("relbias" if name == "bias" else "mask")
                words.append(f"{name}={{{place}}}{'.unsqueeze(1)' * (y.rank - tensor.rank)}")
        return Code("DotProductAttention", (), plain, call="{self}(" + ", ".join(words) + ")")
