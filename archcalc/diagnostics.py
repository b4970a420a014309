"""Messages to the user about a spec: the place, the fact, and what to do.

A `Span` is a stretch of a source file; every node, word and value that the program reads is one, so whatever later
turns out to be wrong can be pointed at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from copy import copy
from typing import Any, TypeVar

# The line breaks YAML 1.1 knows, in the order libyaml counts them.
LINE_BREAK = "\r\n|[\r\n\x85\u2028\u2029]"


def split_lines(text: str) -> list[str]:
    """The lines of `text` without their breaks."""
    return text.split("\n") if text.isascii() and "\r" not in text else re.split(LINE_BREAK, text)


class Source:
    """The text of one file and the name it is reported under.

    Attributes:
        kind: what the file at `path` is, if it is not a spec and `text` is the spec made from it; else empty.
    """

    __slots__ = ("_lines", "kind", "path", "text")

    def __init__(self, path: str, text: str, kind: str = "") -> None:
        self.path = path
        self.text = text
        self.kind = kind
        self._lines: list[str] | None = None

    def line(self, number: int) -> str:
        """Line `number` (from 1) without its line break; empty past the end."""
        return self.lines[number - 1] if 1 <= number <= len(self.lines) else ""

    @property
    def lines(self) -> list[str]:
        """All lines without their breaks."""
        if self._lines is None:
            self._lines = split_lines(self.text)
        return self._lines

    def at(self, line: int, column: int) -> Span:
        """The place of one character."""
        return Span(self, line, column, line, column + 1)

    def after(self, before: str) -> Span:
        """The place right after the text `before`, with which the file begins."""
        lines = split_lines(before)
        return self.at(len(lines), len(lines[-1]) + 1)


class Span:
    """A stretch of a source; lines and columns count from 1, the end is exclusive."""

    __slots__ = ("column", "end_column", "end_line", "line", "source")

    def __init__(self, source: Source, line: int, column: int, end_line: int, end_column: int) -> None:
        self.source = source
        self.line = line
        self.column = column
        self.end_line = end_line
        self.end_column = end_column

    def __str__(self) -> str:
        return f"{self.source.path}:{self.line}:{self.column}"


# Here and in the rooms above, what every command reads is a plain class: creating a dataclass takes half a millisecond
# at each start.
class Note:
    """Something else worth knowing about a diagnostic, with its own place if it has one."""

    __slots__ = ("message", "place")

    def __init__(self, message: str, place: Span | None = None) -> None:
        self.message = message
        self.place = place


class Edit:
    """The text at `place` becomes `text`."""

    __slots__ = ("place", "text")

    def __init__(self, place: Span, text: str) -> None:
        self.place = place
        self.text = text


class Fix:
    """Edits that make a finding go away; safe ones compute the same function."""

    __slots__ = ("edits", "message", "safe")

    def __init__(self, message: str, edits: tuple[Edit, ...], safe: bool = False) -> None:
        self.message = message
        self.edits = edits
        self.safe = safe


class Advice:
    """What to do about a finding: in words, and as a fix if only one thing can have been meant.

    If it could be several, all stand in the words and in `choices`, and there is no fix.
    """

    __slots__ = ("choices", "fix", "text")

    def __init__(self, text: str, fix: Fix | None = None, choices: tuple[Fix, ...] = ()) -> None:
        self.text = text
        self.fix = fix
        self.choices = choices


_D = TypeVar("_D", bound="Diagnostic")


class Diagnostic:
    """One finding about a spec. `code` is stable (`SPC003`); advice stands in `help`, and in `fix` as edits.

    If it could be one of several things, each is one of the `choices`.
    """

    def __init__(
        self,
        code: str,
        message: str,
        place: Span,
        help: str | None = None,
        notes: tuple[Note, ...] = (),
        severity: str = "error",
        fix: Fix | None = None,
        choices: tuple[Fix, ...] = (),
    ) -> None:
        self.code = code
        self.message = message
        self.place = place
        self.help = help
        self.notes = notes
        self.severity = severity
        self.fix = fix
        self.choices = choices

    def but(self: _D, **changes: Any) -> _D:
        """The same diagnostic with some fields changed."""
        other = copy(self)
        other.__dict__.update(changes)
        return other

    def __str__(self) -> str:
        text = f"{self.place}: {self.severity}[{self.code}]: {self.message}"
        for note in self.notes:
            text += f"\n  = note: {note.message}" + (f" at {note.place}" if note.place else "")
        return text + (f"\n  = help: {self.help}" if self.help else "")


class SpecError(Exception):
    """An invalid spec; `diagnostics` says where and why, in order of place."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        super().__init__("\n".join(str(d) for d in diagnostics))
        self.diagnostics = list(diagnostics)


