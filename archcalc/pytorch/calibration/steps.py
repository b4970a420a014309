"""The time of an optimizer's step: a cost for each parameter tensor plus a cost for each byte of parameters."""

from __future__ import annotations

import time

import numpy as np
import torch

from archcalc.pytorch.calibration.measure import Stopwatch
from archcalc.pytorch.calibration.nnls import nonnegative
from archcalc.pytorch.regimes import OPTIMIZERS
from archcalc.pytorch.setup import DTYPES

# How many parameter tensors are updated at once, and the elements of each.
_SHAPES = ((1, 1_000), (16, 1_000), (64, 4_000), (8, 250_000), (4, 1_000_000), (16, 1_000_000), (2, 8_000_000))
# Optimizers that treat every number alike: a step of the others depends on the shapes of matrices.
_MEASURED = ("sgd", "momentum", "adam", "adamw")
_WARMUP, _REPEAT = 3, 9
_RIDGE = 1e-6


def step_coefficients(device: torch.device, dtype: str, watch: Stopwatch, seconds: float) -> dict[str, list[float]]:
    """For each elementwise optimizer, the seconds for a tensor and for a byte, measured in about `seconds`."""
    each = seconds / (len(_MEASURED) * len(_SHAPES))
    return {name: _fitted(name, device, dtype, watch, each) for name in _MEASURED}


def _fitted(name: str, device: torch.device, dtype: str, watch: Stopwatch, seconds: float) -> list[float]:
    rows = []
    for tensors, elements in _SHAPES:
        parameters = [torch.nn.Parameter(torch.randn(elements, device=device, dtype=DTYPES[dtype])) for _ in range(tensors)]  # fmt: skip
        for parameter in parameters:
            parameter.grad = torch.randn_like(parameter)
        optimizer = OPTIMIZERS[name](parameters)
        moved = tensors * elements * parameters[0].element_size()
        rows.append(np.array([tensors, moved]) / _lower_quartile(optimizer, watch, seconds))
    design = np.array(rows)
    lengths = np.sqrt((design**2).sum(axis=0))
    columns = design / lengths
    found = nonnegative(columns.T @ columns + _RIDGE * np.eye(2), columns.sum(axis=0)) / lengths
    return [float(value) for value in found]


def _lower_quartile(optimizer: torch.optim.Optimizer, watch: Stopwatch, seconds: float) -> float:
    end = time.perf_counter() + seconds
    times: list[float] = []
    while len(times) < _WARMUP + 2 or (len(times) < _WARMUP + _REPEAT and time.perf_counter() < end):
        times.append(watch(optimizer.step)[0])
    counted = sorted(times[_WARMUP:])
    return max(counted[len(counted) // 4], 1e-9)
