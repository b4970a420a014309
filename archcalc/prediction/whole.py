"""A whole run: the time for a number of samples or tokens, and the maximum energy."""

from __future__ import annotations

from dataclasses import dataclass

from archcalc.diagnostics import RequestError
from archcalc.prediction.answer import Answer
from archcalc.prediction.estimate import Estimate

SAMPLES, TOKENS = "samples", "tokens"
_JOULES = 3.6e6  # of a kilowatt hour


@dataclass(frozen=True)
class Whole:
    """A run over a number of samples or tokens on one device.

    Attributes:
        amount, of: how many, and of what: `SAMPLES` or `TOKENS`.
        steps: forward passes or training steps; the last may have fewer samples.
        time: the time of all steps; its relative range is that of one step.
        power: the board's maximum power in watts; 0 if its file does not say.
    """

    amount: int
    of: str
    steps: int
    time: Estimate
    power: float

    def kilowatt_hours(self, seconds: float) -> float:
        """The maximum energy in this many seconds, at full board power."""
        return seconds * self.power / _JOULES


def whole_run(answer: Answer, amount: int, of: str) -> Whole:
    """The run over `amount` samples or tokens, step after step as predicted, without loading and saving.

    Raises:
        RequestError: tokens of a network that reads none.
    """
    one = answer.prediction
    each = one.graph.batch * one.running.batches
    if answer.decoding is not None:
        each *= answer.decoding.tokens if of == TOKENS else 1
    elif of == TOKENS:
        if not one.tokens:
            raise RequestError(f"{one.graph.model} reads no tokens: give --samples")
        each *= one.tokens
    steps = -(-amount // each)
    return Whole(amount, of, steps, answer.total.times(steps), one.device.power)
