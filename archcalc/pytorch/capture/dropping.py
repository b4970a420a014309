"""What drops numbers in training and returns its input otherwise: the spec has it in both modes, to train alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

# What libraries call a module that drops whole samples of a branch, and its probability.
_PATHS = frozenset(("DropPath", "StochasticDepth"))
_CHANCES = ("drop_prob", "p")


def idles(name: str, args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> bool:
    """Whether a call of `F.dropout` returned its input, and would have dropped numbers of it in training."""
    if name != "dropout" or not args or out is not args[0]:
        return False
    chance = args[1] if len(args) > 1 else kwargs.get("p", 0.5)
    training = args[2] if len(args) > 2 else kwargs.get("training", kwargs.get("train", True))
    return bool(chance) and not training


def path_of(module: nn.Module, args: Sequence[Any], out: Any) -> float:
    """The probability with which a module drops a sample's branch in training, if it returned its input; else 0.

    Its code asks for the mode and calls nothing, so that only the module tells; `SwinDropPath` and the like count too.
    """
    if module.training or not args or out is not args[0] or not isinstance(out, torch.Tensor):
        return 0.0
    if not any(type(module).__name__.endswith(name) for name in _PATHS) or any(True for _ in module.parameters()):
        return 0.0
    chances = (getattr(module, name, None) for name in _CHANCES)
    return next((float(one) for one in chances if isinstance(one, (int, float))), 0.0)


def apart(tensor: torch.Tensor) -> torch.Tensor:
    """The same numbers as a tensor of its own, so that who reads it is told from who reads the input."""
    return tensor.view_as(tensor)
