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

_WITH_BIAS = ("conv", "convtranspose", "linear")


@rule("PRM301", "bias-before-norm")
class BiasBeforeNorm(Rule):
    """A bias that the next layer's normalisation takes off again.

    batchnorm and instancenorm subtract each channel's mean, and with it any constant added to the
    channel: the bias has no effect and no gradient. It costs memory, optimizer state and time.
    groupnorm cancels it only with one channel a group; layernorm does not.

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
        """Every biased layer whose readers all normalise its channels."""
        cancelled = [placed.node for placed in model.layers if self._cancelled(model, placed.node)]
        for nodes in model.together(cancelled):
            node, norm = nodes[0], model.readers(nodes[0])[0]
            count = sum(model.stored(one) * int(product(one.params["bias"])) for one in nodes)
            layers = sum(model.stored(one) for one in nodes)
            yield self.finding(
                model.placed(node),
                f"{count:,} bias parameters{f' of {layers} layers' if layers > 1 else ''} "
                f"are cancelled by the `{norm.op}` after {'them' if layers > 1 else 'it'}",
                "write bias=false",
                (Note("normalised here", norm.place),),
                mend(model, node, cancelled, "write bias=false", with_argument(node, "bias", "false")),
                parameters=count,
            )

    def _cancelled(self, model: Model, node: Node) -> bool:
        if node.op not in _WITH_BIAS or "bias" not in node.params or model.shares(node):
            return False
        readers = model.readers(node)
        return bool(readers) and all(normalises_channels(reader) for reader in readers)
