"""NRM506."""

from __future__ import annotations

import re
from collections.abc import Iterator

from archcalc.diagnostics import Edit
from archcalc.layers.recurrent import Recurrent
from archcalc.layers.regularization import Dropping
from archcalc.network.graph import Node
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.edits import without_argument, without_layer, written
from archcalc.rules.mending import mend
from archcalc.rules.model import Model

_ZERO = r"0+(\.0*)?|\.0+"


@rule("NRM506", "ineffective-dropout")
class IneffectiveDropout(Rule):
    """A dropout never drops anything.

    A recurrent layer applies dropout between its stacked layers, and has nothing to drop if there is
    only one; PyTorch warns about it. A `dropout 0` passes on its input. A probability that comes from
    hparams is not reported: another variant may set it.

    Example:
        model: example
        dims: {steps: 8}
        input: [steps, 20]
        layers:
          - lstm 64 dropout=0.3
          - linear 10

    Use instead:
        model: example
        dims: {steps: 8}
        input: [steps, 20]
        layers:
          - lstm 64 layers=2 dropout=0.3
          - linear 10

    Reference:
        torch.nn.LSTM, its argument dropout.
    """

    about = (Dropping, Recurrent)
    fixable = "safe"

    def check(self, model: Model) -> Iterator[Finding]:
        """Every dropout whose line says so."""
        idle = [placed.node for placed in model.layers if self._idle(placed.node)]
        affected = model.everywhere(idle)
        for node in idle:
            recurrent = not isinstance(node.layer, Dropping)
            edit: Edit | None = without_argument(node, "dropout") if recurrent else without_layer(node)
            yield self.finding(
                model.placed(node),
                f"`{node.op}` has 1 layer: there is nothing between layers to drop"
                if recurrent
                else f"`{node.op}` with probability 0 never drops anything",
                "delete dropout=, or add a `dropout` after it" if recurrent else "delete it",
                (),
                mend(model, node, affected, "delete it", edit),
                layers=1,
            )

    def _idle(self, node: Node) -> bool:
        layer = node.layer
        if isinstance(layer, Dropping):
            return not layer.p and bool(re.fullmatch(_ZERO, written(node, "p") or ""))
        if isinstance(layer, Recurrent):
            return layer.layers == 1 and bool(layer.dropout) and written(node, "layers") in ("", "1")
        return False
