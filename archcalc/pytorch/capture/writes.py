"""What is written into a view of a tensor, such as `x[:, 2:4].zero_()`, is part of the tensor afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from archcalc.tracing.calls import Value

# Views with all elements in the same order; what drops nothing is one of all of them.
_WHOLE = frozenset(
    ("view", "reshape", "flatten", "unflatten", "unsqueeze", "squeeze", "view_as", "reshape_as", "dropout", "drop_path")
)


def source_of(view: torch.Tensor, read: Sequence[torch.Tensor]) -> torch.Tensor | None:
    """Which of the tensors that a call read its result is a view of."""
    base = view._base
    return None if base is None else next((one for one in read if one is base or one._base is base), None)


def through(
    known: Mapping[torch.Tensor, Value], base: torch.Tensor, view: torch.Tensor, before: Value | None
) -> tuple[str, tuple[Any, ...]] | None:
    """The call that puts what was written into a view into its tensor; None if that changes nothing that is counted.

    Args:
        known: the current values of tensors.
        before: the value of the view before the call.
    """
    if before is None or before.call is None or base not in known:
        return None
    now, call = known[base], before.call
    if not any(one.of_data or one.of_parameters for one in (now, known[view])):
        return None  # the numbers of constants are on the CPU
    if call.args and _was(now, call.args[0]):
        if call.name == "getitem":
            return "setitem", (base, call.args[1], view)
        if call.name in _WHOLE:
            return "reshape", (view, tuple(base.shape))
    return "write_into_a_view", (base, view)


def _was(now: Value, value: Any) -> bool:
    """Whether a tensor had this value before other parts of it were written."""
    one: Any = now
    while one is not value and isinstance(one, Value) and one.call is not None and one.call.name == "setitem":
        one = one.call.args[0]
    return one is value
