"""The table of a network for a notebook: blocks fold, and what is counted stands below."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from archcalc.cost import Costs
from archcalc.quoting import xml
from archcalc.reports import numbers
from archcalc.reports.paragraphs import Parts
from archcalc.reports.rows import Row
from archcalc.reports.shapes.columns import USUAL, Shown, columns
from archcalc.reports.shapes.totals import footer

# A block is a part of the table, which its box opens. Where styles are taken off, all rows are in sight.
_STYLE = (
    "<style>.archcalc tbody:has(input:not(:checked)) tr.inner{display:none}"
    ".archcalc label{cursor:pointer}.archcalc input{margin:0 .4em 0 0;font:inherit}"
    "@supports (appearance:none){.archcalc input{appearance:none}"
    ".archcalc input::before{content:'\\25B8'}.archcalc input:checked::before{content:'\\25BE'}}"
    ".archcalc td,.archcalc th{white-space:nowrap;padding:.2em .6em}.archcalc-page{overflow-x:auto}"
    ".archcalc tbody td:first-child{white-space:normal;min-width:12em}"
    ".archcalc .notes{white-space:normal;font-weight:normal}</style>"
)


def network(costs: Costs, rows: Iterable[Row]) -> str:
    """A table with the notebook's own look; totals and footnotes in its last rows."""
    graph = costs.graph
    shown = columns(USUAL, costs)
    head = _cells("layer", [one.header for one in shown], shown, "th")
    total = _cells("total", [one.total for one in shown], shown, "th")
    inputs = ", ".join(numbers.shape(x.shape) for x in graph.inputs.values())
    caption = f"<caption>{xml(graph.model)}: input {inputs}, batch {graph.batch}</caption>"
    notes = "<br>".join(xml(" · ".join(block.parts)) for block in footer(costs) if isinstance(block, Parts))
    foot = f'<tr>{total}</tr><tr><td class="notes" colspan="{1 + len(shown)}" style="text-align:left">{notes}</td></tr>'
    bodies = "".join(_bodies(rows, shown))
    return (
        f'{_STYLE}<div class="archcalc-page"><table class="archcalc">{caption}'
        f"<thead><tr>{head}</tr></thead>{bodies}<tfoot>{foot}</tfoot></table></div>"
    )


def _bodies(rows: Iterable[Row], shown: list[Shown]) -> Iterator[str]:
    """Each topmost row with all that is inside it."""
    body: list[Row] = []
    for row in rows:
        if row.level == 0 and body:
            yield _body(body, shown)
            body = []
        body.append(row)
    if body:
        yield _body(body, shown)


def _body(rows: list[Row], shown: list[Shown]) -> str:
    first, *inner = rows
    lines = [f"<tr>{_cells(_label(first, bool(inner)), [one.cell(first) for one in shown], shown, 'td')}</tr>"]
    lines += [
        f'<tr class="inner">{_cells(_label(row), [one.cell(row) for one in shown], shown, "td")}</tr>' for row in inner
    ]
    return f"<tbody>{''.join(lines)}</tbody>"


def _label(row: Row, folds: bool = False) -> str:
    """A layer with its number of copies and its name; one that folds with a box."""
    text = xml(row.label) + (f" ×{row.copies:,}" if row.copies > 1 else "")
    if row.node is not None and row.node.weights > 1:
        text += f" ×{row.node.weights:,}"
    if row.node is not None and row.node.name:
        text += f" <b>{xml(row.node.name)}</b>"
    indent = "&emsp;" * row.level
    return f'<label><input type="checkbox">{text}</label>' if folds else indent + text


def _cells(label: str, texts: list[str], shown: list[Shown], tag: str) -> str:
    cells = [f'<{tag} style="text-align:left">{label}</{tag}>']
    for text, one in zip(texts, shown):
        side = "right" if one.right else "left"
        cells.append(f'<{tag} style="text-align:{side}">{xml(text)}</{tag}>')
    return "".join(cells)
