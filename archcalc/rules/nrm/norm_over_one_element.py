"""NRM503."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.layers.rms_norm import RMSNorm
from archcalc.network.graph import Node
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model
from archcalc.rules.windows import fixed


@rule("NRM503", "norm-over-one-element")
class NormOverOneElement(Rule):
    """A normalisation over single numbers loses its input.

    A number minus its own mean is 0, so layernorm and groupnorm return only their shift. A number
    divided by its own size is 1 or −1, which is all that rmsnorm leaves. Nothing before it learns.
    PyTorch itself refuses groupnorm over one element if the batch is one sample.

    Example:
        model: example
        input: [64, 1]
        layers: [layernorm]

    Use instead:
        model: example
        input: [64, 1]
        layers: [transpose, layernorm]

    Reference:
        The definitions of torch.nn.LayerNorm, GroupNorm and RMSNorm.
    """

    about = "averaged"
    severity = "error"

    def check(self, model: Model) -> Iterator[Finding]:
        """Every norm that takes its statistics from one element, unless a dim gives the size."""
        for placed in model.layers:
            node = placed.node
            if _elements(node) == 1 and fixed(node.inputs[0]):
                left = "the sign of each number" if isinstance(node.layer, RMSNorm) else "0"
                yield self.finding(
                    placed,
                    f"`{node.op}` normalises over 1 element: it leaves {left}",
                    "normalise over more elements, or delete it",
                    elements=1,
                )


def _elements(node: Node) -> int | None:
    """How many elements share a mean or a deviation."""
    count = node.layer.averaged(node.inputs[0]) if node.layer is not None and node.inputs else None
    return None if count is None else int(count)
