"""Changes line by line, within a maximum width."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from archcalc.difference.checkpoints import Checkpoints
from archcalc.difference.compare import Difference
from archcalc.reports.blocks import columns_of
from archcalc.reports.difference.rows import ADDED, CHANGED, REMOVED, Row, effect, rows
from archcalc.reports.labels import lines_of
from archcalc.reports.paragraphs import NO_BREAK, filled

_STYLES = {ADDED: "32", REMOVED: "31", CHANGED: "33"}
# Details start in this column at the latest; after longer texts they go on their own line.
_WIDEST = 44


def body(found: Difference, lines: list[Row], width: int | None = None, color: bool = False) -> Iterator[str]:
    """Everything below the headline."""
    if found.base.model is None or found.head.model is None:
        return
    yield ""
    longest = max((len(row.what) for row in lines if row.details and len(row.what) <= _WIDEST), default=0)
    for row in lines:
        yield from _row(row, longest, width, color)
    for sentence in sentences(found):
        yield from wrapped(sentence, "  ", "    ", width)


def _row(row: Row, longest: int, width: int | None, color: bool) -> Iterator[str]:
    sign = f"{styled(row.sign, _STYLES[row.sign], color)} " if row.sign else ""
    start = len(row.sign) + 1 if row.sign else 0
    parts = ", ".join(row.details).split(", ")
    details = ", ".join(
        part if width is not None and len(part) > width - 7 else part.replace(" ", NO_BREAK) for part in parts
    )
    line = f"  {sign}{row.what:<{longest}}  {details}".rstrip()
    if width is None or 2 + start + max(len(row.what), longest) + 2 + len(details) <= width:
        yield line.replace(NO_BREAK, " ") if not color else _dimmed(line, details)
        return
    yield from wrapped(row.what, f"  {sign}", "      ", width, 2 + start)
    if details:
        yield from wrapped(details, "      ", "      ", width)


def _dimmed(line: str, details: str) -> str:
    plain = details.replace(NO_BREAK, " ")
    return line[: len(line) - len(details)] + styled(plain, "2", True) if details else line


def styled(text: str, style: str, color: bool) -> str:
    """Text between its escape sequences."""
    return f"\x1b[{style}m{text}\x1b[0m" if color else text


def wrapped(text: str, first: str, others: str, width: int | None, taken: int | None = None) -> Iterator[str]:
    """Lines of `text`, broken between words, long names after dots; `taken` is the width of `first` on screen."""
    if width is None:
        yield first + text.replace(NO_BREAK, " ")
        return
    taken = columns_of(first) if taken is None else taken
    width = max(20, width)
    lines = [part for line in filled(text, width, " " * taken, others) for part in lines_of(line, width)]
    for index, line in enumerate(lines):
        yield first + line[taken:] if index == 0 else line


def sentences(found: Difference) -> Iterator[str]:
    """What applies to many layers: checkpoints, costs that changed as a result, and how many layers are unchanged."""
    if text := checkpoints(found.checkpoints):
        yield text
    parts = []
    if count := len(found.inherited):
        layers, their = ("layer", "its") if count == 1 else ("layers", "their")
        costs = effect(found.inherited)
        parts.append(
            f"{count:,} {layers} unchanged but for costs{f' ({costs})' if costs else ''}, because {their} input changed"
        )
    if found.unchanged:
        parts.append(f"{found.unchanged:,} unchanged")
    if parts:
        yield "; ".join(parts)


def checkpoints(found: Checkpoints) -> str:
    """`checkpoints: 57 of 62 state-dict keys have other names`; empty if all fit."""
    parts: list[str] = []
    for count, several, one in (
        (found.renamed, "have other names", "has another name"),
        (found.reshaped, "have other shapes", "has another shape"),
        (found.gone, "are gone", "is gone"),
    ):
        if count:
            keys = f"{count:,}" if parts else f"{count:,} of {_keys(found.total)}"
            parts.append(f"{keys} {one if count == 1 else several}")
    if found.new:
        parts.append(f"{found.new if parts else _keys(found.new)} {'is' if found.new == 1 else 'are'} new")
    return f"checkpoints: {', '.join(parts)}" if parts else ""


def _keys(count: int) -> str:
    return f"{count:,} state-dict {'key' if count == 1 else 'keys'}"


def plain(found: Difference) -> Iterable[str]:
    """Everything below the headline, without a maximum width."""
    return list(body(found, rows(found)))[1:]
