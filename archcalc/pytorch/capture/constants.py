"""The numbers of tensors that depend on neither inputs nor parameters, for code that asks for them.

For example, code may ask whether a mask hides anything.

On the meta device, tensors have no numbers. The calls that made a tensor are noted, and repeated on the CPU when code
asks for its numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

import torch
from torch.utils.weak import WeakIdKeyDictionary

from archcalc.records import NamedTuple
from archcalc.tracing.calls import COMPLEX, FLOAT, TRUTH, WHOLE, Number

# Larger tensors are not made: code that asks for so many numbers does not decide shapes by them.
_MOST = 2**22


class _Made(NamedTuple):
    """A call, its arguments, the version it left a tensor in, and whether it wrote in place."""

    func: Callable[..., Any]
    args: Any
    kwargs: Any
    version: int
    writes: bool


class _Blank(NamedTuple):
    """A tensor of which only shape and type matter."""

    shape: torch.Size
    dtype: torch.dtype


class Constants:
    """How each of these tensors on the meta device was made."""

    def __init__(self) -> None:
        self._made: MutableMapping[torch.Tensor, list[_Made]] = WeakIdKeyDictionary()
        self._numbers: MutableMapping[torch.Tensor, tuple[torch.Tensor, int]] = WeakIdKeyDictionary()

    def note(self, func: Callable[..., Any], args: Any, kwargs: Any, given: torch.Tensor, writes: bool) -> None:
        """Note a call and its result; a call that `writes` changes and returns its first argument."""
        if func.__name__.startswith("new_") or func.__name__.endswith("_like"):
            args = (_Blank(args[0].shape, args[0].dtype), *args[1:])
        before = self._made.get(given, []) if writes else []
        made = _Made(func, args[1:] if writes else args, kwargs, given._version, writes)
        if not writes or (before and before[-1].version == given._version - 1):
            self._made[given] = [*before, made]

    def know(self, tensor: torch.Tensor, numbers: torch.Tensor) -> None:
        """Note that a tensor is a copy of one on the CPU."""
        self._numbers[tensor] = (numbers, tensor._version)

    def filled(self, item: Any) -> Any:
        """Arguments in which meta tensors are replaced by tensors with numbers, if these are known."""
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
        """The same tensor on the CPU; the tensor itself if what made it is not known."""
        found = self.at(tensor, tensor._version)
        return tensor if found is None else found

    def at(self, tensor: torch.Tensor, version: int) -> torch.Tensor | None:
        """A tensor's numbers, on the CPU, after that many writes; None if unknown."""
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
    """Check indices, which the meta device does not. Raises `IndexError`, like PyTorch, for an index outside a table."""
    if not index.is_meta and index.numel() and not 0 <= int(index.min()) <= int(index.max()) < len(table):
        raise IndexError(f"index out of range: row {int(index.max())} of a table of {len(table)}")


def check_channels(x: torch.Tensor, weight: torch.Tensor) -> None:
    """Raises `RuntimeError` for wrong channels of a transposed convolution, which the meta device does not check."""
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


def kind_of(tensor: torch.Tensor) -> str:
    """The kind of numbers that a tensor holds."""
    if tensor.dtype.is_floating_point:
        return FLOAT
    return TRUTH if tensor.dtype is torch.bool else COMPLEX if tensor.dtype.is_complex else WHOLE


def number_of(tensor: torch.Tensor) -> Number | None:
    """The number that all elements of a tensor have."""
    if tensor.dtype.is_complex or not tensor.numel():
        return None
    first = tensor.flatten()[0]
    number: Number | None = first.item() if bool((tensor == first).all()) else None
    return number
