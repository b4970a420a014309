"""Coefficients for each kind of operation, from the times of layers.

A layer's time is modelled as a sum over its operations, and that of an operation as coefficients of
its kind times features (a constant, FLOPs, bytes). Coefficients are not negative, and are chosen so that the
sum of squared relative errors is least: a layer of 5 µs counts as much as one of 5 ms.
Features of one kind are strongly correlated, so their coefficients are pulled slightly towards
the pooled fit, one set for all kinds that work alike; a kind with few points leans on its neighbours.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from archcalc.pytorch.calibration.nnls import Array, nonnegative

# How strongly coefficients are pulled towards the pooled fit, relative to the evidence of the points.
_RIDGE = 1e-3
# Fewer points than this say nothing about the error.
LEAST_POINTS = 20


@dataclass(frozen=True)
class Point:
    """A measured layer: its operations, each a kind with its features, and its seconds."""

    label: str
    terms: tuple[tuple[str, tuple[float, ...]], ...]
    seconds: float


@dataclass(frozen=True)
class Fit:
    """The result of a fit.

    Attributes:
        coefficients: by kind.
        pools: for each pool, the coefficients of a kind that was not measured.
        points: by kind, how many layers have an operation of it.
        labels: of the points, in order.
        errors: relative error of each point when predicted by the fit to all the others.
    """

    coefficients: dict[str, list[float]]
    pools: dict[str, list[float]]
    points: dict[str, int]
    labels: list[str]
    errors: list[float]

    @property
    def error(self) -> float:
        """The mean absolute held-out error; 0 without points."""
        return statistics.fmean(map(abs, self.errors)) if self.errors else 0.0

    @property
    def median_error(self) -> float:
        """The median absolute held-out error; 0 without points."""
        return statistics.median(map(abs, self.errors)) if self.errors else 0.0


def fit(points: Sequence[Point], pool_of: Callable[[str], str], hold_out: bool = True) -> Fit:
    """Fit all kinds at once.

    Args:
        points: what was measured; layers that took no time are left out.
        pool_of: which kinds work alike.
        hold_out: also compute each point's error by a fit without it.
    """
    points = [point for point in points if point.seconds > 0 and point.terms]
    if not points:
        return Fit({}, {}, {}, [], [])
    pools = _pools(points, pool_of)
    coefficients: dict[str, list[float]] = {}
    errors = [0.0] * len(points)
    for kinds, indices in _parts(points):
        part = [points[index] for index in indices]
        centre = np.concatenate([pools[pool_of(kind)] for kind in kinds])
        solved, held_out = _solve(_design(part, kinds), centre, hold_out)
        coefficients.update((kind, one.tolist()) for kind, one in zip(kinds, np.split(solved, len(kinds))))
        for index, error in zip(indices, held_out):
            errors[index] = error
    return Fit(
        {kind: coefficients[kind] for kind in sorted(coefficients)},
        {name: pool.tolist() for name, pool in pools.items()},
        {kind: sum(any(one == kind for one, _ in point.terms) for point in points) for kind in sorted(coefficients)},
        [point.label for point in points],
        errors if hold_out else [],
    )


def _parts(points: Sequence[Point]) -> list[tuple[list[str], list[int]]]:
    """Kinds that occur together in a point, and the points they occur in: each part is fitted separately."""
    parts: list[tuple[set[str], list[int]]] = []
    for index, point in enumerate(points):
        kinds = {kind for kind, _ in point.terms}
        met = [part for part in parts if part[0] & kinds]
        parts = [part for part in parts if not part[0] & kinds]
        parts.append((kinds.union(*(part[0] for part in met)), [*(i for part in met for i in part[1]), index]))
    return [(sorted(kinds), sorted(indices)) for kinds, indices in parts]


def _solve(design: Array, centre: Array, hold_out: bool) -> tuple[Array, list[float]]:
    """The coefficients, pulled towards `centre`, and for every row the error of the fit without it."""
    # Every column is scaled to unit length, so that the ridge weighs seconds and bytes alike.
    lengths = np.sqrt((design**2).sum(axis=0))
    absent = lengths == 0
    lengths[absent] = 1.0
    columns = design / lengths
    gram = columns.T @ columns + _RIDGE * np.eye(len(centre))
    target = columns.sum(axis=0) + _RIDGE * centre * lengths
    solved = nonnegative(gram, target) / lengths
    solved[absent] = centre[absent]
    errors = []
    for row in columns if hold_out else ():
        without = nonnegative(gram - np.outer(row, row), target - row)
        errors.append(float(row @ without) - 1)
    return solved, errors


def _design(points: Sequence[Point], kinds: Sequence[str]) -> Array:
    """[points, kinds·features], every row divided by its seconds: a perfect prediction is 1."""
    width = len(points[0].terms[0][1])
    place = {kind: index * width for index, kind in enumerate(kinds)}
    design = np.zeros((len(points), len(kinds) * width))
    for row, point in zip(design, points):
        for kind, features in point.terms:
            row[place[kind] : place[kind] + width] += features
        row /= point.seconds
    return design


def _pools(points: Sequence[Point], pool_of: Callable[[str], str]) -> dict[str, Array]:
    """One set of coefficients for all the kinds of a pool together."""
    merged = [
        Point(point.label, tuple((pool_of(kind), features) for kind, features in point.terms), point.seconds)
        for point in points
    ]
    names = sorted({kind for point in merged for kind, _ in point.terms})
    design = _design(merged, names)
    solved, _ = _solve(design, np.zeros(design.shape[1]), False)
    return dict(zip(names, np.split(solved, len(names))))
