"""Comments that ignore a finding, and findings for those that ignore nothing.

`# archcalc: ignore[PRM301] reason` applies to its own line; alone on a line, to the next line
that is not a comment.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from archcalc.diagnostics import Diagnostic, Edit, Fix, Source, Span
from archcalc.records import NamedTuple
from archcalc.rules.base import Finding
from archcalc.rules.codes import nearest

CODE, NAME = "SPC009", "unused-suppression"
_IGNORE = re.compile(r"#\s*archcalc:\s*ignore\[([^\[\]]*)\]")


class Comment(NamedTuple):
    """A suppressing comment: its range from `#` to the end of the line, its words, and the line it is about."""

    place: Span
    words: tuple[str, ...]
    inside: Span
    about: int
    alone: bool


def comments(source: Source) -> list[Comment]:
    """The suppressing comments of a file, in order."""
    if "archcalc:" not in source.text:
        return []
    found = []
    last = len(source.lines)
    until = 0  # the line after a run of comments, which all of them are about, is searched for only once
    for number in range(1, last + 1):
        line = source.line(number)
        match = _IGNORE.search(line) if "archcalc:" in line else None
        if match is None or not _is_comment(line, match.start()):
            continue
        alone = not line[: match.start()].strip()
        if alone and until < number:
            until = number
            while until < last and source.line(until).lstrip().startswith("#"):
                until += 1
        about = until if alone else number
        words = tuple(word.strip() for word in match.group(1).split(",") if word.strip())
        place = Span(source, number, match.start() + 1, number, len(line) + 1)
        inside = Span(source, number, match.start(1) + 1, number, match.end(1) + 1)
        found.append(Comment(place, words, inside, about, alone))
    return found


def _is_comment(line: str, index: int) -> bool:
    """Whether the `#` at `index` is outside quotes and after a blank; values are on one line."""
    if index and not line[index - 1].isspace():
        return False
    quote, before = "", " "
    for character in line[:index]:
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"" and (before.isspace() or before in "[{,:=-("):
            quote = character
        before = character
    return not quote


def unsuppressed(
    findings: Iterable[Finding],
    source: Source,
    lines: Callable[[Finding], Sequence[int]],
    ran: dict[str, str],
    known: dict[str, str],
    report: bool,
    safe: bool = True,
) -> list[Finding]:
    """The findings that no comment ignores; with `report`, also one for each comment that ignores nothing.

    Args:
        findings: what the rules found.
        source: the spec they were run on; unused comments in included files are not reported, because other
            specs may need them.
        lines: the lines a finding is about.
        ran: code to name of every rule that ran; a comment about another one is not judged.
        known: code to name of all rules.
        report: whether unused comments are reported.
        safe: whether it is certain that no variant of the spec needs them.
    """
    own = comments(source)
    files = {id(source): _by_line(own)}
    used: set[tuple[int, int, str]] = set()
    kept = []
    for finding in findings:
        place = finding.place
        if id(place.source) not in files:
            files[id(place.source)] = _by_line(comments(place.source))
        here = files[id(place.source)]
        hidden = False
        for comment in (comment for line in {*lines(finding)} for comment in here.get(line, ())):
            for word in comment.words:
                if word.upper() == finding.code or word == finding.name:
                    used.add((id(place.source), comment.place.line, word))
                    hidden = True
        if not hidden:
            kept.append(finding)
    if report:
        for comment in own:
            idle = [word for word in comment.words if (id(source), comment.place.line, word) not in used]
            told = [word for word in idle if _judged(word, ran, known)]
            if told or not comment.words:
                kept.append(_unused(comment, told, known, safe))
    return kept


def _by_line(found: list[Comment]) -> dict[int, list[Comment]]:
    """The comments by the line they are about, so that a finding need not look at all of them."""
    lines: dict[int, list[Comment]] = {}
    for comment in found:
        lines.setdefault(comment.about, []).append(comment)
    return lines


def _judged(word: str, ran: dict[str, str], known: dict[str, str]) -> bool:
    """Whether a word names a rule that ran, or one that does not exist."""
    return word.upper() in ran or word in ran.values() or (word.upper() not in known and word not in known.values())


def _unused(comment: Comment, idle: list[str], known: dict[str, str], safe: bool) -> Finding:
    strange = [word for word in idle if word.upper() not in known and word not in known.values()]
    if strange:
        near = nearest(strange[0], [*known, *known.values()])
        message = f"no rule is named `{strange[0]}`" + (f": did you mean `{near}`?" if near else "")
    elif idle:
        message = f"nothing to ignore here: {', '.join(f'`{word}`' for word in idle)} finds nothing"
    else:
        message = "the comment names no rule to ignore"
    left = [word for word in comment.words if word not in idle]
    place = comment.place
    if left:
        fix = Fix(f"ignore only {', '.join(left)}", (Edit(comment.inside, ", ".join(left)),), safe)
    else:
        fix = Fix("delete the comment", (Edit(_whole(comment), ""),), safe)
    return Finding(Diagnostic(CODE, message, place, severity="warning", fix=fix), NAME, data={"unused": idle})


def _whole(comment: Comment) -> Span:
    """The range of the comment with the blanks before it, and of its whole line if it is alone on it."""
    place, source = comment.place, comment.place.source
    line = source.line(place.line)
    if comment.alone and not line[: place.column - 1].strip():
        if len(source.lines) > place.line:  # not the last line
            return Span(source, place.line, 1, place.line + 1, 1)
        return Span(source, place.line, 1, place.line, len(line) + 1)
    start = len(line[: place.column - 1].rstrip())
    return Span(source, place.line, start + 1, place.line, len(line) + 1)
