"""The errors of the fit as a table in GitHub's markdown."""

from __future__ import annotations

from archcalc.quoting import markdown as escape
from archcalc.reports.calibration.report import Report
from archcalc.reports.calibration.rows import HEADER, rows
from archcalc.reports.tables import table


def render(report: Report) -> str:
    """A row for each kind of layer."""
    fit = report.fit
    threads = "1 thread" if fit["threads"] == 1 else f"{fit['threads']} threads"
    facts = f"{fit['layers']} layers, {threads}, {fit['dtype']}, torch {escape(fit['torch'])}."
    lines = [(escape(row.kind), f"{row.layers}", *row.percents) for row in rows(report)]
    return f"### {escape(report.device.title)}\n\n{facts}\n\n" + table(HEADER, "lrrrrr", lines)
