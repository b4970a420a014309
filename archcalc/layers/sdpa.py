"""Attention without projections."""

from __future__ import annotations

from archcalc.layers.arguments import Flag, Number, arg
from archcalc.layers.base import Layer, ShapeError, layer
from archcalc.layers.code import Code, expression
from archcalc.layers.field import ITSELF, Field, whole
from archcalc.layers.layout import FEATURES_LAST
from archcalc.layers.memory import LOW
from archcalc.layers.operands import Reference
from archcalc.layers.saved import Saved, Saving
from archcalc.layers.scores import SCORING, masked, visible_scores
from archcalc.layers.strides import Strides, contiguous, joined
from archcalc.layers.tensor import Shape, Tensor, Want
from archcalc.quantity import plain, product
from archcalc.terms import part, work


@layer("sdpa", family="attention", aliases=("scaleddotproductattention", "scaleddotproduct", "dotproductattention"))
class SDPA(Layer):
    """softmax(q kᵀ · scale) v without projections, over the last two axes.

    q [*, queries, d], k [*, keys, d], v [*, keys, e] -> [*, queries, e]; leading axes are heads,
    windows, ... Source: torch.nn.functional.scaled_dot_product_attention.
    """

    autocast = LOW
    notation = "α = softmax(Q Kᵀ · scale)        scale = 1/√d unless it is given\ny = α V"

    layout = FEATURES_LAST
    takes_input = False

    q: Tensor = arg(Reference, "queries")
    k: Tensor = arg(Reference, "keys")
    v: Tensor = arg(Reference, "values")
    causal: bool = arg(Flag, "no position sees later ones", default=False, aliases=("is_causal",))
    scale: float | None = arg(Number, "factor of the scores; default: 1/√d", default=None)

    @property
    def equation(self) -> str:
        """With the factor and the mask that it has."""
        factor = "" if self.scale == 1 else f" · {self.scale:g}" if self.scale is not None else " / √d"
        said = f"Q Kᵀ{factor}"
        return "\n".join([*masked(f"α = softmax({said})        a row sums to 1", self.causal, None), "y = α V"])

    @property
    def sees_ahead(self) -> bool:  # type: ignore[override]
        """Unless it is causal."""
        return not self.causal

    def wanted(self, *inputs: Tensor) -> tuple[Want, ...]:
        """Features last in all three."""
        return tuple((getattr(self, name), FEATURES_LAST, name) for name in ("q", "k", "v"))

    def field(self, y: Tensor, x: Tensor) -> list[Field] | None:
        """All keys, of the same head."""
        return [*[ITSELF] * (y.rank - 2), whole(self.k.shape[-2])]

    def output_rank(self, *inputs: Tensor) -> int:
        """That of the queries."""
        return self.q.rank

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` where the three do not fit together."""
        for name in ("q", "k", "v"):
            tensor = self.numbers(name)
            if tensor.rank < 2:
                raise ShapeError(
                    "SHP101", f"`{name}` must be a sequence of vectors [..., positions, features], not {tensor}", name
                )
            if tensor.shape[:-2] != self.q.shape[:-2]:
                raise ShapeError("SHP107", f"the leading axes of `{name}` {tensor} are not those of `q` {self.q}", name)
        if self.k.shape[-1] != self.q.shape[-1]:
            raise ShapeError(
                "SHP107",
                f"`q` has {self.q.shape[-1]} features, `k` has {self.k.shape[-1]}",
                "k",
                "project one to the other's features",
            )
        if self.v.shape[-2] != self.k.shape[-2]:
            raise ShapeError("SHP107", f"`k` has {self.k.shape[-2]} positions, `v` has {self.v.shape[-2]}", "v")
        return Tensor((*self.q.shape[:-1], self.v.shape[-1]))

    def macs(self, y: Tensor, *inputs: Tensor) -> int:
        """Scores over d features, weighted sums of e features, all pairs counted."""
        pairs = product(self.q.shape[:-1]) * self.k.shape[-2]
        scores = part("scores", pairs * self.q.shape[-1], "q kᵀ")
        return scores + part("weighted", pairs * self.v.shape[-1], "of the values")

    def masked_macs(self, y: Tensor, *inputs: Tensor) -> int:
        """Scores and weighted values of the pairs that the mask hides."""
        queries, keys = self.q.shape[-2], self.k.shape[-2]
        hidden = queries * keys - visible_scores(queries, keys, self.causal, None)
        return product(self.q.shape[:-2]) * hidden * (self.q.shape[-1] + self.v.shape[-1])

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """Scaling and softmax of every score."""
        return work(product(self.q.shape[:-1]) * self.k.shape[-2], "score", *SCORING)

    def backward_macs(self, learns: bool, needs: tuple[bool, ...], y: Tensor, *inputs: Tensor) -> int:
        """Two products for the queries' and keys' gradients, two for the values' and the weights'."""
        q, k, v = needs
        pairs = product(self.q.shape[:-1]) * self.k.shape[-2]
        return pairs * (self.q.shape[-1] * (q + k) + self.v.shape[-1] * (v + (q or k)))

    def kept(self, y: Tensor, *inputs: Tensor) -> dict[str, Shape]:
        """Keys and values, once where they are one tensor."""
        return {"keys": self.k.shape} | ({"values": self.v.shape} if self.v is not self.k else {})

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """Queries, keys and values, and what the scores' kernel keeps."""
        from archcalc.layers.kernels.scores import eager_scores, fused_scores  # only memory asks

        q, k = self.q, self.k
        queries = how.batch * plain(product(q.shape[:-1]))
        if self._is_fused(how):
            return Saved((0, 1, 2), True, fused_scores(queries))
        wide = max(4, how.width)  # 16-bit numbers become fp32
        extra = eager_scores(how, queries * plain(k.shape[-2]), wide)
        copies = (q.elements if how.needs[1] else 0) + (k.elements if how.needs[0] else 0)
        extra["scaled queries and keys"] = how.batch * plain(copies) * wide
        read = how.needs[0] or how.needs[1]
        if read and wide > how.width:
            extra["values in fp32"] = how.batch * self.v.numel * wide
            return Saved(extra=extra)
        return Saved((2,) if read else (), extra=extra)

    def copied(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, ...]:
        """Step by step, values whose leading axes do not lie as one."""
        values = how.strides[2]
        return () if self._is_fused(how) or values.viewed(joined(values.sizes, 0, y.rank - 2)) is not None else (2,)

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """The fused kernel lays its output out as the queries."""
        return how.strides[0].like() if self._is_fused(how) else contiguous((how.batch, *y.shape))

    def _is_fused(self, how: Saving) -> bool:
        """Whether one kernel computes scores and weighted values; the CPU's reads features one behind the other."""
        if how.attention is not None:
            return how.attention == "flash"
        read = all(one.steps[-1] == 1 for one in how.strides) and self.q.shape[-1] == self.v.shape[-1]
        return self.q.rank == 3 and (how.gpu or read)

    def blind_to_order(self, y: Tensor, *inputs: Tensor) -> bool:
        """Without a mask."""
        return not self.causal and y.rank == 2

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        plain = ", is_causal=True" if self.causal else ""
        plain += ", scale={scale}" if self.scale is not None else ""
        return expression("F.scaled_dot_product_attention({0}, {1}, {2}" + plain + ")", scale=self.scale)
