"""The rates of the machine and the errors of the fit; units are in the keys, errors are fractions of the time."""

from __future__ import annotations

from archcalc.reports.calibration.report import Report
from archcalc.reports.documents import VERSION, dumps

_SHOWN = ("torch", "threads", "dtype", "clock", "date", "layers", "error", "kinds")


def render(report: Report) -> str:
    """Everything except the coefficients, which are in the device file."""
    device, fit = report.device, report.fit
    document = {
        "version": VERSION,
        "path": report.path,
        "title": device.title,
        "seconds": report.seconds,
        "interrupted": report.interrupted,
        "flops_per_second": device.peaks[fit["dtype"]],
        "bytes_per_second": device.bandwidth,
        **{name: fit[name] for name in _SHOWN},
    }
    return dumps(document)
