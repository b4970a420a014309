"""PRM309."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.diagnostics import Note
from archcalc.quantity import product
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model, normalises_channels


@rule("PRM309", "repeated-normalisation")
class RepeatedNormalisation(Rule):
    """A channel is scaled and shifted, and the next layer normalises it again.

    batchnorm and instancenorm take off each channel's mean and divide by its deviation, and with
    them whatever scale and shift the norm before has learned: those have no effect and no
    gradient. layernorm does not, because it treats all channels together.

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

    def check(self, model: Model) -> Iterator[Finding]:
        """Every norm with a scale for each channel that only another norm of channels reads."""
        for placed in model.layers:
            node = placed.node
            readers = model.readers(node)
            if node.op not in ("batchnorm", "instancenorm", "groupnorm") or "weight" not in node.params:
                continue
            if not readers or model.shares(node) or not all(normalises_channels(reader) for reader in readers):
                continue
            count = sum(int(product(shape)) for shape in node.params.values())
            yield self.finding(
                placed,
                f"{count} parameters of `{node.op}` are cancelled by the `{readers[0].op}` after it",
                "delete one of the two, or write affine=false",
                (Note("normalised again here", readers[0].place),),
                parameters=count,
            )
