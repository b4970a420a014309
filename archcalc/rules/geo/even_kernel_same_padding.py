"""GEO205."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.layers.convolution import Conv
from archcalc.network.graph import Node
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.edits import with_argument
from archcalc.rules.mending import mend
from archcalc.rules.model import Model


@rule("GEO205", "even-kernel-same-padding")
class EvenKernelSamePadding(Rule):
    """`padding=same` with an even kernel pads one side more than the other.

    A window of even width has no centre. PyTorch puts the extra padding on the right, which shifts the
    output by half a pixel, and makes a padded copy of the input first; it warns about that.

    Example:
        model: example
        input: [3, 32, 32]
        layers: [conv 64 kernel=4 padding=same, relu]

    Use instead:
        model: example
        input: [3, 32, 32]
        layers: [conv 64 kernel=3 padding=same, relu]

    Reference:
        torch.nn.Conv2d with padding='same', and its warning.
    """

    about = (Conv,)
    fixable = "unsafe"

    def check(self, model: Model) -> Iterator[Finding]:
        """Every such convolution."""
        uneven = [placed.node for placed in model.layers if _odd_reach(placed.node) is not None]
        affected = model.everywhere(uneven)
        for node in uneven:
            layer = node.layer
            assert isinstance(layer, Conv)
            odd = _odd_reach(node) or 0
            larger = "x".join(str(int(size) + 1 - int(size) % 2) for size in layer.kernel)
            edit = with_argument(node, "kernel", larger)
            yield self.finding(
                model.placed(node),
                f"`padding=same` adds {odd // 2} on the left and {odd - odd // 2} on the right",
                "use an odd kernel, or `pad` with each side given",
                (),
                mend(model, node, affected, f"write kernel={larger}", edit, safe=False),
                left=odd // 2,
                right=odd - odd // 2,
            )


def _odd_reach(node: Node) -> int | None:
    """The elements of padding that a convolution adds along the first axis where their number is odd."""
    layer = node.layer
    if not isinstance(layer, Conv) or layer.padding != "same":
        return None
    x = node.inputs[0]
    sizes = (layer.per_axis(name, x.rank - 1, x) for name in ("kernel", "dilation"))
    return next((int(d * (k - 1)) for k, d in zip(*sizes) if d * (k - 1) % 2), None)
