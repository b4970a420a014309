"""Every layer with its first line, for people."""

from __future__ import annotations

from archcalc.reports.blocks import Block, Group
from archcalc.reports.layer.report import summary
from archcalc.reports.layers.report import Report
from archcalc.reports.paragraphs import Entry, Heading, Prose


def render(report: Report) -> Block:
    """By family."""
    blocks: list[Block] = []
    for family, layers in report.families.items():
        width = max(18, *(len(layer.op) for layer in layers))
        blocks += [Heading(family), *(Entry(layer.op, summary(layer), width, 1, None) for layer in layers), ""]
    last = "`archcalc layer NAME` describes one; name=, from=, repeat=, tie= and frozen= go with any."
    return Group(
        *blocks,
        Prose(
            last,
        ),
    )
