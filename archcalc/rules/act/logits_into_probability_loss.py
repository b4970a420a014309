"""ACT404."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.layers.activation import (
    CELU,
    ELU,
    GELU,
    SELU,
    Hardsigmoid,
    Hardswish,
    LeakyReLU,
    LogSigmoid,
    Mish,
    PReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softplus,
    Softsign,
    Tanh,
)
from archcalc.layers.convolution import Conv
from archcalc.layers.cutting import Select, Slice
from archcalc.layers.dense import Linear
from archcalc.layers.elementwise import Exp
from archcalc.layers.gating import GLU
from archcalc.layers.merge import Residual
from archcalc.layers.normalization import BatchNorm, GroupNorm, InstanceNorm, LayerNorm
from archcalc.layers.regularization import Dropout
from archcalc.layers.resizing import Crop
from archcalc.layers.softmax import LogSoftmax, Softmax
from archcalc.layers.transposed import ConvTranspose
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.losses import UNCHANGED, last_layers, loss, loss_note, with_loss
from archcalc.rules.model import Model

_THROUGH = (*UNCHANGED, Select, Slice, Crop, Dropout)
# Layers whose outputs can be any number.
_LINEAR = (Linear, Conv, ConvTranspose, BatchNorm, LayerNorm, InstanceNorm, GroupNorm, Residual)
# What each loss takes, what the layers that give something else give, and what is missing.
_OPEN = (ReLU, LeakyReLU, PReLU, ELU, SELU, CELU, GELU, SiLU, Mish, Hardswish, Softplus, Tanh,
         Softsign, Exp, GLU)  # fmt: skip
_WANTED = {
    "nll": ("logarithms of probabilities", (*_LINEAR, *_OPEN, ReLU6, Softmax, Sigmoid, Hardsigmoid),
            "logsoftmax", "crossentropy"),
    "bce": ("probabilities", (*_LINEAR, *_OPEN, ReLU6, LogSoftmax, LogSigmoid), "sigmoid", "bcewithlogits"),
}  # fmt: skip


@rule("ACT404", "logits-into-probability-loss")
class LogitsIntoProbabilityLoss(Rule):
    """The loss takes probabilities or their logarithms, and the model gives something else.

    `nll` picks out a number and negates it: without a log-softmax before it the loss has no lower
    bound, and training makes it −∞. `bce` takes logarithms of its input, and PyTorch stops with an
    error where that lies outside [0, 1].

    Example:
        model: example
        input: [20]
        layers: [linear 10]
        loss: nll

    Use instead:
        model: example
        input: [20]
        layers: [linear 10, logsoftmax]
        loss: nll

    Reference:
        torch.nn.NLLLoss and BCELoss.
    """

    key = "loss"
    severity = "error"
    fixable = "unsafe"

    def check(self, model: Model) -> Iterator[Finding]:
        """The last layer, when every output comes from one that cannot give what the loss takes."""
        name, last = loss(model), last_layers(model, _THROUGH)
        if name not in _WANTED or not last:
            return
        takes, others, missing, instead = _WANTED[name]
        if any(not isinstance(node.layer, others) for node in last):
            return
        logits = all(isinstance(node.layer, _LINEAR) for node in last)
        fix = with_loss(model, instead, safe=False) if logits else None
        for node in last:
            yield self.finding(
                model.placed(node),
                f"`{name}` takes {takes}, but the model's output comes from `{node.op}`",
                f"add `{missing}`, or write `loss: {instead}`",
                loss_note(model),
                fix,
                loss=name,
            )
