"""The length of token sequences as a dim of the spec: the module is read again at another length."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from archcalc.diagnostics import RequestError
from archcalc.pytorch.capture.examples import Example
from archcalc.tracing.dims import Size, agree, joined, with_dims
from archcalc.tracing.telling import Telling

# Whole numbers and truths: what a sequence of tokens and the mask beside it hold.
_WHOLE = (torch.long, torch.int, torch.bool)
# Of shorter sequences there is none with as many digits.
_LEAST = 8


def open_lengths(reading: Telling, inputs: list[Example], again: Callable[[list[Example]], Telling]) -> None:
    """Makes the lengths of token sequences dims, if a second reading shows what depends on each.

    Inputs of one length share a dim. Lengths stay numbers where the module does not run with others, or where the two
    specs differ in more than what follows from the length.

    Args:
        reading: the module as it was read with `inputs`; its texts are changed.
        again: reads it with other inputs, or raises `RequestError`.
    """
    lengths = dict.fromkeys(one.sizes[0] for one in inputs if _is_sequence(one))
    if not lengths or reading.is_flat:
        return
    variants: list[tuple[Size, str]] = []
    for length, name in zip(lengths, _names(inputs, list(lengths))):
        found = _another(reading, inputs, name, length, again)
        if found is None:
            return
        variants.append(found)
    sizes = [size for size, _ in variants]
    made = joined(reading.spec, variants)
    if made is None or not all(agree(with_dims(made, sizes, size), text) for size, text in variants):
        return
    expected = reading.text[len(reading.spec) :]
    reading.spec = with_dims(made, sizes)
    reading.text = reading.spec + expected


def _is_sequence(one: Example) -> bool:
    return one.dtype in _WHOLE and len(one.sizes) == 1 and one.sizes[0] >= _LEAST


def _names(inputs: Sequence[Example], lengths: Sequence[int]) -> list[str]:
    """`seq` for a single length, else the names of the first inputs that have them."""
    if len(lengths) == 1:
        return ["seq"]
    first = {one.sizes[0]: one.name for one in reversed(inputs) if _is_sequence(one)}
    return [f"{first[length].replace('.', '_')}_len" for length in lengths]


def _another(
    reading: Telling, inputs: list[Example], name: str, length: int, again: Callable[[list[Example]], Telling]
) -> tuple[Size, str] | None:
    """A second length that the module runs with, and its spec there; None if none of those tried follows from the first.

    One of the two is odd, which tells rounded halves apart; modules that refuse it take multiples of something. Numbers
    of as many digits come first, as the lines of their specs are as long.
    """
    odd, even = length // 8 | 1, length // 4
    refused = True
    for steps in (odd, even):
        for other in sorted((length - steps, length + steps), key=lambda one: len(str(one)) != len(str(length))):
            given = [
                Example(one.name, (other,), one.dtype, one.keyword, one.batch_axis)
                if _is_sequence(one) and one.sizes[0] == length
                else one
                for one in inputs
            ]
            try:
                found = again(given)
            except RequestError:
                continue
            refused = False
            size = Size(name, length, other)
            if found.comparison.equal and joined(reading.spec, [(size, found.spec)]) is not None:
                return size, found.spec
        if not refused:
            break
    return None
