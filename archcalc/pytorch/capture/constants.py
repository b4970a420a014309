"""The numbers of tensors that no input and no parameter decides, where code asks for them, as whether a mask hides anything.

On the meta device nothing has numbers. What made a tensor is noted, and done again on the CPU once somebody asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

import torch
from torch.utils.weak import WeakIdKeyDictionary

from archcalc.records import NamedTuple

# Larger ones are not made: whoever asks for the numbers of so many does not ask for their shape.
_MOST = 2**22


class _Made(NamedTuple):
    """A call, what it was given, and the version that it left a tensor in; whether it wrote into what there was."""

    func: Callable[..., Any]
    args: Any
    kwargs: Any
    version: int
    writes: bool


class _Blank(NamedTuple):
    """A tensor that is asked for its shape and type alone."""

    shape: torch.Size
    dtype: torch.dtype


class Constants:
    """How each such tensor on the meta device was made."""

    def __init__(self) -> None:
        self._made: MutableMapping[torch.Tensor, list[_Made]] = WeakIdKeyDictionary()
        self._numbers: MutableMapping[torch.Tensor, tuple[torch.Tensor, int]] = WeakIdKeyDictionary()

    def note(self, func: Callable[..., Any], args: Any, kwargs: Any, given: torch.Tensor, writes: bool) -> None:
        """A call and what it gave; one that `writes` changes its first argument, which is what it gave."""
        if func.__name__.startswith("new_") or func.__name__.endswith("_like"):
            args = (_Blank(args[0].shape, args[0].dtype), *args[1:])
        before = self._made.get(given, []) if writes else []
        made = _Made(func, args[1:] if writes else args, kwargs, given._version, writes)
        if not writes or (before and before[-1].version == given._version - 1):
            self._made[given] = [*before, made]

    def know(self, tensor: torch.Tensor, numbers: torch.Tensor) -> None:
        """A tensor, and the one on the CPU that it is a copy of."""
        self._numbers[tensor] = (numbers, tensor._version)

    def filled(self, item: Any) -> Any:
        """Arguments with numbers in place of tensors that have none, where these are known."""
        if isinstance(item, torch.Tensor):
            return self._tensor(item) if item.is_meta else item
        if isinstance(item, torch.device):
            return torch.device("cpu")
        if isinstance(item, _Blank):
            return torch.empty(item.shape, dtype=item.dtype)
        if type(item) in (tuple, list):
            return type(item)(self.filled(one) for one in item)
        if isinstance(item, dict):
            return {key: self.filled(one) for key, one in item.items()}
        return item

    def _tensor(self, tensor: torch.Tensor) -> torch.Tensor:
        """The same on the CPU; itself where what made it is not known."""
        found = self.at(tensor, tensor._version)
        return tensor if found is None else found

    def at(self, tensor: torch.Tensor, version: int) -> torch.Tensor | None:
        """What a tensor held on the CPU when it had been written into so often; None where that is not known."""
        numbers, known = self._numbers.get(tensor, (tensor, -1))
        if known == version:
            return numbers
        made = [one for one in self._made.get(tensor, ()) if one.version <= version]
        if not made or made[-1].version != version or tensor.numel() > _MOST:
            return None
        filled = tensor
        for one in made:
            args, kwargs = self.filled(one.args), self.filled(one.kwargs)
            if any(given.is_meta for given in tensors((args, kwargs))):
                return None
            if one.writes:
                filled = filled.clone()
                one.func(filled, *args, **kwargs)
            else:
                filled = one.func(*args, **kwargs)
        self._numbers[tensor] = (filled, version)
        return filled


def check_rows(index: torch.Tensor, table: torch.Tensor) -> None:
    """What the meta device does not look at. Raises `IndexError` as PyTorch does, where numbers lead beyond a table."""
    if not index.is_meta and index.numel() and not 0 <= int(index.min()) <= int(index.max()) < len(table):
        raise IndexError(f"index out of range: row {int(index.max())} of a table of {len(table)}")


def check_channels(x: torch.Tensor, weight: torch.Tensor) -> None:
    """Raises `RuntimeError` as PyTorch does for a transposed convolution of other channels, which the meta device lets pass."""
    channels = x.shape[1 - weight.dim()]
    if channels != weight.shape[0]:
        raise RuntimeError(
            f"a transposed convolution of weight {list(weight.shape)} has {weight.shape[0]} input channels, not {channels}"
        )


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
