"""The comparison as CSV: a line for each difference, and one for a network without any."""

from __future__ import annotations

from archcalc.reports.sheet import sheet
from archcalc.reports.verification.report import Report

HEADER = ("model", "path", "equal", "layer", "what", "ours", "pytorch")


def render(report: Report) -> str:
    """Network by network."""
    lines: list[tuple[str, ...]] = []
    for one in report.networks:
        differences = one.result.differences
        where = (one.model, one.path, str(not differences).lower())
        lines += [(*where, each.layer, each.what, str(each.ours), str(each.theirs)) for each in differences]
        if not differences:
            lines.append((*where, "", "", "", ""))
    return sheet(HEADER, lines)
