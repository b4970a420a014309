"""GRF703."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.network.graph import Node
from archcalc.network.paths import depth
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model

_DEEP = 20


@rule("GRF703", "deep-without-shortcut")
class DeepWithoutShortcut(Rule):
    """The longest path has more than twenty layers with weights and no shortcut around any of them.

    Plain networks of that depth were found to be harder to train than shallower ones: their training
    error grows with depth. Residual connections and concatenations let gradients pass.

    Example:
        model: example
        input: [16, 8, 8]
        layers:
          - repeat: 24
            layers: [conv 16 kernel=3 padding=1 bias=false, batchnorm, relu]
          - [adaptiveavgpool 1, flatten, linear 10]

    Use instead:
        model: example
        input: [16, 8, 8]
        layers:
          - repeat: 24
            layers: [residual: [conv 16 kernel=3 padding=1 bias=false, batchnorm, relu]]
          - [adaptiveavgpool 1, flatten, linear 10]

    Reference:
        He, Zhang, Ren and Sun 2015, arXiv:1512.03385, section 4.1.
    """

    severity = "info"
    evidence = "heuristic"
    on = False

    def check(self, model: Model) -> Iterator[Finding]:
        """Any network of that depth without a layer that joins two paths."""
        layers = depth(model.graph)
        if layers > _DEEP and not any(_has_way_around(placed.node) for placed in model.layers):
            yield self.finding(
                model.layers[-1],
                f"{layers} layers with weights follow one another without a shortcut",
                "use `residual`",
                depth=layers,
            )


def _has_way_around(node: Node) -> bool:
    """Whether a layer joins several paths, or lets a gradient bypass its weights."""
    return len(node.inputs) > 1 or (node.layer is not None and node.layer.has_shortcut)
