"""NRM502."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.layers.normalization import BatchNorm
from archcalc.quantity import product
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model

_FEW = 16


@rule("NRM502", "small-batch-statistics")
class SmallBatchStatistics(Rule):
    """Batch normalisation takes its mean and deviation from a handful of values.

    The fewer values a channel has in a batch, the noisier its statistics are, and the further training
    and inference are apart. groupnorm takes its statistics from one sample.

    Example:
        model: example
        input: [64, 2, 2]
        layers: [conv 64 kernel=1 bias=false, batchnorm, relu]

    Use instead:
        model: example
        input: [64, 2, 2]
        layers: [conv 64 kernel=1, groupnorm 8, relu]

    Reference:
        Wu and He 2018, arXiv:1803.08494 (group normalisation).
    """

    about = (BatchNorm,)
    severity = "info"
    evidence = "heuristic"
    on = False

    def check(self, model: Model) -> Iterator[Finding]:
        """Every batchnorm with fewer than 16 values a channel in the current batch."""
        for placed in model.layers:
            if not isinstance(placed.node.layer, BatchNorm):
                continue
            x = placed.node.inputs[0]
            values = int(x.samples(model.graph.batch) * product(x.shape[1:]))
            if values < _FEW:
                yield self.finding(
                    placed,
                    f"`batchnorm` takes its statistics from {values} values a channel",
                    "use larger batches, or groupnorm",
                    values=values,
                )
