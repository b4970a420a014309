"""Files that are not valid YAML: where they stop to be, and what was probably meant there."""

from __future__ import annotations

import re
from typing import Any

from archcalc.diagnostics import Advice, Edit, Findings, Fix, Source, Span, SpecError, fail


def not_yaml(source: Source, error: Any, findings: Findings) -> SpecError:
    """The error for a file in which `error` ended reading, a `MarkedYAMLError`; what was found before still counts."""
    problem = error.problem or error.context or "unreadable"
    mark = error.problem_mark or error.context_mark
    if "could not find expected ':'" in problem and error.context_mark:
        mark = error.context_mark  # the word without a colon; the scanner stops lines later
    place = source.at(mark.line + 1, mark.column + 1) if mark else source.at(1, 1)
    end = source.after(source.text)
    if place.line > end.line:  # at the end of a last line without a line break
        place = end
    line = source.line(place.line)
    help: str | Advice | None = None
    below = _key_below_a_line(source, place.line) if "mapping values are not allowed" in problem else None
    if below:
        return SpecError([*(one for one in findings if one.place.line != place.line - 1), *below.diagnostics])
    if "\t" in line[: len(line) - len(line.lstrip())]:
        help = "indent with spaces: YAML allows no tab there"
    elif "expected ',' or" in problem and error.context_mark:
        opened = f"{error.context_mark.line + 1}:{error.context_mark.column + 1}"
        help = f"the bracket opened at {opened} is not closed" + (
            "; `#` starts a comment that hides the rest of its line"
            if " #" in source.line(error.context_mark.line + 1)
            else ""
        )
    elif "unexpected end of stream" in problem and error.context_mark:
        opened = f"{error.context_mark.line + 1}:{error.context_mark.column + 1}"
        help = f"the quote opened at {opened} is not closed"
    elif "mapping values are not allowed" in problem:
        help = "a `: ` inside a line must be quoted, or the line is indented too far"
    elif "could not find expected ':'" in problem:
        help = entry_without_dash(source, place.line) or "a line is `key: value`, or `- ` and an entry of a list"
    else:
        help = (
            entry_without_dash(source, place.line)
            or _keys_behind_a_list(source, place.line)
            or _out_of_line(source, place.line)
            or "check the quotes, brackets and indentation before this place"
        )
    findings.error("SPC001", f"not valid YAML: {problem}", place, help)
    return SpecError(list(findings))


def _on_the_line(source: Source, number: int, line: str, whole: bool) -> Advice:
    """Line `number` as the end of the one above, which then is `line`; an edit where it is a `whole` key."""
    above = source.line(number - 1)
    end = len(above.rstrip()) + 1
    added = line[len(above.strip()[2:]) :]
    place = Span(source, number - 1, end, number, len(source.line(number)) + 1)
    return Advice(f"write `{line}`", Fix(f"write `{line}`", (Edit(place, added),)) if whole else None)


def continued(source: Source, number: int) -> str | Advice:
    """What to do about a value that begins on line `number` and does not end on it."""
    if source.line(number + 1).lstrip().startswith("- "):
        return (
            "what follows is an entry of its own: its `- ` starts in the column of the one above, without more spaces"
        )
    otherwise = "close it on its line, or put the missing `- ` or `key:` before what follows"
    return entry_without_dash(source, number) or entry_without_dash(source, number + 1) or otherwise


def entry_without_dash(source: Source, number: int) -> Advice | None:
    """`-relu`, `– relu` and `* relu` as an entry of a list: editors and keyboards make other dashes and spaces."""
    found = re.fullmatch(r"(\s*)(?:-(?! )|[–—−•*])[ \xa0\u2007\u202f]*([A-Za-z\[{].*?)\s*", source.line(number))
    if found is None:
        return None
    place = Span(source, number, len(found[1]) + 1, number, len(source.line(number)) + 1)
    text = f"- {found[2]}"
    return Advice(f"write `{text}`, with a hyphen and a space", Fix(f"write `{text}`", (Edit(place, text),)))


def _out_of_line(source: Source, number: int) -> str | None:
    """What to do if a `- ` on line `number` starts in no column of the entries above it."""
    columns = [
        len(line) - len(line.lstrip()) + 1
        for line in (source.line(above) for above in range(number, max(0, number - 50), -1))
        if line.lstrip().startswith("- ")
    ]
    if not source.line(number).lstrip().startswith("- ") or len(columns) < 2 or columns[0] in columns[1:]:
        return None
    open_ = [column for index, column in enumerate(columns) if index and column < min([99, *columns[1:index]])][:3]
    return f"start this `- ` in column {' or '.join(map(str, open_))}, as an entry above does"


def _keys_behind_a_list(source: Source, number: int) -> Advice | str | None:
    """`- [conv 8 kernel=3] repeat=2` and `- residual: [relu] name=x` as mappings; None for any other line."""
    line = source.line(number)
    found = re.fullmatch(r"(\s*- )(\w+: )?(\[.*\])((?:\s+\w+=[^\s=,\[\]{}]+)+)\s*", line)
    if found is None:
        return None
    keys = [": ".join(word.split("=")) for word in found[4].split()]
    if found[2]:
        text = f"{{{found[2]}{found[3]}, {', '.join(keys)}}}"
    elif any(key.startswith("repeat:") for key in keys):
        text = f"{{{', '.join(keys)}, layers: {found[3]}}}"
    else:
        return "these keys stand on a layer of the list"
    end = len(line.rstrip()) + 1
    fix = Fix(f"write `{text}`", (Edit(Span(source, number, len(found[1]) + 1, number, end), text),))
    return Advice(f"write `{text}`", fix)


def _key_below_a_line(source: Source, number: int) -> SpecError | None:
    """What is wrong with `name: x` on line `number` when `- conv 8` stands on the line above."""
    line, above = source.line(number), source.line(number - 1).strip()
    key, _, value = (part.strip() for part in line.partition(":"))
    if not key.isidentifier() or not above.startswith("- ") or ":" in above or above[2:].lstrip()[:1] in "[{'\"":
        return None
    start = line.index(key) + 1
    return fail(
        "SPC010",
        f"`{above[2:]}` is a whole layer: it takes no keys below it",
        Span(source, number, start, number, start + len(key)),
        _on_the_line(source, number, f"{above[2:]} {key}={value or 'VALUE'}", bool(value) and " " not in value),
    )
