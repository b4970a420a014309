"""Least squares with coefficients that are not negative."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def nonnegative(gram: Array, target: Array) -> Array:
    """The x ≥ 0 that makes xᵀ·gram·x/2 - target·x least.

    With gram = AᵀA + ridge and target = Aᵀb, this is ridge regression of b on A. Source: the active-set method of
    Lawson and Hanson (1974), on the normal equations as in Bro and de Jong (1997).

    Args:
        gram: symmetric and positive definite, [n, n].
        target: [n].
    """
    size = len(target)
    free = np.zeros(size, bool)
    x: Array = np.zeros(size)
    threshold = 1e-10 * float(np.abs(target).max(initial=0.0))
    for _ in range(10 * size):
        gain = np.where(free, -np.inf, target - gram @ x)
        best = int(np.argmax(gain)) if size else 0
        if not size or gain[best] <= threshold:
            break
        free[best] = True
        while True:
            solved = _solved(gram, target, free)
            wrong = free & (solved <= 0)
            if not wrong.any():
                break
            # Go towards the solution for as long as all coefficients stay nonnegative; those that reach 0 leave.
            step = float((x[wrong] / np.maximum(x[wrong] - solved[wrong], 1e-300)).min())
            x = np.where(free, x + step * (solved - x), 0.0)
            free &= ~(wrong & (x <= 1e-12 * max(1.0, float(x.max()))))
            x[~free] = 0.0
        x = solved
    return x


def _solved(gram: Array, target: Array, free: NDArray[Any]) -> Array:
    """The solution over the `free` coefficients, 0 elsewhere."""
    index = np.flatnonzero(free)
    solved: Array = np.zeros(len(target))
    solved[index] = np.linalg.solve(gram[np.ix_(index, index)], target[index])
    return solved
