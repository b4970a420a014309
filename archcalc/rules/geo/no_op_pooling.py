"""GEO207."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.layers.adaptive_pooling import AdaptivePooling
from archcalc.layers.convolution import Conv
from archcalc.layers.normalization import ChannelNorm
from archcalc.layers.pooling import AvgPool, Pooling
from archcalc.layers.shape import Identity
from archcalc.network.graph import Node
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.edits import without_layer
from archcalc.rules.mending import mend
from archcalc.rules.model import Model
from archcalc.rules.windows import space


@rule("GEO207", "no-op-pooling")
class NoOpPooling(Rule):
    """A pooling layer returns its input unchanged.

    A 1×1 window with stride 1 holds one element. Adaptive pooling to a size is not reported where its
    input merely happens to have that size, because other images may not; after another adaptive pooling
    to the same size it never does anything.

    Example:
        model: example
        input: [64, 8, 8]
        layers:
          - adaptiveavgpool 1
          - adaptiveavgpool 1
          - flatten

    Use instead:
        model: example
        input: [64, 8, 8]
        layers:
          - adaptiveavgpool 1
          - flatten

    Reference:
        The definitions of torch.nn.MaxPool2d and AdaptiveAvgPool2d.
    """

    about = (Pooling, AdaptivePooling)
    fixable = "safe"

    def check(self, model: Model) -> Iterator[Finding]:
        """Every pooling whose windows hold one element each, whatever the image."""
        idle = [placed.node for placed in model.layers if self._idle(model, placed.node)]
        affected = model.everywhere(idle)
        for node in idle:
            fix = mend(model, node, affected, "delete the pooling", without_layer(node))
            message = f"`{node.op}` returns its {space(node.exit)} input unchanged"
            yield self.finding(model.placed(node), message, "delete it", fix=fix, size=space(node.exit))

    def _idle(self, model: Model, node: Node) -> bool:
        layer = node.layer
        if node.exit.outputs:  # the positions of its maxima are read
            return False
        if isinstance(layer, Pooling):
            whole = not isinstance(layer, AvgPool) or layer.divisor_override in (None, 1)
            return whole and all(k == 1 and s == 1 and not p for k, s, p, _ in layer.axes(node.inputs[0]))
        if not isinstance(layer, AdaptivePooling):
            return False
        before = model.producer(node.inputs[0])
        while before is not None and _keeps_size(before):
            before = model.producer(before.inputs[0])
        return (
            before is not None
            and isinstance(before.layer, AdaptivePooling)
            and before.exit.shape[1:] == node.exit.shape[1:]
        )


def _keeps_size(node: Node) -> bool:
    """Whether the output image always has the size of the input."""
    layer = node.layer
    if isinstance(layer, Conv):
        return (set(layer.kernel), set(layer.stride), set(layer.padding)) == ({1}, {1}, {0})
    return (layer is not None and layer.elementwise) or isinstance(layer, (ChannelNorm, Identity))
