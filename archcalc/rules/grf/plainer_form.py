"""GRF709."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.forms import ABOUT, plainer
from archcalc.rules.mending import mend
from archcalc.rules.model import Model


@rule("GRF709", "plainer-form")
class PlainerForm(Rule):
    """Layers spell out what a single layer or argument expresses directly.

    Examples are a mean multiplied by its count, a tensor minus itself for zeros, and the size of another tensor as a number.
    Readers have to work out what is computed, and a number no longer fits when the image or the text has another size.

    Example:
        model: example
        input: [20, 64]
        layers:
          - [linear 32, mean 0, scale 20]
          - linear 10

    Use instead:
        model: example
        input: [20, 64]
        layers:
          - [linear 32, sum 0]
          - linear 10

    Reference:
        torch.sum, torch.abs, torch.tile, torch.nn.functional.interpolate.
    """

    about = ABOUT
    severity = "info"
    fixable = "safe"

    def check(self, model: Model) -> Iterator[Finding]:
        """Every layer with a plainer form, once for each place in the spec."""
        forms = {id(one.node): form for one in model.layers if (form := plainer(model, one.node)) is not None}
        nodes = [placed.node for placed in model.layers if id(placed.node) in forms]
        affected = model.everywhere(nodes)
        for alike in model.together(nodes):
            node = alike[0]
            form = forms[id(node)]
            fix = mend(model, node, affected, form.help, form.edits)
            yield self.finding(
                model.placed(node), form.message, form.help, fix=fix, also=map(model.placed, alike), layers=len(alike)
            )
