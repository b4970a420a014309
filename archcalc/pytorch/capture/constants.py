"""The numbers of tensors that no input and no parameter decides, where code asks for them, as whether a mask hides anything.

On the meta device nothing has numbers. What made a tensor is noted, and done again on the CPU once somebody asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

import torch
from torch.utils.weak import WeakIdKeyDictionary

# Larger ones are not made: whoever asks for the numbers of so many does not ask for their shape.
_MOST = 2**22


class Constants:
    """How each such tensor on the meta device was made."""

    def __init__(self) -> None:
        self._made: MutableMapping[torch.Tensor, tuple[Callable[..., Any], Any, Any, int]] = WeakIdKeyDictionary()
        self._numbers: MutableMapping[torch.Tensor, tuple[torch.Tensor, int]] = WeakIdKeyDictionary()

    def note(self, func: Callable[..., Any], args: Any, kwargs: Any, given: torch.Tensor) -> None:
        """A call and what it gave."""
        self._made[given] = (func, args, kwargs, given._version)

    def know(self, tensor: torch.Tensor, numbers: torch.Tensor) -> None:
        """A tensor, and the one on the CPU that it is a copy of."""
        self._numbers[tensor] = (numbers, tensor._version)

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
        """The same on the CPU; itself where what made it is not known."""
        numbers, version = self._numbers.get(tensor, (tensor, -1))
        if version == tensor._version:  # nothing was written into it
            return numbers
        if tensor not in self._made or tensor.numel() > _MOST:
            return tensor
        func, args, kwargs, version = self._made[tensor]
        args, kwargs = self.filled(args), self.filled(kwargs)
        if version != tensor._version or any(one.is_meta for one in tensors((args, kwargs))):
            return tensor
        self._numbers[tensor] = (func(*args, **kwargs), version)
        return self._numbers[tensor][0]


def check_rows(index: torch.Tensor, table: torch.Tensor) -> None:
    """What the meta device does not look at. Raises `IndexError` as PyTorch does, where numbers lead beyond a table."""
    if not index.is_meta and index.numel() and not 0 <= int(index.min()) <= int(index.max()) < len(table):
        raise IndexError(f"index out of range: row {int(index.max())} of a table of {len(table)}")


def tensors(item: Any) -> Iterator[torch.Tensor]:
    """All tensors in tuples, lists and mappings."""
    if isinstance(item, torch.Tensor):
        yield item
    elif isinstance(item, (tuple, list)):
        for one in item:
            yield from tensors(one)
    elif isinstance(item, dict):
        for one in item.values():
            yield from tensors(one)
