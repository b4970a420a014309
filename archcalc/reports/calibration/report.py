"""What `archcalc calibrate` found, for every form."""

from __future__ import annotations

from typing import Any

from archcalc.devices import Device
from archcalc.records import NamedTuple


class Report(NamedTuple):
    """A device with its calibration, and where it was written.

    Attributes:
        seconds: how long it took.
        interrupted: whether it was stopped early.
    """

    device: Device
    path: str
    seconds: float
    interrupted: bool

    @property
    def fit(self) -> dict[str, Any]:
        """The calibration of the device."""
        return self.device.calibration or {}
