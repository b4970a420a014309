"""What `archcalc devices` lists, for every form."""

from __future__ import annotations

from collections.abc import Sequence

from archcalc.devices import Device
from archcalc.prediction.kernels import BENCHMARKS, DATASHEET, efficiency


class Report:
    """The devices, by name."""

    def __init__(self, devices: Sequence[Device]) -> None:
        self.devices = devices


def known_from(device: Device) -> str:
    """The basis of its times: measured there, published profiles or times of networks, or only the data sheet."""
    if device.calibration is None:
        return BENCHMARKS if device.name in efficiency()["devices"] else DATASHEET
    return "measured" if device.has_measured_rates else "profiles"
