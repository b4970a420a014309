"""What broadcast operands need: their gradients are as large as the output until they are summed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from archcalc.layers.saved import Saving
from archcalc.layers.tensor import Tensor


def back(how: Saving, places: Iterable[int], counted: bool, y: Tensor, inputs: Sequence[Tensor]) -> int:
    """Bytes of the largest such gradient.

    Args:
        places: operands whose gradient is computed and is not the gradient of the output itself.
        counted: whether per-sample gradients of an operand shared by all samples are counted elsewhere.
    """
    whole, most = y.numel * how.batch, 0
    for place in places:
        x = inputs[place]
        if x.numel * (how.batch if x.batched else 1) < whole:
            most = max(most, whole - (0 if x.batched or not counted else x.numel * how.batch))
    return most * how.width


def mixed_back(how: Saving, y: Tensor, factors: Sequence[Tensor]) -> int:
    """Bytes that a product of two factors of different types needs backward, beside the gradients of both.

    The gradient of the second is computed first, each in the wider type and for all of the result; a narrower factor is
    copied for that. Then each is summed or cast in turn. What is summed over the samples is counted elsewhere.
    """
    whole, live, most = y.numel * how.batch * how.width, 0, 0
    sizes = [x.numel * (how.batch if x.batched else 1) for x in factors]
    for place in (1, 0):
        if how.needs[place]:
            other = 1 - place
            live += whole
            most = max(most, live + sizes[other] * how.width * (how.given[other] < how.width))
    summed = given = 0
    for place in (0, 1):
        if how.needs[place]:
            own = sizes[place] * how.given[place]
            given += own
            if own < whole:
                most = max(most, live + own)
                live += own - whole
            summed += factors[place].numel * how.batch * how.width * (factors[place].batched != y.batched)
    return most - given - summed
