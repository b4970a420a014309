"""Launch overhead: with small batches a GPU waits for the host to launch kernels.

The GPU works through what the program has launched, so a step takes as long as the slower of the two. Compiled code is
assumed to launch all of its kernels at once, like a CUDA graph.
"""

from __future__ import annotations

from collections.abc import Iterable

from archcalc.prediction.estimate import LAUNCH, Estimate, Estimator
from archcalc.prediction.operations import Operation
from archcalc.running import Running
from archcalc.running.declaration import COMPILED, GRAPH


def started(found: Iterable[Operation]) -> dict[int, int]:
    """How many kernels are launched for each layer, by its node's identity."""
    counts: dict[int, int] = {}
    for one in found:
        if one.in_bytes or one.weight_bytes or one.out_bytes:
            counts[id(one.node)] = counts.get(id(one.node), 0) + one.runs
    return counts


def waiting(estimator: Estimator, running: Running, kernels: int, busy: Estimate) -> Estimate:
    """How long the GPU idles per kernel, given the number of kernels and the time they keep it busy."""
    if estimator.kernels is None or running.execution in (COMPILED, GRAPH) or not kernels:
        return Estimate()
    program, spread = estimator.kernels.host(running.types.autocast)
    program *= kernels
    seconds = max(0.0, program - busy.seconds)
    low = max(0.0, program / spread - busy.low)
    high = max(0.0, program * spread - busy.high)
    basis = estimator.kernels.basis
    return Estimate(seconds, min(low, seconds), max(high, seconds), {basis: seconds}, {LAUNCH: seconds}).times(
        1 / kernels
    )
