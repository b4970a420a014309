"""Long lines broken as `ruff format` breaks them; short ones are left alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

_OPEN, _CLOSE = "([{", ")]}"
# Operators from weakest to strongest; lines are broken at the weakest first.
_OPERATORS = ((" if ", " else "), (" or ",), (" and ",), (" + ", " - "), (" * ", " @ ", " / ", " // "))


def wrap(line: str, width: int) -> Iterator[str]:
    """`line` in pieces of at most `width` characters where possible."""
    if len(line) <= width or line.lstrip().startswith(("#", '"""')):
        yield line
        return
    text = line.lstrip()
    indent = line[: len(line) - len(text)]
    if text.startswith(("def ", "for ", "class ")):
        yield from _brackets(indent, "", text[:-1], ":", width)
        return
    match = re.match(r"(return |[\w., \[\]]+ = )(.*)", text)
    head, expression = match.groups() if match else ("", text)
    yield from _expression(indent, head, expression, "", width, bool(head))


def _expression(indent: str, head: str, text: str, tail: str, width: int, free: bool = False) -> Iterator[str]:
    """`head` `text` `tail`; `free` says that parentheses may be put around `text`."""
    whole = indent + head + text + tail
    if len(whole) <= width:
        yield whole
        return
    lines = list(_terms(text)) or _chain(text)
    if len(lines) > 1:
        inner = indent + "    " if free else indent
        if free:
            yield f"{indent}{head}("
            if len(inner + text) <= width:
                lines = [text]
        for number, line in enumerate(lines):
            last = number == len(lines) - 1
            begin = head if number == 0 and not free else ""
            yield from _expression(inner, begin, line, tail if last and not free else "", width)
        if free:
            yield f"{indent}){tail}"
        return
    if free and not _groups(text) and len(indent) + 4 + len(text) <= width:
        yield from (f"{indent}{head}(", f"{indent}    {text}", f"{indent}){tail}")
        return
    yield from _brackets(indent, head, text, tail, width)


def _brackets(indent: str, head: str, text: str, tail: str, width: int) -> Iterator[str]:
    """The content of brackets on lines of its own, from the left until the rest fits."""
    line, done = indent + head, 0
    for start, end in _groups(text):
        line += text[done : start + 1]
        following = text[end:] + tail
        following = following[: _first_open(following)]
        if len(line + text[start + 1 : end] + following) <= width or end == start + 1:
            line += text[start + 1 : end + 1]
        else:
            yield line
            yield from _content(indent + "    ", text[start + 1 : end], width)
            line = indent + text[end]
        done = end + 1
    yield line + text[done:] + tail


def _content(indent: str, body: str, width: int) -> Iterator[str]:
    if len(indent + body) <= width:
        yield indent + body
        return
    element, loop = _split(body, (" for ",))[0], body[len(_split(body, (" for ",))[0]) :].strip()
    if loop:
        yield from _part(indent, element, "", width)
        yield indent + loop
        return
    parts = _split(body, (", ",))
    for part in parts:
        yield from _part(indent, part, "," if len(parts) > 1 else "", width)


def _part(indent: str, text: str, tail: str, width: int) -> Iterator[str]:
    """An argument, with its key or star."""
    match = re.match(r"(\w+=|\*+)(?!=)(.*)", text)
    head, value = match.groups() if match else ("", text)
    yield from _expression(indent, head, value, tail, width)


def _terms(text: str) -> Iterator[str]:
    """The operands of the weakest operators, each but the first preceded by its operator."""
    for operators in _OPERATORS:
        parts = _split(text, operators, keep=True)
        if len(parts) > 1:
            yield from parts
            return


def _chain(text: str) -> list[str]:
    """A chain of method calls, one per line, if it has enough of them to be broken like that."""
    groups = _groups(text)
    cuts = [end + 1 for (_, end), (start, _) in pairwise(groups) if re.fullmatch(r"\.\w+", text[end + 1 : start])]
    if len(cuts) < 2 or groups[-1][1] != len(text) - 1:
        return [text]
    return [text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)])]


def _walk(text: str) -> Iterator[tuple[int, str, int]]:
    """Each character outside strings, with its position and the depth of brackets around it."""
    depth, quote = 0, ""
    for index, character in enumerate(text):
        if quote:
            quote = "" if character == quote and text[index - 1] != "\\" else quote
        elif character in "'\"":
            quote = character
        elif character in _CLOSE:
            depth -= 1
            yield index, character, depth
        else:
            yield index, character, depth
            depth += character in _OPEN


def _groups(text: str) -> list[tuple[int, int]]:
    """The start and end of each outermost pair of brackets."""
    edges = [index for index, character, depth in _walk(text) if depth == 0 and character in _OPEN + _CLOSE]
    return list(zip(edges[::2], edges[1::2]))


def _first_open(text: str) -> int:
    return next((index + 1 for index, character in enumerate(text) if character in _OPEN), len(text))


def _split(text: str, separators: tuple[str, ...], keep: bool = False) -> list[str]:
    """`text` split at separators outside brackets; with `keep`, each operator begins its part."""
    parts, begin = [], 0
    for index, _, depth in _walk(text):
        found = next((one for one in separators if depth == 0 and text.startswith(one, index)), None)
        if found and index >= begin:
            parts.append(text[begin:index])
            begin = index + (1 if keep else len(found))
    return [*parts, text[begin:]]
