"""Adds layers measured by `archcalc profile` to a device file and fits its coefficients again."""

from __future__ import annotations

from dataclasses import replace

import torch

from archcalc.devices import Device
from archcalc.diagnostics import RequestError
from archcalc.prediction.model import Model
from archcalc.prediction.operations import Operation, operations
from archcalc.pytorch.calibration.device_file import Conditions, Measured, Rates, device_of
from archcalc.pytorch.setup import Setup
from archcalc.reports.profile.report import Profile


def check(device: Device, setup: Setup) -> None:
    """Raise `RequestError` if a profile made under `setup` cannot be combined with the device file."""
    Model(device)
    conditions = _conditions(device)
    kind = "gpu" if setup.device.startswith("cuda") else "cpu"
    threads = setup.said.threads or torch.get_num_threads()
    problem = None
    if device.kind != kind:
        problem = f"it is for a {device.kind}, not for {setup.device}"
    elif conditions.dtype != (setup.said.precision or "fp32"):
        problem = f"it is for {conditions.dtype}: use --precision {conditions.dtype}"
    elif kind == "cpu" and conditions.threads != threads:
        count = "1 thread" if conditions.threads == 1 else f"{conditions.threads} threads"
        problem = f"it is for {count}: use --threads {conditions.threads}"
    elif conditions.version != torch.__version__:
        problem = f"it was measured with torch {conditions.version}, and this is {torch.__version__}: calibrate again"
    elif setup.channels_last:
        problem = "it was measured with channels first: leave out --memory-format channels-last"
    if problem:
        raise RequestError(f"the layers cannot be added to {device.name}: {problem}")


def extended(device: Device, profile: Profile) -> tuple[Device, int]:
    """The device refitted with the profile's layers added, and how many were added."""
    found: dict[int, list[Operation]] = {}
    everything = operations(profile.graph, profile.running.types.stores)
    for one in everything:
        found.setdefault(id(one.node), []).append(one)
    inference = Model(device).inference_phase(everything)
    added = []
    for layer in profile.layers:
        node = layer.row.node
        if node is None or id(node) not in found or ".experts." in node.id:
            continue  # which expert runs how often depends on the data
        if profile.running.trains:
            seconds = {"training forward": layer.forward_seconds, "backward": layer.backward_seconds}
        else:
            seconds = {inference: layer.forward_seconds}
        added.append(Measured.of(node.op, found[id(node)], seconds))
    calibration = device.calibration or {}
    measured = [*(Measured.unpacked(one) for one in calibration["measured"]), *added]
    conditions = _conditions(device)
    rates = Rates(device.peaks[conditions.dtype], device.bandwidth, calibration.get("steps", {}))
    made = device_of(conditions, rates, measured)
    return replace(made, peaks=device.peaks, context_bytes=device.context_bytes, source=device.source), len(added)


def _conditions(device: Device) -> Conditions:
    calibration = device.calibration or {}
    try:
        [Measured.unpacked(one) for one in calibration["measured"]]
        return Conditions(
            device.name, device.title, device.kind, device.processors, device.memory_bytes,
            int(calibration["cache_bytes"]), int(calibration.get("near_cache_bytes", 0)), str(calibration["dtype"]),
            int(calibration["threads"]), str(calibration["torch"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError):
        raise RequestError(f"{device.name} holds no measured layers to add to") from None
