"""The options that say how networks are run, of the commands that ask for memory or time at many settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from archcalc.commands.options import devices, is_device_file, look
from archcalc.devices import find
from archcalc.memory.plan import WIDTHS
from archcalc.prediction.predict import OPTIMIZERS
from archcalc.sweep.measures import Conditions

_F = TypeVar("_F", bound=Callable[..., Any])

_OPTIONS = (
    look("--dtype", type=click.Choice(tuple(WIDTHS)), help="Type of weights and activations.  [default: the device's, or fp32]"),
    look("--optimizer", type=click.Choice(OPTIMIZERS), default="adam", show_default=True, help="Optimizer of a training step."),
    look("--device", shell_complete=devices, may_be_file=is_device_file, metavar="NAME|FILE", help="What it runs on, as h100: for time and step_time."),
)  # fmt: skip


def options(command: _F) -> _F:
    """`--dtype`, `--optimizer` and `--device`, in this order."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def conditions(dtype: str | None, optimizer: str, device: str | None) -> Conditions:
    """What they say. Raises `RequestError` for an unknown device, or a type it does not compute in."""
    given = Conditions(dtype, optimizer, find(device) if device else None)
    _ = given.type
    return given
