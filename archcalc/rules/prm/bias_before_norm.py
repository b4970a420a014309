"""PRM301."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.diagnostics import Note
from archcalc.network.graph import Node
from archcalc.quantity import product
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.edits import with_argument
from archcalc.rules.mending import mend
from archcalc.rules.model import Model, normalises_channels
from archcalc.rules.shifts import norms_after, shiftless


@rule("PRM301", "bias-before-norm")
class BiasBeforeNorm(Rule):
    """The normalisation after a layer cancels its bias.

    batchnorm and instancenorm subtract each channel's mean, and with it any constant added to the
    channel: the bias has no effect and no gradient, but costs memory, optimizer state and time.
    groupnorm cancels it only with one channel per group; layernorm does not. Pooling, sums and
    concatenation on the way to the norm pass the constant on; an activation does not.

    Example:
        model: example
        input: [3, 32, 32]
        layers: [conv 64 kernel=3, batchnorm, relu]

    Use instead:
        model: example
        input: [3, 32, 32]
        layers: [conv 64 kernel=3 bias=false, batchnorm, relu]

    Reference:
        Ioffe and Szegedy 2015, arXiv:1502.03167, section 3.2.
    """

    fixable = "safe"

    def check(self, model: Model) -> Iterator[Finding]:
        """Every layer with a bias whose readers all normalise its output by channel."""
        normed = any(normalises_channels(placed.node) for placed in model.layers)
        biased = [placed.node for placed in model.layers if self._biased(model, placed.node)] if normed else []
        free = shiftless(model) if biased else set()
        cancelled = [node for node in biased if id(node) in free]
        affected, norms = model.everywhere(cancelled), norms_after(model) if cancelled else {}
        for nodes in model.together(cancelled):
            node, norm = nodes[0], norms.get(id(nodes[0]))
            if norm is None:
                continue
            count = sum(model.stored(one) * int(product(one.params["bias"])) for one in nodes)
            layers = sum(model.stored(one) for one in nodes)
            yield self.finding(
                model.placed(node),
                f"{count:,} bias parameters{f' of {layers} layers' if layers > 1 else ''} "
                f"are cancelled by the `{norm.op}` after {'them' if layers > 1 else 'it'}",
                "write bias=false",
                (Note("normalised here", norm.place),),
                mend(model, node, affected, "write bias=false", with_argument(node, "bias", "false")),
                also=map(model.placed, nodes),
                parameters=count,
            )

    def _biased(self, model: Model, node: Node) -> bool:
        layer = node.layer
        biased = layer is not None and "bias" in layer.arguments and "bias" in node.params and int(node.macs) > 0
        return biased and not model.shares(node) and bool(model.readers(node))
