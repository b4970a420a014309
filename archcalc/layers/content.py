"""What tensors hold: numbers, token ids, or still undecided."""

from __future__ import annotations

from archcalc.layers.base import ShapeError
from archcalc.layers.tensor import Tensor


def outside(index: Tensor, least: int, most: int) -> int | None:
    """A number of `index` outside the range from `least` to `most`; None if there is none or the numbers are unknown."""
    if index.bounds is None:
        return None
    low, high = index.bounds
    return high if high > most else low if low < least else None


def hold_alike(y: Tensor, inputs: tuple[Tensor, ...]) -> None:
    """Note that the whole numbers in `y` are some of the inputs' and so lie within their bounds."""
    ends = [one.bounds for one in inputs if one.bounds is not None]
    if len(ends) < len(inputs):
        return
    bounds = ends[0] if len(ends) == 1 else (min(low for low, _ in ends), max(high for _, high in ends))
    for made in (y, *((y.outputs or {}).values() if y.parts else ())):
        if made.bounds is None:
            made.bounds = bounds


def towards(number: int) -> str:
    """How a message says that whole numbers reach `number`, which is out of range: an index may, a constant does."""
    return f"up to {number}" if number >= 0 else f"down to {number}"


def positions_only(index: Tensor) -> None:
    """Check that an index holds whole numbers; an undecided one does from now on. Raises `ShapeError` for numbers."""
    if index.integer is False:
        message = f"`index` {index} holds numbers, and an index has whole ones"
        help = "e.g. `constant 8 kind=arange`, NAME.indices of a `topk`, or `index 8` after the layer that computes it"
        raise ShapeError("SHP101", message, "index", help)
    index.integer = True


def check_positions(index: Tensor, size: int, what: str, from_end: bool = True) -> None:
    """Raises `ShapeError` if `index` is known to exceed the `size` positions of `what`."""
    if (number := outside(index, -size if from_end else 0, size - 1)) is not None:
        message = f"`index` {index} goes {towards(number)}, and {what} has {size} positions"
        help = f"its numbers may go from 0 to {size - 1}" + (f", or from -{size} to -1" if from_end else "")
        raise ShapeError("SHP108", message, "index", help)


def numbers_only(op: str, tensors: tuple[Tensor, ...]) -> None:
    """Check that all operands hold numbers; an undecided one does from now on. Raises `ShapeError` for token ids."""
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
