"""SHP110."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.layers.merge import Arithmetic
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model


@rule("SHP110", "implicit-broadcast")
class ImplicitBroadcast(Rule):
    """Operands are broadcast along each other: the result is larger than both.

    Axes of size 1 are repeated. If only one operand has such an axis, it is a scale or a gate. If both
    have one, every element of the first meets every element of the second, and usually an axis was
    forgotten. Not reported where an axis of size 1 was made on purpose, for example by `rearrange`.

    Example:
        model: example
        input: {rows: [8, 1, 16], columns: [8, 16, 1]}
        layers:
          - conv 8 kernel=1 from=rows name=a
          - conv 8 kernel=1 from=columns name=b
          - add: [a, b]

    Use instead:
        model: example
        input: {rows: [8, 1, 16], columns: [8, 1, 16]}
        layers:
          - conv 8 kernel=1 from=rows name=a
          - conv 8 kernel=1 from=columns name=b
          - add: [a, b]

    Reference:
        The broadcasting rules of PyTorch.
    """

    about = (Arithmetic,)

    def check(self, model: Model) -> Iterator[Finding]:
        """Every layer of several operands whose output has the shape of none of them."""
        for placed in model.layers:
            node = placed.node
            if not isinstance(node.layer, Arithmetic) or any(x.shape == node.exit.shape for x in node.inputs):
                continue
            makers = [model.producer(x) for x in node.inputs]
            if any(maker is None or maker.layer is None or maker.layer.sets_sizes for maker in makers):
                continue
            shapes = " and ".join(str(x) for x in node.inputs)
            yield self.finding(
                placed,
                f"`{node.op}` of {shapes} gives {node.exit}: each is broadcast along the other",
                "give both the same shape; if this is meant, make the axis of size 1 with `rearrange`",
                elements=int(node.exit.elements),
            )
