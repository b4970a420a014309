"""The registry of operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


class UnreadError(Exception):
    """An operator, or a use of one, that no call can express; the message says which use."""


OPERATORS: dict[tuple[str, str], Callable[..., Any]] = {}


def operator(names: str, domain: str = "") -> Callable[[Function], Function]:
    """Registers a function for these operators; `domain` is their domain."""

    def note(function: Function) -> Function:
        for name in names.split():
            if (domain, name) in OPERATORS:
                raise ValueError(f"{name} is registered twice")
            OPERATORS[domain, name] = function
        return function

    return note
