"""A file that may hold a model: its text, its JSON, and locations in it for messages."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cached_property
from typing import NoReturn, Union

from archcalc.diagnostics import Source, Span, fail
from archcalc.quoting import visible

# A value of JSON.
Json = Union[None, bool, int, float, str, list["Json"], dict[str, "Json"]]
# JSON tokens, to find locations.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
_LONGEST_NUMBER = 40


class File:
    """A file with its name and bytes.

    Attributes:
        path: its name in messages.
        data: its contents; only the beginning of a weight file.
        scale: the scale that the user asked for, if the file has several.
        broken: why `keys` is not valid JSON, once it was read.
    """

    def __init__(self, path: str, data: bytes, scale: str | None = None) -> None:
        self.path = path
        self.data = data
        self.scale = scale
        self.broken: json.JSONDecodeError | None = None

    @cached_property
    def source(self) -> Source:
        """Its text, for locations in messages; invalid UTF-8 is replaced."""
        return Source(self.path, self.data.decode("utf-8-sig", "replace"))

    @cached_property
    def keys(self) -> dict[str, Json]:
        """Its JSON object; empty if it is not one, or if an object has a duplicate key."""
        if not self.data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
            return {}
        try:
            document = json.loads(self.data.decode("utf-8-sig"), parse_int=_whole, parse_constant=_constant)
        except json.JSONDecodeError as error:
            self.broken = error
            return {}
        except (ValueError, RecursionError):
            return {}
        return document if isinstance(document, dict) else {}

    def check_form(self) -> None:
        """Raises `SpecError` for what `keys` silently ignores: invalid JSON, and duplicate keys."""
        if self.broken is not None:
            what = self.broken.msg[:1].lower() + self.broken.msg[1:].removesuffix(" starting at")
            self._fail(f"not valid JSON: {what}", self.broken.pos, 1, "is the file complete?")
        seen: list[set[str]] = []
        before, start = "", 0
        for match in _TOKEN.finditer(self.source.text):
            token = match.group()
            if token in "{[":
                seen.append(set())
            elif token in "}]" and seen:
                seen.pop()
            elif token == ":" and seen and before.startswith('"'):
                if before in seen[-1]:
                    self._fail(f"the key `{_inside(before)}` is duplicated", start, len(before), "delete one of them")
                seen[-1].add(before)
            before, start = token, match.start()

    def refuse(
        self, path: Sequence[str | int], message: str, help: str | None = None, at_key: bool = False
    ) -> NoReturn:
        """Raises `SpecError` at the value, or the key, that `path` leads to."""
        start, length = _place(self.source.text, list(path), at_key)
        self._fail(message, start, length, help)

    def _fail(self, message: str, start: int, length: int, help: str | None) -> NoReturn:
        raise fail("SPC017", visible(message), _span(self.source, start, length), help)


def _whole(text: str) -> int:
    """An integer; absurdly long ones are truncated to one that no layer accepts."""
    return int(text if len(text) <= _LONGEST_NUMBER else text[:_LONGEST_NUMBER])


def _constant(name: str) -> str:
    """NaN and Infinity, which Python writes but JSON lacks: kept as strings, which are never valid sizes."""
    return name


def _inside(token: str) -> str:
    return token[1:-1]


def _span(source: Source, start: int, length: int) -> Span:
    before = source.text[:start]
    line = before.count("\n") + 1
    column = start - (before.rfind("\n") + 1) + 1
    return Span(source, line, column, line, column + max(length, 1))


def _place(text: str, path: list[str | int], at_key: bool) -> tuple[int, int]:
    """Offset and length, in JSON text, of the value at `path` or of its key."""
    tokens = [(match.start(), match.group()) for match in _TOKEN.finditer(text)]
    at = 0
    for step in path:
        found = _step(tokens, at, step)
        if found is None:
            break
        key, value = found
        at = key if at_key and step is path[-1] else value
    start, token = tokens[at] if at < len(tokens) else (0, "")
    return start, len(token)


def _step(tokens: list[tuple[int, str]], at: int, step: str | int) -> tuple[int, int] | None:
    """The tokens where an entry of the list or object at `at` begins, its key and its value."""
    depth, index, key = 0, 0, at + 1
    for number in range(at, len(tokens)):
        token = tokens[number][1]
        if token in "]}":
            depth -= 1
            if depth == 0:
                return None
        elif depth == 1 and isinstance(step, str) and token == ":" and tokens[number - 1][1] == json.dumps(step):
            return number - 1, number + 1
        elif depth == 1 and isinstance(step, int) and index == step and token != ",":
            return key, number
        elif depth == 1 and token == ",":
            index, key = index + 1, number + 1
        if token in "[{":
            depth += 1
    return None
