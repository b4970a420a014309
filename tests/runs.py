"""How networks are run in tests: what a test says, and the defaults for the rest."""

from __future__ import annotations

from typing import Any

from archcalc.devices import Device
from archcalc.running import Running
from archcalc.running.declaration import INFERENCE, TRAIN
from archcalc.running.defaults import settled


def run_of(mode: str = INFERENCE, chip: Device | None = None, **said: Any) -> Running:
    """A run in a mode."""
    return settled(Running(**said), mode, chip)


def train_or_not(trains: bool) -> str:
    """The mode that is a training step, or a forward pass."""
    return TRAIN if trains else INFERENCE
