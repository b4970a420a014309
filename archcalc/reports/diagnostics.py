"""Findings in the style of rustc: the place, the line with the token underlined, and what to do."""

from __future__ import annotations

from collections.abc import Sequence

from click import style

from archcalc.diagnostics import Diagnostic, Note, Span
from archcalc.quoting import visible
from archcalc.reports.blocks import UNBOUNDED

_COLORS = {"error": "red", "warning": "yellow", "info": "cyan", "note": "cyan"}
# A line of a spec is cut at the page width, within these bounds.
_LEAST, _WIDEST = 40, 120
# At most this many lines away, and at most this many, notes are written beside their places.
_NEAR = 6
_MOST_LABELS = 3
# At most this many other notes are written below.
_MOST_NOTES = 6


def render(
    diagnostics: Sequence[Diagnostic],
    most: int | None = 50,
    closing: str | None = None,
    fixes: bool = False,
    width: int = UNBOUNDED,
) -> str:
    """All findings in order, then `closing` or their number.

    At most `most` are shown; None shows all. `fixes` marks those that `archcalc lint` can fix. Sentences are
    wrapped at `width`, and lines of a spec are cut around the marked part.
    """
    parts = [_one(diagnostic, fixes, width) for diagnostic in diagnostics[:most]]
    count = len(diagnostics)
    if most is not None and count > most:
        parts.append(f"and {count - most} more")
    if closing is None and count > 1:
        errors = sum(diagnostic.severity == "error" for diagnostic in diagnostics)
        closing = f"{count} errors" if errors == count else f"{count} findings"
    if closing:
        parts.append(style(closing, bold=True))
    return "\n\n".join(parts)


def _one(diagnostic: Diagnostic, fixes: bool, width: int) -> str:
    place = diagnostic.place
    near = [note for note in diagnostic.notes if note.place and _is_near(note.place, place)][:_MOST_LABELS]
    margin = " " * len(str(max([place.line, *(note.place.line for note in near if note.place)])))
    bar = style(f"{margin} |", dim=True)
    color = _COLORS.get(diagnostic.severity)
    head = style(f"{diagnostic.severity}[{diagnostic.code}]", fg=color, bold=True)
    lines = [
        *_folded(f"{diagnostic.severity}[{diagnostic.code}]: ", f"{head}: ", diagnostic.message, width, 4, bold=True),
        f"{margin}{style('-->', dim=True)} {visible(str(place))}",
        bar,
    ]
    before, widest = 0, max(_LEAST, min(_WIDEST, width - len(margin) - 3))
    marked = [(place, "", color, True), *((note.place, note.message, "cyan", False) for note in near if note.place)]
    for where, label, ink, first in sorted(marked, key=lambda mark: (mark[0].line, not mark[3], mark[0].column)):
        if before and where.line > before + 1:
            lines.append(style("...", dim=True))
        text, carets = _excerpt(where, "^" if first else "-", widest)
        if where.line != before or len(place.source.line(where.line)) > widest:
            lines.append(f"{style(f'{where.line:>{len(margin)}} |', dim=True)} {text}".rstrip())
        told = _shown(label)
        beside = not label or width == UNBOUNDED or _cells(carets) + 1 + _cells(told) <= widest
        lines.append(f"{bar} {style(carets, fg=ink, bold=True)}{style(f' {told}', fg=ink) if label and beside else ''}")
        if not beside:  # below, as far right as possible
            indent = max(0, min(len(carets) - len(carets.lstrip(" ")), widest - _cells(told)))
            lines.append(f"{bar} {' ' * indent}{style(told, fg=ink)}")
        before = where.line
    lines += _advice(diagnostic, [note for note in diagnostic.notes if note not in near], margin, fixes, width)
    return "\n".join(lines)


