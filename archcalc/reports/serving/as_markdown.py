"""What an engine reserves as a table in GitHub's markdown."""

from __future__ import annotations

from archcalc.quoting import markdown as escape
from archcalc.reports import numbers
from archcalc.reports.serving.report import Report
from archcalc.reports.tables import table


def render(report: Report) -> str:
    """A row for each network and device."""
    rows = []
    for answer in report.answers:
        one, timed = answer.serving, answer.timed
        assert one.running.chip is not None
        rows.append(
            (
                escape(one.graph.model),
                one.running.chip.name,
                numbers.size(one.weights),
                numbers.size(one.activations),
                numbers.size(max(0, one.cache)) or "0 B",
                f"{one.requests(one.length):,} × {one.length:,}",
                numbers.seconds(timed.token.seconds) if timed else "",
            )
        )
    return table(("network", "device", "weights", "activations", "cache", "requests", "a token"), "llrrrrr", rows)
