"""PRM304."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.layers.lstm import LSTM
from archcalc.layers.recurrent import RNN
from archcalc.quantity import product
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model


@rule("PRM304", "doubled-recurrent-bias")
class DoubledRecurrentBias(Rule):
    """Two bias vectors are only ever added to each other.

    rnn and lstm add one bias to the input's part of a gate and another to the state's: both get the
    same gradient and do what one could do. They are there because cuDNN has them. In a gru the second
    is inside a product and is not redundant.

    Example:
        model: example
        dims: {steps: 8}
        input: [steps, 20]
        layers: [lstm 64]

    Use instead:
        model: example
        dims: {steps: 8}
        input: [steps, 20]
        layers: [lstm 64 bias=one]

    Reference:
        torch.nn.LSTM: the second bias is included for compatibility with cuDNN.
    """

    about = (LSTM, RNN)
    severity = "info"
    on = False

    def check(self, model: Model) -> Iterator[Finding]:
        """Every rnn and lstm with biases."""
        for placed in model.layers:
            node = placed.node
            doubled = [int(product(shape)) for name, shape in node.params.items() if name.startswith("bias_hh")]
            if isinstance(node.layer, (RNN, LSTM)) and doubled:
                yield self.finding(
                    placed,
                    f"{sum(doubled):,} biases of `{node.op}` are only ever added to others",
                    "write `bias=one`, unless the weights must be those of PyTorch's module",
                    parameters=sum(doubled),
                )
