"""HWE801."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.layers.convolution import Conv
from archcalc.layers.dense import Linear
from archcalc.network.graph import Node
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.edits import with_argument
from archcalc.rules.mending import if_valid, mend
from archcalc.rules.model import Model

_BYTES = 16  # tensor cores read this many at once


@rule("HWE801", "unaligned-channels")
class UnalignedChannels(Rule):
    """A width is not a multiple of 8, on a GPU with tensor cores.

    In bf16 and fp16 the matrix products of convolutions and linear layers are fastest if their sides
    are multiples of 8 elements, 16 bytes. For other sizes libraries pad or choose slower kernels. How
    much slower depends on the library, its version and the size, and some measure no difference. This
    project has measured nothing here: time both widths on your device. Not reported for layers at an
    output, whose width is the number of classes, for layers with groups, and for widths below 64, where
    other overheads are larger.

    Example:
        model: example
        input: [256]
        layers: [linear 1020, relu, linear 10]

    Use instead:
        model: example
        input: [256]
        layers: [linear 1024, relu, linear 10]

    Reference:
        NVIDIA developer blog, Optimizing GPU performance with tensor cores: widths that are multiples of 8.
    """

    severity = "info"
    evidence = "measured"

    fixable = "unsafe"

    def check(self, model: Model) -> Iterator[Finding]:
        """Every convolution or linear layer with such a width that another layer reads."""
        if model.device is None or model.device.kind != "gpu":
            return
        step = _BYTES // 2
        odd = [placed.node for placed in model.layers if (_width(placed.node) or 0) % step]
        odd = [node for node in odd if not model.is_output(node.exit) and model.consumers(node.exit)]
        affected = model.everywhere(odd)
        for node in odd:
            width, key = _width(node) or 0, "channels" if isinstance(node.layer, Conv) else "features"
            near = -(-width // step) * step
            fix = mend(model, node, affected, f"write {near}", with_argument(node, key, str(near)), safe=False)
            yield self.finding(
                model.placed(node),
                f"{width:,} {key} are {near - width} short of {near:,}, a multiple of {step} "
                f"({_BYTES} bytes in 16-bit types)",
                f"try {near:,}, or {near - step:,}, and time both",
                (),
                if_valid(model, fix, node, **{key: near}),
                width=width,
                multiple=step,
            )


def _width(node: Node) -> int | None:
    """The output channels or features of a layer that is a matrix product; None for others."""
    layer = node.layer
    if isinstance(layer, Linear) or (isinstance(layer, Conv) and int(layer.groups) == 1):
        width = int(node.exit.shape[node.exit.feature_axis])
        return width if width >= 64 else None
    return None
