"""The rates of the machine and the errors of the fit, for people."""

from __future__ import annotations

from archcalc.devices import local_path
from archcalc.reports import numbers
from archcalc.reports.blocks import DIM, Block, Gap, Group
from archcalc.reports.calibration.report import Report
from archcalc.reports.calibration.rows import HEADER, rows
from archcalc.reports.columns import Column, Columns
from archcalc.reports.paragraphs import Line, Parts

_RANKS = (0, 1, 0, 4, 3, 2)


def render(report: Report) -> Block:
    """A row for each kind of layer."""
    device, fit = report.device, report.fit
    threads = "1 thread" if fit["threads"] == 1 else f"{fit['threads']} threads"
    where = threads if device.kind == "cpu" else f"{device.processors} multiprocessors"
    facts = [
        f"{fit['layers']} layers in {report.seconds:.0f} s",
        f"{numbers.with_unit(round(device.peaks[fit['dtype']]), 'FLOP/s')} at most",
        f"copies {numbers.with_unit(round(device.bandwidth), 'B')}/s",
    ]
    columns = [Column(name, right=name != HEADER[0], rank=rank) for name, rank in zip(HEADER, _RANKS)]
    cells = [([row.kind, f"{row.layers}", *row.percents], None) for row in rows(report)]
    notes = [
        f"times: {fit['clock']}",
        "errors of layers held out of the fit",
        "cached: weights stay in the cache",
        "training: its forward pass",
    ]
    written = [f"written to {report.path}"]
    if report.path == local_path(device.name):
        written.append(f"read by predict --device {device.name}")
    return Group(
        Line(device.title, f"{where}, {fit['dtype']}, torch {fit['torch']}"),
        Parts(facts), "", Columns(columns, cells), Gap(), Parts(notes, DIM), Parts(written),
    )  # fmt: skip
