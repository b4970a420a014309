"""The optimizers, and what a step of each keeps, reads and writes."""

from __future__ import annotations

from typing import NamedTuple


class Optimizer(NamedTuple):
    """What an optimizer needs for each number that is trained.

    Attributes:
        states: numbers that it keeps. counts: whether it counts the steps of each tensor, in a number of fp32.
        reads, writes: numbers that a step moves, the parameter and its gradient included.
        flops: operations of a step.
        roots: whether a step makes a root in passing, to divide by it.
    """

    states: int
    counts: bool
    reads: int
    writes: int
    flops: int
    roots: bool = False


OPTIMIZERS = {
    "sgd": Optimizer(0, False, 2, 1, 2),
    "momentum": Optimizer(1, False, 3, 2, 4),
    "adam": Optimizer(2, True, 4, 3, 12, roots=True),
    "adamw": Optimizer(2, True, 4, 3, 14, roots=True),
}
