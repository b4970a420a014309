"""How work grows with a network's size. Lines of Python are counted: no clock is asked, no machine is too busy."""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")


def lines_run(call: Callable[[], object]) -> int:
    """How many lines of Python a call runs, each as often as a loop comes to it; what runs in C is not seen."""
    count = 0

    def step(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal count
        count += 1
        return step

    before = sys.gettrace()
    sys.settrace(step)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


def exponent(make: Callable[[int], T], call: Callable[[T], object], size: int) -> float:
    """With which power of the size the work of `call` grows, from `size` to four times as much: 1 is linear.

    What does not depend on the size is not counted, nor is a first call, which imports modules, nor the making of
    what the call is given, anew each time.
    """
    call(make(size))
    counts = []
    for times in (1, 2, 4):
        made = make(times * size)
        counts.append(lines_run(functools.partial(call, made)))
    least, middle, most = counts
    return math.log2((most - middle) / (middle - least)) if most > middle > least else 0.0
