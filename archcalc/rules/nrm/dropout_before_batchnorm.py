"""NRM504."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.diagnostics import Note
from archcalc.layers.normalization import BatchNorm
from archcalc.layers.regularization import Dropout
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.losses import unchanged
from archcalc.rules.model import Model


@rule("NRM504", "dropout-before-batchnorm")
class DropoutBeforeBatchnorm(Rule):
    """Batch normalisation after dropout learns statistics that are wrong at inference.

    In training, dropout multiplies the mean square of its input by 1 / (1 − p), and batchnorm records
    that. At inference dropout does nothing, but batchnorm still divides by the larger deviation.

    Example:
        model: example
        input: [20]
        layers: [linear 64 bias=false, dropout 0.5, batchnorm, relu, linear 10]

    Use instead:
        model: example
        input: [20]
        layers: [linear 64 bias=false, batchnorm, relu, dropout 0.5, linear 10]

    Reference:
        Li, Chen, Hu and Yang 2018, arXiv:1801.05134 (variance shift).
    """

    about = (Dropout,)

    def check(self, model: Model) -> Iterator[Finding]:
        """Every dropout whose output a batchnorm reads directly."""
        for placed in model.layers:
            layer = placed.node.layer
            if not isinstance(layer, Dropout) or not 0 < layer.p < 1:
                continue
            norm = next(
                (one for one in model.readers(placed.node, unchanged) if isinstance(one.layer, BatchNorm)), None
            )
            if norm is not None and isinstance(norm.layer, BatchNorm) and norm.layer.track_running_stats:
                factor = 1 / (1 - float(layer.p))
                yield self.finding(
                    placed,
                    f"`batchnorm` learns mean squares that are {factor:.3g} times those at inference",
                    "put the dropout after the last batchnorm",
                    (Note("normalised here", norm.place),),
                    factor=factor,
                )
