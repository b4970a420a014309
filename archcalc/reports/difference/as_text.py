"""What changed, for people."""

from __future__ import annotations

from archcalc.difference.side import COSTS
from archcalc.reports.blocks import UNBOUNDED, Block, Laid, columns_of
from archcalc.reports.difference.headline import headline, name
from archcalc.reports.difference.lines import body, styled, wrapped
from archcalc.reports.difference.report import Needs, Report
from archcalc.reports.difference.rows import rows
from archcalc.reports.paragraphs import NO_BREAK, filled

NEEDS = Needs(COSTS, budget=False)


def render(report: Report) -> Block:
    """The networks that changed, one after the other."""
    return Laid(lambda page: _text(report, page.width if page.width < UNBOUNDED else None, page.colored))


def _text(report: Report, width: int | None, color: bool) -> str:
    shown: list[str] = []
    before: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for found in report.changed:
        lines = rows(found)
        title = report.title(found)
        model, at, _ = name(found).partition("@")
        kinds = [(row.sign, row.what) for row in lines]
        if at and lines and before.get((found.file, model)) == kinds:
            told = ["", f"  the same changes as in {model}"]
        else:
            told = list(body(found, lines, width, color))
        before.setdefault((found.file, model), kinds)
        sentence = (
            headline(found, report.peaks).replace(" ", NO_BREAK).replace(f"{NO_BREAK}·{NO_BREAK}", f"{NO_BREAK}· ")
        )
        if width is not None and columns_of(f"{title}: {sentence.partition(' ')[0]}") > width:
            above = [styled(line, "1", color) for line in filled(f"{title}:", width, others="    ")]
            said = wrapped(sentence, "    ", "    ", width, 4)
        else:
            above, said = [], wrapped(sentence, f"{styled(title, '1', color)}: ", "    ", width, columns_of(title) + 2)
        shown.append("\n".join([*above, *said, *told]))
    if shown:
        return "\n\n".join(shown) + "\n"
    return "nothing changed: the texts differ, the networks do not\n" if report.respelled else "nothing changed\n"
