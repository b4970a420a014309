"""ATT606."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.layers.base import Layer
from archcalc.layers.dense import Linear
from archcalc.layers.merge import Residual
from archcalc.layers.normalization import LayerNorm
from archcalc.layers.reduction import Mean
from archcalc.layers.regularization import Dropping
from archcalc.layers.rms_norm import RMSNorm
from archcalc.network.graph import Node
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.losses import taken
from archcalc.rules.model import Model

_NORMS = (LayerNorm, RMSNorm)


@rule("ATT606", "missing-final-norm")
class MissingFinalNorm(Rule):
    """A stack of residual layers normalises its inputs, and no norm follows the last.

    In a pre-norm transformer nothing normalises the sum that runs through the stack, and it grows with
    every layer. Models of this kind have one more norm before the head.

    Example:
        model: example
        dims: {seq: 16}
        input: [seq, 64]
        layers:
          - repeat: 4
            layers:
              - residual: [layernorm, attention 4 bias=qvo]
              - residual: [layernorm, linear 256, gelu, linear 64]
          - linear 10

    Use instead:
        model: example
        dims: {seq: 16}
        input: [seq, 64]
        layers:
          - repeat: 4
            layers:
              - residual: [layernorm, attention 4 bias=qvo]
              - residual: [layernorm, linear 256, gelu, linear 64]
          - layernorm
          - linear 10

    Reference:
        Xiong et al. 2020, arXiv:2002.04745, section 3.
    """

    about = (Residual,)
    severity = "info"
    evidence = "heuristic"
    on = False

    def check(self, model: Model) -> Iterator[Finding]:
        """Every linear layer that reads the sum of a pre-norm residual outside of any residual."""
        for placed in model.layers:
            node = placed.node
            before = model.producer(node.inputs[0]) if isinstance(node.layer, Linear) else None
            while before is not None and _is_between(before.layer):
                before = model.producer(before.inputs[0])
            if before is not None and isinstance(before.layer, Residual) and _pre_norm(before):
                yield self.finding(
                    placed,
                    "the output of a pre-norm stack is read without a final norm",
                    "add the norm that the stack uses",
                )


def _pre_norm(residual: Node) -> bool:
    """Whether the layers of a residual begin with a norm."""
    first = residual.children[0] if residual.children else None
    while first is not None and first.layer is None and first.children:
        first = first.children[0]
    return first is not None and isinstance(first.layer, _NORMS) and first.inputs[0] is residual.inputs[0]


def _is_between(layer: Layer | None) -> bool:
    """Whether the output of a layer still has the scale of its input."""
    return layer is not None and (taken(layer) or isinstance(layer, (Mean, Dropping)))
