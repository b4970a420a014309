"""Limits on how much a network may grow."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.diagnostics import RequestError
from archcalc.difference.compare import Difference


def over_limit(found: Difference, limits: dict[str, float]) -> Iterator[str]:
    """A sentence for each measure that grew too much. Raises `RequestError` for one that is not known for both."""
    for measure, limit in limits.items():
        if measure not in found.measures:
            raise RequestError(f"saved JSON does not hold {measure}: compare with the spec instead")
        growth = found.growth(measure)
        if growth > limit:
            grown = "from nothing" if growth == float("inf") else f"by {100 * growth:,.1f} %"
            yield f"{found.head.model}: {measure} grew {grown}, the limit is {100 * limit:g} %"
