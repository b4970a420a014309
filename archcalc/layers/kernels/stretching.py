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
