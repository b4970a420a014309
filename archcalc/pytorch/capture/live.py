"""A module that a user's program holds, read from a copy on the meta device."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from archcalc.diagnostics import RequestError
from archcalc.pytorch.capture.building import without_numbers
from archcalc.pytorch.capture.examples import Example
from archcalc.pytorch.capture.reading import read_module
from archcalc.quoting import visible


def read(module: nn.Module, inputs: tuple[Any, ...], train: bool) -> str:
    """The text of its spec. Raises `RequestError`."""
    if not isinstance(module, nn.Module):
        raise RequestError(f"archcalc.of takes an nn.Module, not a {type(module).__name__}")
    if not inputs:
        raise RequestError("archcalc.of takes what the module is called with: archcalc.of(net, (3, 224, 224))")
    examples = [_example(one, index) for index, one in enumerate(inputs)]
    name = type(module).__name__.lower()
    return read_module(
        without_numbers(module), examples, name, train, f"From a {type(module).__name__} in Python."
    ).text


def _example(given: Any, index: int) -> Example:
    name = f"input{index}" if index else "input"
    if isinstance(given, torch.Tensor):
        if not given.dim():
            raise RequestError("an input is a tensor with the batch in front")
        return Example(name, tuple(given.shape[1:]), given.dtype)
    try:
        return Example(name, tuple(int(size) for size in given))
    except (TypeError, ValueError):
        is_list = isinstance(given, (list, tuple)) and any(isinstance(one, torch.Tensor) for one in given)
        what = "a list of tensors" if is_list else visible(repr(given))
        more = ": put the module in one that takes each of them by itself" if is_list else ""
        raise RequestError(f"an input is a tensor, or its sizes without the batch, not {what}{more}") from None
