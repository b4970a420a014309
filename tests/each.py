"""A test of many small cases under one id: an id costs pytest more than such a case does."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any


def each(cases: Iterable[Any]) -> Callable[[Callable[[Any], None]], Callable[[], None]]:
    """`@each(REGISTRY)`: the test is called with every case, and what fails says with which."""

    def mark(check: Callable[[Any], None]) -> Callable[[], None]:
        @wraps(check)
        def test() -> None:
            tried = False
            for case in cases:
                tried = True
                try:
                    check(case)
                except Exception as error:
                    raise AssertionError(f"{check.__name__} of {case}: {error}") from error
            assert tried, "no case"

        test.__signature__ = inspect.Signature()  # type: ignore[attr-defined]
        return test

    return mark