class TooManyError(SpecError):
    """Ends a run that has found as many errors as one run reports."""


class RequestError(Exception):
    """A request that cannot be carried out: a file that cannot be read, an unknown setting (exit status 2)."""


class OptionNeededError(RequestError):
    """A module that cannot be read without an option of `archcalc import`."""


def cannot(what: str, path: str, error: Exception) -> RequestError:
    """A file error in words: `cannot read 'a.yaml': no such file or directory`."""
    reason = getattr(error, "strerror", None) or str(error)
    return RequestError(f"cannot {what} {path!r}: {reason[:1].lower()}{reason[1:]}")


class Findings:
    """Diagnostics collected so that one run can report all independent errors.

    `MOST` bounds them: a file that is not a spec at all should not cost a minute or fill a disk.
    """

    MOST = 100

    def __init__(self) -> None:
        self._by_place: dict[tuple[str, int, int], Diagnostic] = {}

    def add(self, diagnostic: Diagnostic) -> None:
        """Keep `diagnostic` unless its place has one: a block's error is reported once, not per call.

        Raises `TooManyError` with all of them if there are `MOST` already.
        """
        place = diagnostic.place
        key = (place.source.path, place.line, place.column)
        if key not in self._by_place:
            if len(self._by_place) >= self.MOST:
                raise self._too_many()
            self._by_place[key] = diagnostic

    def take(self, error: SpecError) -> None:
        """Add what `error` holds. Raises it again if it ends the run."""
        if isinstance(error, TooManyError):
            raise error
        for diagnostic in error.diagnostics:
            self.add(diagnostic)

    def error(
        self,
        code: str,
        message: str,
        place: Span,
        help: str | Advice | None = None,
        notes: Sequence[Note] = (),
    ) -> None:
        """Add an error. Raises `TooManyError` if there are `MOST` already."""
        self.add(_diagnostic(code, message, place, help, notes))

    def copy(self) -> Findings:
        """Findings that begin with these."""
        other = Findings()
        other._by_place = dict(self._by_place)
        return other

    def _too_many(self) -> TooManyError:
        found = list(self)
        more = Note(f"only the first {self.MOST} errors are shown; there are more")
        return TooManyError([*found[:-1], found[-1].but(notes=(*found[-1].notes, more))])

    def __len__(self) -> int:
        return len(self._by_place)

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(sorted(self._by_place.values(), key=lambda d: (d.place.source.path, d.place.line, d.place.column)))

    def raise_if_any(self) -> None:
        """Raise `SpecError` with everything found, if anything was."""
        if self._by_place:
            raise SpecError(list(self))


def fail(
    code: str, message: str, place: Span, help: str | Advice | None = None, notes: Sequence[Note] = ()
) -> SpecError:
    """The error to raise for one finding."""
    return SpecError([_diagnostic(code, message, place, help, notes)])


def _diagnostic(code: str, message: str, place: Span, help: str | Advice | None, notes: Sequence[Note]) -> Diagnostic:
    told = tuple(Note(_clip(note.message), note.place) for note in notes)
    advice = help if isinstance(help, Advice) else Advice(help or "")
    return Diagnostic(
        code, _clip(message), place, _clip(advice.text) or None, told, fix=advice.fix, choices=advice.choices
    )


def _clip(text: str, longest: int = 400) -> str:
    """`text`, truncated if a word of the spec is absurdly long."""
    return text if len(text) <= longest else text[: longest - 1] + "…"
