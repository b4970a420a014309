"""What tensors hold: numbers, token ids, or what nothing has decided yet."""

from __future__ import annotations

from archcalc.layers.base import ShapeError
from archcalc.layers.tensor import Tensor


def outside(index: Tensor, least: int, most: int) -> int | None:
    """A number of `index` that is not from `least` to `most`; None where there is none, or its numbers are not known."""
    if index.bounds is None:
        return None
    low, high = index.bounds
    return high if high > most else low if low < least else None


def towards(number: int) -> str:
    """How a message says that whole numbers reach `number`, which is too far: places may, a constant does."""
    return f"up to {number}" if number >= 0 else f"down to {number}"


def numbers_only(op: str, tensors: tuple[Tensor, ...]) -> None:
    """All operands hold numbers; an open one does from now on. Raises `ShapeError` for token ids."""
    for index, tensor in enumerate(tensors):
        if tensor.integer:
            raise ShapeError(
                "SHP101",
                f"`{op}` computes with numbers, but {tensor} holds token ids",
                operand=index,
                help="an `embedding` before it makes vectors of ids",
            )
        if tensor.integer is None:
            tensor.integer = False
