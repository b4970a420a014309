"""Gated recurrent units over a sequence of vectors."""

from __future__ import annotations

from typing import ClassVar

from archcalc.layers.base import layer
from archcalc.layers.memory import LOW
from archcalc.layers.recurrent import NO_PROJECTION, Recurrent
from archcalc.layers.saved import Saving
from archcalc.layers.tensor import Tensor
from archcalc.quantity import plain


@layer("gru", first="hidden", family="recurrent")
class GRU(Recurrent):
    """Two gates and a candidate. [steps, in] -> [steps, directions·hidden]. Source: torch.nn.GRU."""

    has_shortcut = True
    example = ("gru 32", "20x64")
    notation = (
        "r, z = σ(W x(t) + b + U h(t−1) + b′)        two gates: reset, update\n"
        "n = tanh(W x(t) + b + r ⊙ (U h(t−1) + b′))        the candidate; each has a W, U, b and b′ of its own\n"
        "h(t) = (1 − z) ⊙ n + z ⊙ h(t−1)        h(0) = 0"
    )

    autocast = LOW
    learns_in_turn = True
    refused: ClassVar[dict[str, str]] = {"proj_size": NO_PROJECTION}
    gates = 2
    unit_work = (
        ("σ of two gates, 4 each", 8),
        ("product with r", 1),
        ("tanh of the candidate", 1),
        ("h = (1 − z) ⊙ n + z ⊙ h", 4),
    )

    def element_bytes(self, how: Saving) -> int:
        """Those of the state, to which the CPU adds results in autocast's type step by step."""
        return how.width if how.gpu or not how.casts else how.given[0 if self.state is None else 1]

    def _kept_by_steps(self, how: Saving, x: Tensor) -> int:
        """Three products, two gates and the candidate; also the state, for the gradients of the weights.

        If the state's type differs from the products', so does that of the difference between state and candidate.
        """
        each = (5 + how.learns) * how.width + self.element_bytes(how)
        return each * plain(x.shape[0]) * how.batch * plain(self.hidden) * self.layers * self.directions
