"""Sizes that PyTorch is slow to find on the meta device, found without running everything.

Recurrent layers run there step by step, and one step determines the outputs of all; a batch norm is decomposed.
"""

from __future__ import annotations

from typing import Any

import torch

RECURRENT = frozenset(("lstm", "gru", "rnn_tanh", "rnn_relu"))


def steps_of(args: Any) -> int:
    """How many steps a call of `torch.lstm` and the like has; 0 for other calls, such as with packed sequences."""
    if len(args) != 9 or not isinstance(args[2], (list, tuple)) or not args[0].is_meta or args[0].dim() != 3:
        return 0
    return int(args[0].shape[_axis(args)])


def shortened(args: Any, steps: int) -> tuple[Any, ...]:
    """The arguments for only the first steps."""
    return (args[0].narrow(_axis(args), 0, steps), *args[1:])


def lengthened(given: tuple[torch.Tensor, ...], args: Any, steps: int) -> tuple[torch.Tensor, ...]:
    """The outputs of one step, extended to all steps; the states keep their size."""
    sizes = list(given[0].shape)
    sizes[_axis(args)] = steps
    return (given[0].new_empty(sizes), *given[1:])


def _axis(args: Any) -> int:
    """The axis of the steps; the last argument says whether the batch comes first."""
    return 1 if args[8] else 0


def normed(name: str, read: list[torch.Tensor], args: Any, kwargs: Any) -> torch.Tensor | None:
    """The output of a batch norm with fixed statistics, whose sizes take PyTorch longer to find than all others together.

    None for other calls, and for one whose sizes do not fit, which PyTorch then refuses.
    """
    if name != "batch_norm" or not read[0].is_meta or read[0].dim() < 2:
        return None
    trains = kwargs.get("training", args[5] if len(args) > 5 else False)
    fits = all(one.numel() == read[0].shape[1] for one in read[1:])
    return torch.empty_like(read[0]) if fits and not trains else None
