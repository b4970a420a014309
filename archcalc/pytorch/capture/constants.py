"""The numbers of tensors that no input and no parameter decides, where code asks for them, as whether a mask hides anything.

On the meta device nothing has numbers. What made a tensor is noted, and done again on the CPU once somebody asks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

# Larger ones are not made: whoever asks for the numbers of so many does not ask for their shape.
_MOST = 2**22


class Constants:
    """How each tensor on the meta device was made, by its identity, as long as nothing has changed it."""

    def __init__(self) -> None:
        self._made: dict[int, tuple[Callable[..., Any], Any, Any, int]] = {}
        self._numbers: dict[int, Any] = {}

    def note(
        self, func: Callable[..., Any], args: Any, kwargs: Any, given: list[torch.Tensor], changed: list[torch.Tensor]
    ) -> None:
        """A call and the tensors that it gave or changed."""
        for tensor in changed:
            self._made.pop(id(tensor), None)
            self._numbers.pop(id(tensor), None)
        if len(given) == 1 and not changed and given[0].is_meta:
            self._made[id(given[0])] = (func, args, kwargs, given[0]._version)

    def filled(self, item: Any) -> Any:
        """Arguments with numbers in place of tensors that have none, where these are known."""
        if isinstance(item, torch.Tensor):
            return self._tensor(item) if item.is_meta else item
        if isinstance(item, torch.device):
            return torch.device("cpu")
        if type(item) in (tuple, list):
            return type(item)(self.filled(one) for one in item)
        if isinstance(item, dict):
            return {key: self.filled(one) for key, one in item.items()}
        return item

    def _tensor(self, tensor: torch.Tensor) -> torch.Tensor:
        if id(tensor) not in self._numbers:
            if id(tensor) not in self._made or tensor.numel() > _MOST:
                return tensor
            func, args, kwargs, version = self._made[id(tensor)]
            if version != tensor._version:
                return tensor
            self._numbers[id(tensor)] = func(*self.filled(args), **self.filled(kwargs))
        made: torch.Tensor = self._numbers[id(tensor)]
        return made
