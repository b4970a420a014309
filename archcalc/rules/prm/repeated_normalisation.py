"""PRM309."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.diagnostics import Note
from archcalc.layers.normalization import ChannelNorm
from archcalc.network.graph import Node
from archcalc.quantity import product
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.edits import with_argument
from archcalc.rules.mending import mend
from archcalc.rules.model import Model, idle, normalises_channels


@rule("PRM309", "repeated-normalisation")
class RepeatedNormalisation(Rule):
    """A norm scales and shifts a channel, and the next layer normalises it again.

    batchnorm and instancenorm subtract each channel's mean and divide by its deviation, and so cancel
    whatever scale and shift the previous norm has learned: these have no effect and no gradient.
    layernorm does not, because it treats all channels together.

    Example:
        model: example
        input: [3, 32, 32]
        layers: [conv 64 kernel=3 bias=false, batchnorm, batchnorm, relu]

    Use instead:
        model: example
        input: [3, 32, 32]
        layers: [conv 64 kernel=3 bias=false, batchnorm, relu]

    Reference:
        Ioffe and Szegedy 2015, arXiv:1502.03167, algorithm 1.
    """

    about = (ChannelNorm,)
    fixable = "unsafe"

    def check(self, model: Model) -> Iterator[Finding]:
        """Every norm with a scale for each channel that only another norm of channels reads."""
        repeated = [placed.node for placed in model.layers if _repeated(model, placed.node)]
        affected = model.everywhere(repeated)
        for node in repeated:
            count = sum(int(product(shape)) for shape in node.params.values())
            again = model.readers(node, idle)[0]
            yield self.finding(
                model.placed(node),
                f"{count:,} parameters of `{node.op}` are cancelled by the `{again.op}` after it",
                "delete one of the two, or write affine=false",
                (Note("normalised again here", again.place),),
                mend(model, node, affected, "write affine=false", with_argument(node, "affine", "false"), safe=False),
                parameters=count,
            )


def _repeated(model: Model, node: Node) -> bool:
    if not isinstance(node.layer, ChannelNorm) or "weight" not in node.params or model.shares(node):
        return False
    readers = model.readers(node, idle)
    return bool(readers) and all(normalises_channels(reader) for reader in readers)
