"""What an invalid layer was probably meant to be: other values of its keys, or another layer before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isqrt
from typing import Any

from archcalc.layers.tensor import Tensor
from archcalc.quantity import plain

# Divisors are searched among at most this many numbers.
_LARGEST = 10**10


class Change:
    """One thing that may have been meant. It is tried before it is suggested, and dropped if it fails as well.

    Args:
        keys: other values of the layer's keys; None leaves a key out.
        before: the line of a layer to put before this one.
        line: the line to write instead of this one.
        operand: the position of the operand to put `behind` after.
        behind: the line of the layer to put there.
        reads: what the layer or the operand is then.
        gives: the result in words; by default the output, if that is informative.
    """

    __slots__ = ("before", "behind", "gives", "keys", "line", "operand", "reads")

    def __init__(
        self,
        keys: Mapping[str, Any] | None = None,
        *,
        before: str | None = None,
        line: str | None = None,
        operand: int | None = None,
        behind: str | None = None,
        reads: Tensor | None = None,
        gives: str = "",
    ) -> None:
        self.keys = keys or {}
        self.before = before
        self.line = line
        self.operand = operand
        self.behind = behind
        self.reads = reads
        self.gives = gives


def divisors_near(number: int, to: int, fits: Callable[[int], bool] = lambda divisor: True) -> list[int]:
    """The divisors of `number` that fit and are nearest to `to`, below and above."""
    number = plain(number)
    if not 0 < number <= _LARGEST:
        return []
    small = [divisor for divisor in range(1, isqrt(number) + 1) if number % divisor == 0]
    fitting = sorted(divisor for divisor in {*small, *(number // one for one in small)} if fits(divisor))
    below = [divisor for divisor in fitting if divisor < to][-1:]
    return below + [divisor for divisor in fitting if divisor > to][:1]


def counting_the_batch(key: str, axes: int | tuple[int, ...], x: Tensor) -> list[Change]:
    """The axes lowered by one, if they were counted with the batch as in PyTorch."""
    given = axes if isinstance(axes, tuple) else (axes,)
    if max(given) != x.rank or min(given) < 1:
        return []
    lower = tuple(plain(axis) - 1 for axis in given)
    return [Change({key: lower if isinstance(axes, tuple) else lower[0]})]
