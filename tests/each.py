"""A test of many small cases under one id: an id costs pytest more than such a case does."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

import pytest


def each(cases: Iterable[Any]) -> Callable[[Callable[..., None]], Callable[[], None]]:
    """`@each(REGISTRY)`: the test is called with every case, and what fails says with which.

    If the test has several parameters, a case is a tuple of their values.
    """

    def mark(check: Callable[..., None]) -> Callable[[], None]:
        several = len(inspect.signature(check).parameters) > 1

        @wraps(check)
        def test() -> None:
            tried = False
            for case in cases:
                tried = True
                try:
                    check(*case) if several else check(case)
                except (Exception, pytest.fail.Exception) as error:
                    raise AssertionError(f"{check.__name__} of {case}: {error}") from error
            assert tried, "no case"

        test.__signature__ = inspect.Signature()  # type: ignore[attr-defined]
        return test

    return mark
