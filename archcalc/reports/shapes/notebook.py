"""The table of a network for a notebook, with folding blocks and the counting convention below."""

from __future__ import annotations

from itertools import islice

from archcalc.cost import Costs
from archcalc.quoting import xml
from archcalc.reports import numbers
from archcalc.reports.paragraphs import Parts
from archcalc.reports.rows import Row, nested
from archcalc.reports.shapes.columns import USUAL, Shown, columns
from archcalc.reports.shapes.totals import footer

# Nested blocks are shown as long as there are no more rows than this.
_MOST_ROWS, _MOST_LEVELS = 120, 6
# If styles are stripped, all rows are visible.
_STYLE = (
    ".archcalc label{cursor:pointer}.archcalc input{margin:0 .4em 0 0;font:inherit;color:inherit}"
    "@supports (appearance:none){.archcalc input{appearance:none}"
    ".archcalc input::before{content:'\\25B8'}.archcalc input:checked::before{content:'\\25BE'}}"
    ".archcalc td,.archcalc th{white-space:nowrap;padding:.2em .6em}.archcalc-page{overflow-x:auto}"
    ".archcalc tbody td:first-child{white-space:normal;min-width:12em}"
    ".archcalc .notes{white-space:normal;font-weight:normal}"
)


def network(costs: Costs) -> str:
    """A table with the notebook's own look; totals and footnotes in its last rows."""
    rows = _opened(costs)
    graph = costs.graph
    shown = columns(USUAL, costs)
    head = _cells("layer", [one.header for one in shown], shown, "th")
    total = _cells("total", [one.total for one in shown], shown, "th")
    inputs = ", ".join(numbers.shape(x.shape) for x in graph.inputs.values())
    caption = f"<caption>{xml(graph.model)}: input {inputs}, batch {graph.batch}</caption>"
    notes = "<br>".join(xml(" · ".join(block.parts)) for block in footer(costs) if isinstance(block, Parts))
    foot = f'<tr>{total}</tr><tr><td class="notes" colspan="{1 + len(shown)}" style="text-align:left">{notes}</td></tr>'
    lines, boxes = _lines(rows, shown)
    # An unchecked box hides the rows inside its block, at any depth.
    folds = "".join(f".archcalc:has(.f{box}:not(:checked)) .g{box}{{display:none}}" for box in range(boxes))
    return (
        f'<style>{folds}{_STYLE}</style><div class="archcalc-page"><table class="archcalc">{caption}'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody><tfoot>{foot}</tfoot></table></div>"
    )


def _opened(costs: Costs) -> list[Row]:
    """The rows of as many levels of blocks as fit on a page, but at least two."""
    rows = list(nested(costs, 2))
    for depth in range(3, _MOST_LEVELS + 1):
        more = list(islice(nested(costs, depth), _MOST_ROWS + 1))
        if not len(rows) < len(more) <= _MOST_ROWS:
            break
        rows = more
    return rows


def _lines(rows: list[Row], shown: list[Shown]) -> tuple[list[str], int]:
    """A line of the table for each row, with the blocks around it as classes; and the number of folding blocks."""
    lines: list[str] = []
    around: list[int] = []  # the box of each block around the current row
    boxes = 0
    for at, row in enumerate(rows):
        del around[row.level :]
        inside = "".join(f" g{box}" for box in around)
        folds = at + 1 < len(rows) and rows[at + 1].level > row.level
        label = _label(row, boxes if folds else None)
        cells = _cells(label, [one.cell(row) for one in shown], shown, "td")
        lines.append(f'<tr class="{inside[1:]}">{cells}</tr>' if inside else f"<tr>{cells}</tr>")
        if folds:
            around.append(boxes)
            boxes += 1
    return lines, boxes


def _label(row: Row, box: int | None) -> str:
    """A layer with its number of copies and its name, and with a box if it folds."""
    text = xml(row.label) + (f" ×{row.copies:,}" if row.copies > 1 else "")
    if row.node is not None and row.node.weights > 1:
        text += f" ×{row.node.weights:,}"
    if row.node is not None and row.node.name:
        text += f" <b>{xml(row.node.name)}</b>"
    indent = "&emsp;" * row.level
    return indent + (text if box is None else f'<label><input type="checkbox" class="f{box}">{text}</label>')


def _cells(label: str, texts: list[str], shown: list[Shown], tag: str) -> str:
    cells = [f'<{tag} style="text-align:left">{label}</{tag}>']
    for text, one in zip(texts, shown):
        side = "right" if one.right else "left"
        cells.append(f'<{tag} style="text-align:{side}">{xml(text)}</{tag}>')
    return "".join(cells)
