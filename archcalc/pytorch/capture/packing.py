"""Packed sequences, treated as padded: lengths depend on numbers, so all are taken to be as long as the longest.

`pack_padded_sequence` returns its tensor unchanged, recurrent modules run over that, and `pad_packed_sequence` returns
their output.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any

import torch
from torch.nn.utils.rnn import PackedSequence
from torch.utils.weak import WeakIdKeyDictionary


class Packing:
    """The tensors that stand for packed ones, each with whether its batch axis comes first.

    `turn` swaps the first two axes of a tensor.
    """

    def __init__(self, turn: Callable[[torch.Tensor], torch.Tensor]) -> None:
        self._turn = turn
        self._first: MutableMapping[torch.Tensor, bool] = WeakIdKeyDictionary()
        self._given: dict[int, PackedSequence] = {}
        self.is_used = False

    def called(self, name: str, args: Any) -> tuple[torch.Tensor, torch.Tensor] | None:
        """The result of packing or padding, steps first or samples first; None for other calls."""
        if name == "_pack_padded_sequence":
            x, _, first = args
            self._first[x], self.is_used = first, True
            return x, torch.full((x.shape[int(first)],), x.shape[1 - int(first)])
        if name == "_pad_packed_sequence" and args[0] in self._first:
            first, most = args[2], args[4]
            x = self._laid(args[0], first)
            if most == x.shape[int(first)]:
                return x, torch.full((x.shape[1 - int(first)],), most)
        return None

    def unpacked(self, module: Any, args: Any) -> Any:
        """Arguments of a recurrent module with the packed sequence replaced by a padded one; None for other calls."""
        if not args or not isinstance(args[0], PackedSequence) or args[0].data not in self._first:
            return None
        self._given[id(module)] = args[0]
        states = (_ordered(one, args[0].sorted_indices) for one in args[1:])
        return (self._laid(args[0].data, module.batch_first), *states)

    def repacked(self, module: Any, out: Any) -> Any:
        """The output of such a module, packed like its input; None for other calls."""
        given = self._given.pop(id(module), None)
        if given is None:
            return None
        self._first[out[0]] = module.batch_first
        return (PackedSequence(out[0], *given[1:]), *(_ordered(one, given.unsorted_indices) for one in out[1:]))

    def _laid(self, x: torch.Tensor, first: bool) -> torch.Tensor:
        return x if self._first[x] == first else self._turn(x)


def _ordered(state: Any, order: torch.Tensor | None) -> Any:
    """States with the samples in another order; an LSTM has two states."""
    if isinstance(state, tuple):
        return tuple(_ordered(one, order) for one in state)
    return state if state is None or order is None else state.index_select(1, order)
