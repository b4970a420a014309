"""What `archcalc predict` says about a run that is measured."""

from __future__ import annotations

import os

import torch

from archcalc.devices import LOCAL, Device, as_written, find, local_path, names
from archcalc.diagnostics import RequestError
from archcalc.memory.how import how
from archcalc.network.load import Graph
from archcalc.prediction.predict import Prediction, predict
from archcalc.pytorch.setup import Setup, device_name


def expected(graph: Graph, setup: Setup, known: Device | None = None) -> Prediction | str:
    """The prediction of this run's time, or why there is none.

    Args:
        graph: the network.
        setup: how it is measured.
        known: the device file of this machine; by default the one calibrated here, or for a GPU its data sheet.
    """
    try:
        chip = known or _chip(torch.device(setup.device))
        said = setup.said.also(device=None)
        if chip.kind == "cpu" and not said.threads:
            said = said.also(threads=torch.get_num_threads())
        return predict(graph, how(graph, said, setup.mode, chip))
    except RequestError as error:
        return str(error)


def _chip(device: torch.device) -> Device:
    """The device file of a device at hand. Raises `RequestError` if there is none."""
    if device.type not in LOCAL:
        raise RequestError(f"there is no device file for {device.type}")
    if device.type == "cuda" and not os.path.exists(local_path(device.type)):
        sheet = as_written(device_name(device), names())
        if sheet is not None:
            return find(sheet)
    return find(device.type)
