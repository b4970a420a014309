"""Kinds of field values: how each is parsed, written and described in JSON Schema."""

from __future__ import annotations

import re
from typing import Any, Generic, TypeVar

from archcalc.advice import suggest

T = TypeVar("T")
_MOST = 2**40


class Kind(Generic[T]):
    """A kind of value.

    Attributes:
        unsaid: the falsy value of a missing field.
        metavar: the placeholder in help; empty if all values are listed.
        several: whether a field may be given several times.
    """

    unsaid: T
    metavar = ""
    several = False

    def read(self, given: Any) -> T:
        """The value from a string or a Python object. Raises `ValueError` with the expected form."""
        raise NotImplementedError

    def write(self, value: T) -> list[str]:
        """The strings that the value is parsed from: one, or one per item for `several`."""
        return [str(value)]

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of a value."""
        raise NotImplementedError


class Words(Kind[str]):
    """A choice."""

    unsaid = ""

    def __init__(self, *words: str) -> None:
        self.words = words

    def read(self, given: Any) -> str:
        """The word."""
        if given in self.words:
            return str(given)
        near = " or ".join(one for one in self.words if one.startswith(f"{given}-")) or suggest(str(given), self.words)
        raise ValueError(
            f"must be {', '.join(self.words[:-1])} or {self.words[-1]}, not {given!r}"
            + (f": did you mean {near}?" if near else "")
        )

    def schema(self) -> dict[str, Any]:
        """The words."""
        return {"enum": list(self.words)}


class Whole(Kind[int]):
    """A whole number from `least` on."""

    unsaid = 0

    def __init__(self, metavar: str = "N", least: int = 1, most: int = _MOST - 1) -> None:
        self.metavar, self.least, self.most = metavar, least, most

    def read(self, given: Any) -> int:
        """The number."""
        text = str(given).strip()
        if isinstance(given, bool) or not re.match(r"[+-]?\d{1,40}\Z", text, re.ASCII):
            raise ValueError(f"must be a whole number, not {given!r}")
        number = int(text)
        if number < self.least:
            raise ValueError(f"is {number}, which is too small: the minimum is {self.least}")
        if number > self.most:
            raise ValueError(f"is {number}, which is too large: the maximum is {self.most}")
        return number

    def schema(self) -> dict[str, Any]:
        """A bounded integer."""
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


class Text(Kind[str]):
    """A name or a path."""

    unsaid = ""

    def __init__(self, metavar: str) -> None:
        self.metavar = metavar

    def read(self, given: Any) -> str:
        """The non-empty string."""
        if not isinstance(given, str) or not given.strip() or not given.isprintable():
            raise ValueError(f"must be a name, not {given!r}")
        return given.strip()

    def schema(self) -> dict[str, Any]:
        """A text."""
        return {"type": "string", "minLength": 1}


class Names(Kind[tuple[str, ...]]):
    """One or several names, without duplicates."""

    unsaid: tuple[str, ...] = ()
    several = True

    def __init__(self, metavar: str) -> None:
        self.metavar = metavar

    def read(self, given: Any) -> tuple[str, ...]:
        """The names, in the given order."""
        entries: list[Any] = (
            [given] if isinstance(given, str) else list(given) if isinstance(given, (list, tuple)) else [None]
        )
        for name in entries:
            if not (isinstance(name, str) and name.strip() and name.isprintable()):
                raise ValueError(f"must be a name or a list of names, not {given!r}")
        return tuple(dict.fromkeys(name.strip() for name in entries))

    def write(self, value: tuple[str, ...]) -> list[str]:
        """One string per name."""
        return list(value)

    def schema(self) -> dict[str, Any]:
        """A name or a list of names."""
        name = {"type": "string", "minLength": 1}
        return {"anyOf": [name, {"type": "array", "items": name}]}


class Choices(Names):
    """Several choices."""

    def __init__(self, *words: str) -> None:
        super().__init__("|".join(words))
        self.words = words

    def read(self, given: Any) -> tuple[str, ...]:
        """The choices, in the given order, optionally comma-separated."""
        entries = given.split(",") if isinstance(given, str) else given
        names = super().read(entries)
        for name in names:
            if name not in self.words:
                Words(*self.words).read(name)
        return names

    def schema(self) -> dict[str, Any]:
        """A choice or a list of choices."""
        word = {"enum": list(self.words)}
        return {"anyOf": [word, {"type": "array", "items": word}]}