def _advice(diagnostic: Diagnostic, notes: Sequence[Note], margin: str, fixes: bool, width: int) -> list[str]:
    """The lines below the excerpt of the spec: notes from elsewhere, help, a fix."""
    shown = notes if len(notes) <= _MOST_NOTES else notes[: _MOST_NOTES - 1]
    told = [("note", note.message + (f" at {visible(str(note.place))}" if note.place else "")) for note in shown]
    if len(shown) < len(notes):
        told.append(("note", f"and {len(notes) - len(shown)} more places"))
    path = diagnostic.place.source.path
    if diagnostic.place.source.kind:
        told.append(("note", f"this line is from the spec that `archcalc import {path}` writes"))
    fix = diagnostic.fix if fixes else None
    if diagnostic.help and not (fix and fix.message == diagnostic.help):
        told.append(("help", diagnostic.help))
    if fix:
        told.append(("fix", f"{fix.message} (`archcalc lint {'--fix' if fix.safe else '--unsafe-fixes'}`)"))
    lines = []
    for kind, text in told:
        plain = f"{margin} = {kind}: "
        lines += _folded(plain, f"{margin} {style(f'= {kind}:', bold=True)} ", text, width, len(plain))
    return [style(f"{margin} |", dim=True), *lines] if lines else []


def _folded(plain: str, head: str, text: str, width: int, indent: int, bold: bool = False) -> list[str]:
    """A text after its head, which is `plain` without colours, wrapped with continuation lines at `indent`."""
    lines: list[str] = []
    for number, part in enumerate(_shown(text).split("\n")):
        start = "" if number else plain
        if len(start) + _cells(part) <= width:
            folded = [part]
        else:
            from archcalc.reports.paragraphs import filled  # a pipe is wide enough

            folded = [
                line.lstrip(" ") for line in filled(part, max(width, indent + 20), " " * _cells(start), " " * indent)
            ]
        first, *others = (style(line, bold=True) if bold else line for line in folded)
        lines += [first if number else head + first, *(" " * indent + line for line in others)]
    return lines


def _is_near(other: Span, place: Span) -> bool:
    """Whether another place is shown with the lines around a finding."""
    return other.source is place.source and abs(other.line - place.line) <= _NEAR


def _excerpt(place: Span, mark: str, widest: int) -> tuple[str, str]:
    """The source line and its underline; a long line is cut around the token, and control characters are visible."""
    line = place.source.line(place.line)
    start = min(place.column - 1, len(line))
    end = place.end_column - 1 if place.end_line == place.line else len(line)
    end = min(max(end, start + 1), max(len(line), start + 1))
    lead = tail = ""
    if (line.isascii() and len(line) > widest) or _columns(line) > widest:  # avoids measuring the text
        cut = max(0, start - widest // 3) if end > widest - 2 else 0
        if cut:  # whole words are cut off, unless none would be left
            cut = line.find(" ", cut - 1, start) + 1 or cut
        lead = "… " if cut else ""
        room, kept = widest - len(lead) - 2, cut
        if line.isascii() and "\t" not in line:  # the line may be as long as the network
            kept, room = min(len(line), cut + max(0, room)), -1
        while room >= 0 and kept < len(line) and (room := room - _cells(_visible(line[kept]))) >= 0:
            kept += 1
        tail = " …" if kept < len(line) else ""
        if tail:
            kept = max(line.rfind(" ", end, kept + 1), 0) or kept
        line, start, end = line[cut:kept], start - cut, min(end, kept) - cut
    shown = lead + (line if line.isprintable() else "".join(map(_visible, line))) + tail
    return shown, " " * (len(lead) + _columns(line[:start])) + mark * max(1, _columns(line[start:end]))


def _columns(line: str) -> int:
    """How many terminal columns a source line takes as shown."""
    if line.isascii():
        return len(line) + 3 * line.count("\t")
    return sum(_cells(_visible(character)) for character in line)


def _shown(text: str) -> str:
    """A message with control sequences escaped; its line breaks are kept."""
    return "\n".join(map(visible, text.split("\n")))


def _visible(character: str) -> str:
    if character == "\t":
        return "    "
    return character if character.isprintable() else "\ufffd"


def _cells(text: str) -> int:
    """How many terminal columns a text takes."""
    if text.isascii():
        return len(text)
    import unicodedata  # importing its large tables takes time

    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
