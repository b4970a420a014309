"""What a calibration found: rates, and for each kind of layer how far the fit to all others is off."""

from __future__ import annotations

from typing import Any

from archcalc.devices import local_path
from archcalc.prediction.model import PHASES
from archcalc.pytorch.calibration.calibrate import ENOUGH, Calibration
from archcalc.reports import numbers
from archcalc.reports.blocks import DIM, Block, Group, Style
from archcalc.reports.columns import Column, Columns
from archcalc.reports.text import Line, Parts

_COLUMNS = (
    Column("kind", right=False),
    Column("layers", rank=1),
    Column("forward"),
    Column("cached", rank=4),
    Column("training", rank=3),
    Column("backward", rank=2),
)


def text(calibration: Calibration, path: str, rule: bool) -> Block:
    """A table for people."""
    device, fit = calibration.device, calibration.device.calibration or {}
    threads = "1 thread" if fit["threads"] == 1 else f"{fit['threads']} threads"
    where = threads if device.kind == "cpu" else f"{device.processors} multiprocessors"
    facts = [
        f"{fit['layers']} layers in {calibration.seconds:.0f} s",
        f"{numbers.with_unit(round(device.peaks[fit['dtype']]), 'FLOP/s')} at most",
        f"copies {numbers.with_unit(round(device.bandwidth), 'B')}/s",
    ]
    rows: list[tuple[list[str], Style | None]] = []
    for kind, found in fit["kinds"].items():
        rows.append(([kind, f"{found['layers']}", *(_percent(found["error"].get(phase)) for phase in PHASES)], None))
    for name in ("median", "mean"):
        errors = [_percent(fit["error"][phase][name]) for phase in PHASES]
        rows.append(([f"all layers, {name}", f"{fit['layers']}", *errors], None))
    notes = [
        f"times: {fit['clock']}",
        "errors of layers held out of the fit",
        "cached: weights stay in the cache",
        "training: the pass forward",
    ]
    written = [f"written to {path}"]
    if path == local_path(device.name):
        written.append(f"read by predict --device {device.name}")
    return Group(
        Line(device.title, f"{where}, {fit['dtype']}, torch {fit['torch']}"),
        Parts(facts), "", Columns(_COLUMNS, rows, rule), *([] if rule else [""]), Parts(notes, DIM), Parts(written),
    )  # fmt: skip


def remarks(calibration: Calibration) -> list[str]:
    """What is to be said about how it went."""
    found = len(calibration.measured)
    said = []
    if calibration.interrupted:
        said.append(f"interrupted: fitted to the {found} layers measured until then")
    elif found < ENOUGH:
        said.append(
            f"{found} layers were measured: below {ENOUGH} coefficients are unstable; give it more --time and --layers"
        )
    return said


def _percent(error: float | None) -> str:
    return "" if error is None else f"{100 * error:.0f} %"


def data(calibration: Calibration, path: str) -> dict[str, Any]:
    """The same for machines."""
    device, fit = calibration.device, calibration.device.calibration or {}
    shown = ("torch", "threads", "dtype", "clock", "date", "layers", "error", "kinds")
    return {
        "version": 1,
        "path": path,
        "title": device.title,
        "seconds": calibration.seconds,
        "interrupted": calibration.interrupted,
        "flops_per_second": device.peaks[fit["dtype"]],
        "bytes_per_second": device.bandwidth,
        **{name: fit[name] for name in shown},
    }
