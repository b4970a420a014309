"""NRM501."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.layers.normalization import BatchNorm
from archcalc.quantity import product
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model
from archcalc.rules.windows import fixed


@rule("NRM501", "single-value-batchnorm")
class SingleValueBatchnorm(Rule):
    """Batch normalisation over one value per channel and sample: training can stop with an error.

    A 1×1 image, as after global pooling, has one value per channel for each sample. A batch of one
    sample then has no variance, and PyTorch refuses it; the last, incomplete batch of an epoch may be
    one. After a linear layer it is the same, but so common there that only images are reported.

    Example:
        model: example
        input: [64, 8, 8]
        layers: [adaptiveavgpool 1, conv 16 kernel=1 bias=false, batchnorm, relu]

    Use instead:
        model: example
        input: [64, 8, 8]
        layers: [adaptiveavgpool 1, conv 16 kernel=1, relu]

    Reference:
        Chen et al. 2017, arXiv:1706.05587, section 3.3 (image-level features with batch normalisation).
    """

    about = (BatchNorm,)
    severity = "info"

    def check(self, model: Model) -> Iterator[Finding]:
        """Every batchnorm of an image of one pixel, when the batch is one sample."""
        for placed in model.layers:
            x = placed.node.inputs[0] if isinstance(placed.node.layer, BatchNorm) else None
            if x is None or x.rank < 2 or not fixed(x):
                continue
            values = int(x.samples(model.graph.batch) * product(x.shape[1:]))
            if values == 1:
                yield self.finding(
                    placed,
                    f"`batchnorm` of {x} has 1 value a channel for each sample: training with a batch of 1 raises an error",
                    "train with larger batches and drop_last=True, or use groupnorm",
                    values=values,
                )
