"""ATT607."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.layers.algebra import MatMul, Scale
from archcalc.layers.base import Layer
from archcalc.layers.regularization import Dropout
from archcalc.layers.softmax import Softmax
from archcalc.quantity import product
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.losses import unchanged
from archcalc.rules.model import Model


@rule("ATT607", "stored-attention-matrix")
class StoredAttentionMatrix(Rule):
    """Attention scores are stored as a matrix, which grows with the square of the sequence.

    Without a fused kernel, training stores heads·queries·keys numbers for each layer and sample until
    the backward pass. `attention`, and `sdpa` on tensors with an axis of heads, call PyTorch's fused
    kernels where their arguments allow it; a `softmax` between two `matmul` never does.

    Example:
        model: example
        dims: {seq: 128}
        input: [seq, 64]
        layers:
          - linear 64 from=input name=query
          - linear 64 from=input name=key
          - transpose from=key name=keys
          - matmul: [query, keys]
          - softmax axis=-1
          - matmul: [prev, query]

    Use instead:
        model: example
        dims: {seq: 128}
        input: [seq, 64]
        layers:
          - linear 64 from=input
          - rearrange 't (h d) -> h t d' h=1 name=query
          - linear 64 from=input
          - rearrange 't (h d) -> h t d' h=1 name=key
          - sdpa q=query k=key v=query

    Reference:
        Dao et al. 2022, arXiv:2205.14135 (FlashAttention).
    """

    about = (MatMul,)
    severity = "info"

    def check(self, model: Model) -> Iterator[Finding]:
        """Every softmax over the columns of a matrix product, in fp32 and for the current batch."""
        for placed in model.layers:
            node = placed.node
            before = model.producer(node.inputs[0]) if isinstance(node.layer, Softmax) else None
            while before is not None and _is_between(before.layer):
                before = model.producer(before.inputs[0])
            after = model.only_consumer(node) if before is not None and isinstance(before.layer, MatMul) else None
            if after is not None and isinstance(after.layer, (MatMul, Dropout)):
                bytes_ = 4 * node.exit.samples(model.graph.batch) * int(product(node.exit.shape))
                yield self.finding(
                    placed,
                    f"the scores {node.exit} take {bytes_:,} bytes, and are kept for the backward pass",
                    "use `attention`, or `sdpa` with an axis of heads: they have fused kernels",
                    bytes=bytes_,
                )


def _is_between(layer: Layer | None) -> bool:
    """Whether the output of a layer is still the scores."""
    return layer is not None and (unchanged(layer) or isinstance(layer, (Scale, Dropout)))
