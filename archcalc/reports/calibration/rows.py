"""A row for each kind of layer: how many were measured, and the error in each phase."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.prediction.model import PHASES
from archcalc.records import NamedTuple
from archcalc.reports.calibration.report import Report

HEADER = ("kind", "layers", "forward", "cached", "training", "backward")


class Row(NamedTuple):
    """A kind of layer; an error is a fraction of the time, or None if unknown."""

    kind: str
    layers: int
    errors: tuple[float | None, ...]

    @property
    def percents(self) -> list[str]:
        """The errors as people read them."""
        return ["" if error is None else f"{100 * error:.0f} %" for error in self.errors]


def rows(report: Report) -> Iterator[Row]:
    """The kinds, then all layers together: the median and the mean."""
    fit = report.fit
    for kind, found in fit["kinds"].items():
        yield Row(kind, found["layers"], tuple(found["error"].get(phase) for phase in PHASES))
    for name in ("median", "mean"):
        yield Row(f"all layers, {name}", fit["layers"], tuple(fit["error"][phase][name] for phase in PHASES))
