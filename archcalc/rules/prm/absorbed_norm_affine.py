"""PRM306."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.diagnostics import Note
from archcalc.layers.dense import Linear
from archcalc.layers.normalization import LayerNorm
from archcalc.network.graph import Node
from archcalc.quantity import product
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.edits import with_argument
from archcalc.rules.mending import mend
from archcalc.rules.model import Model


@rule("PRM306", "absorbed-norm-affine")
class AbsorbedNormAffine(Rule):
    """Only linear layers follow a norm, and they could absorb its scale and shift.

    The linear layer's weights times the scale, and its bias plus the weights times the shift, are again
    a linear layer: the norm's own parameters add nothing to what the model can compute. They may still
    help training.

    Example:
        model: example
        dims: {seq: 16}
        input: [seq, 64]
        layers:
          - layernorm
          - linear 64

    Use instead:
        model: example
        dims: {seq: 16}
        input: [seq, 64]
        layers:
          - layernorm affine=false
          - linear 64

    Reference:
        The definitions of torch.nn.LayerNorm and Linear.
    """

    about = (LayerNorm,)
    severity = "info"
    on = False
    fixable = "unsafe"

    def check(self, model: Model) -> Iterator[Finding]:
        """Every layernorm with a scale that only linear layers with a bias of their own read."""
        absorbed = [placed.node for placed in model.layers if _absorbed(model, placed.node)]
        affected = model.everywhere(absorbed)
        for node in absorbed:
            count = sum(int(product(shape)) for shape in node.params.values())
            yield self.finding(
                model.placed(node),
                f"{count:,} parameters of `{node.op}` could be part of the `linear` after it",
                "write affine=false, if training does not need them",
                (Note("read here", model.readers(node)[0].place),),
                mend(model, node, affected, "write affine=false", with_argument(node, "affine", "false"), safe=False),
                parameters=count,
            )


def _absorbed(model: Model, node: Node) -> bool:
    if not isinstance(node.layer, LayerNorm) or len(node.params.get("weight", ())) != 1 or model.shares(node):
        return False
    readers = model.readers(node)
    return bool(readers) and all(
        isinstance(one.layer, Linear) and "bias" in one.params and not model.shares(one) for one in readers
    )
