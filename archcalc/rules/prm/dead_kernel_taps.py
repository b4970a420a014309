"""PRM302."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.layers.convolution import Conv
from archcalc.network.graph import Node
from archcalc.quantity import product
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.edits import with_arguments
from archcalc.rules.mending import mend
from archcalc.rules.model import Model
from archcalc.rules.windows import fixed, space


@rule("PRM302", "dead-kernel-taps")
class DeadKernelTaps(Rule):
    """Some taps of a kernel only ever meet padding: their weights have no effect and no gradient.

    On an image as small as the kernel, or with a dilation as large as the image, the outer taps fall
    outside at every position: a 3×3 kernel with padding 1 on a 1×1 image is a 1×1 kernel.

    Example:
        model: example
        input: [512, 1, 1]
        layers: [conv 512 kernel=3 padding=1]

    Use instead:
        model: example
        input: [512, 1, 1]
        layers: [conv 512 kernel=1]

    Reference:
        Chen et al. 2017, arXiv:1706.05587, section 3.3 (large dilations degenerate to 1×1).
    """

    about = (Conv,)
    fixable = "unsafe"

    def check(self, model: Model) -> Iterator[Finding]:
        """Every convolution with such taps, whose weights no other layer uses."""
        some = [placed.node for placed in model.layers if _dead(model, placed.node)]
        affected = model.everywhere(some)
        for node in some:
            taps, dead = product(window.kernel for window in model.windows(node) or []), _dead(model, node)
            weights = int(product(node.params["weight"][:2])) * dead
            smaller = _smaller(model, node)
            words = " ".join(f"{key}={value}" for key, value in smaller.items())
            yield self.finding(
                model.placed(node),
                f"{dead} of the {taps} taps of the kernel never meet the {space(node.inputs[0])} input: "
                f"{weights:,} dead weights",
                "use a smaller kernel or dilation, or a larger image",
                (),
                mend(model, node, affected, f"write {words}", with_arguments(node, smaller), safe=False),
                dead=dead,
                taps=taps,
                parameters=weights,
            )


def _dead(model: Model, node: Node) -> int:
    """How many taps of a convolution lie only on padding."""
    found = model.windows(node) if isinstance(node.layer, Conv) else None
    if found is None or "weight" not in node.params or model.shares(node) or not fixed(node.inputs[0]):
        return 0
    return product(w.kernel for w in found) - product(w.kernel - w.dead_taps() for w in found)


def _smaller(model: Model, node: Node) -> dict[str, str]:
    """The kernel and padding of the remaining taps, if these are the middle ones and one number suffices for each."""
    layer = node.layer
    assert isinstance(layer, Conv)
    found = model.windows(node) or []
    outer = {(w.kernel, w.dead_taps(), w.padding - w.dilation * (w.dead_taps() // 2)) for w in found}
    middle = all(w.live_taps() == (w.dead_taps() // 2, w.kernel - w.dead_taps() // 2) for w in found)
    if len(outer) > 1 or not middle:
        return {}
    kernel, dead, padding = outer.pop()
    if isinstance(layer.padding, str):
        return {"kernel": str(kernel - dead)}
    return {"kernel": str(kernel - dead), "padding": str(padding)} if padding >= 0 else {}
