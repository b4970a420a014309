"""What changed, for a pull request."""

from __future__ import annotations

import re
from html import escape

from archcalc.difference.compare import Difference
from archcalc.difference.side import COSTS, PEAKS
from archcalc.quoting import markdown, markdown_links, visible
from archcalc.reports import numbers
from archcalc.reports.difference.headline import headline, percent, signed, words
from archcalc.reports.difference.lines import plain
from archcalc.reports.difference.report import Needs, Report

NEEDS = Needs((*COSTS, PEAKS[0]))


def render(report: Report) -> str:
    """For a pull request: a table of the specs that changed, with the layers of each folded."""
    changed = report.changed
    if not changed:
        return "No network changed.\n"
    peaks = report.peaks or PEAKS[:1]
    lines = [f"**archcalc: {markdown(headline(changed[0], peaks)) if len(changed) == 1 else _several(report)}**", ""]
    budgets = any(found.head.over_budget() is not None for found in changed)
    named = words(peaks)
    titles = [*named.values(), *(["budget"] if budgets else [])]
    lines += [f"| model | {' | '.join(titles)} |", f"| --- |{' ---: |' * len(named)}{' --- |' * budgets}"]
    for found in changed:
        cells = [_cell(found, measure) for measure in named]
        cells += [_budget(found)] if budgets else []
        lines.append(f"| {markdown(report.title(found))} | " + " | ".join(cells) + " |")
    for found in changed:
        body = list(plain(found))
        if not body:
            continue
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", "\n".join(body))), default=0))
        lines += [
            "",
            f"<details><summary>{_html(f'{report.title(found)}: {headline(found, peaks)}')}</summary>",
            "",
            fence,
        ]
        lines += [*body, fence, "", "</details>"]
    return "\n".join(lines) + "\n"


def _several(report: Report) -> str:
    """`2 of 58 specs changed, 5 networks`."""
    files = {found.file for found in report.changed}
    specs = len({found.file for found in report.differences}) + report.same
    networks = f", {len(report.changed):,} networks" if len(report.changed) > len(files) else ""
    return f"{len(files):,} of {specs:,} specs changed{networks}"


def _html(text: str) -> str:
    """Text inside HTML, where markdown has no effect."""
    return markdown_links(escape(visible(text), quote=False))


def _budget(found: Difference) -> str:
    """The bounds that the network now exceeds; a tick if there are bounds and it meets them."""
    over = found.head.over_budget()
    if over is None:
        return ""
    return ", ".join(f"✗ {bound}" for bound in over) or "✓"


def _cell(found: Difference, measure: str) -> str:
    if measure not in found.measures:
        return "–"
    before, after = found.totals(measure)
    show = numbers.size if measure.endswith("bytes") else numbers.short
    if before == after:
        return show(after) or "0"
    old, new = show(before) or "0", show(after) or "0"
    return f"{old} → {new}{percent(before, after)}" if old != new else f"{new} ({signed(after - before, measure)})"
