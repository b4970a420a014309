"""The names of PyTorch functions here, and what some of them ask for."""

from __future__ import annotations

from typing import Any

import torch

# In-place operators, named like those that compute the same.
_IN_PLACE = frozenset(("add", "sub", "mul", "truediv", "matmul", "pow", "floordiv", "and", "or"))


def name_of(func: Any) -> str:
    """`add` for `Tensor.__add__`, `add_`, `__iadd__`; `T` for a property."""
    name: str = getattr(func, "__name__", type(func).__name__)
    if name == "__get__":
        return getattr(func.__self__, "__name__", "get")
    if name.startswith("__"):
        name = name.strip("_")
        if name.startswith("i") and name[1:] in _IN_PLACE:
            name = name[1:]
    return name.rstrip("_") or name


def asks_gradients(func: Any) -> bool:
    """Whether a call is `x.requires_grad_()` or `x.requires_grad = True`."""
    name = getattr(func, "__name__", "")
    return name == "requires_grad_" or (name == "__set__" and func.__self__.__name__ == "requires_grad")


def asks_cpu(func: Any, args: Any, kwargs: Any) -> bool:
    """Whether a call is `x.cpu()` or `x.to("cpu")` of a meta tensor, which then stays where it is."""
    name = getattr(func, "__name__", "")
    if name not in ("cpu", "to") or not (args and isinstance(args[0], torch.Tensor) and args[0].is_meta):
        return False
    device = args[1:] if len(args) > 1 else [kwargs.get("device")]
    return name == "cpu" or (len(device) == 1 and _is_cpu(device[0]) and not kwargs.keys() - {"device", "non_blocking"})


def _is_cpu(device: Any) -> bool:
    return device == "cpu" or (isinstance(device, torch.device) and device.type == "cpu")
