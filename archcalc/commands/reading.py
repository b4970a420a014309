"""Processes specs one after the other: errors in one are reported, then the next follows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import TypeVar

from archcalc.commands.options import report
from archcalc.diagnostics import RequestError, SpecError
from archcalc.quoting import visible
from archcalc.terminal import complain

_Item = TypeVar("_Item")
_Found = TypeVar("_Found")


class Reading:
    """The specs of one run.

    Attributes:
        status: the exit status so far: 1 if a spec was invalid, 2 if one could not be read.
    """

    def __init__(self, color: str) -> None:
        self.color = color
        self.status = 0

    def each(self, items: Iterable[_Item], compute: Callable[[_Item], Iterable[_Found]]) -> Iterator[_Found] | None:
        """Lazily computes a result for each item; None if there are none at all."""
        found = self._each(items, compute)
        first = next(found, None)
        return None if first is None else chain([first], found)

    def _each(self, items: Iterable[_Item], compute: Callable[[_Item], Iterable[_Found]]) -> Iterator[_Found]:
        for item in items:
            with self.telling(SpecError, RequestError):
                yield from compute(item)

    @contextmanager
    def telling(self, *kinds: type[SpecError] | type[RequestError]) -> Iterator[None]:
        """Report errors of these kinds instead of raising them."""
        try:
            yield
        except kinds as error:
            if isinstance(error, SpecError):
                report(error.diagnostics, self.color)
                self.status = max(self.status, 1)
            else:
                complain(f"archcalc: {visible(str(error))}", self.color)
                self.status = 2
