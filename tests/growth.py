"""How work grows with a network's size. Instructions of Python are counted: no clock is asked, no machine is too busy."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def instructions(call: Callable[[], object]) -> int:
    """How many instructions of Python bytecode a call executes; what runs inside one, written in C, is not seen."""
    count = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal count
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


def exponent(call: Callable[[int], object], size: int) -> float:
    """With which power of its argument the work of `call` grows, from `size` to four times as much: 1 is linear.

    A first call is not counted, nor is what does not depend on the size.
    """
    call(size)
    least, middle, most = (instructions(lambda times=times: call(times * size)) for times in (1, 2, 4))  # type: ignore[misc]
    return math.log2((most - middle) / (middle - least))
