"""Earlier versions of specs, for `archcalc lint --base`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache

from archcalc.diagnostics import RequestError
from archcalc.network.load import Networks, split_variant
from archcalc.revision import Revision, revision
from archcalc.rules.before import Before

Base = Callable[[str], "Before | None"]


@contextmanager
def bases(base: str | None, specs: Sequence[str]) -> Iterator[Base]:
    """Each spec as it was in `base`: a file, a folder with the same layout, or a git revision.

    A new spec has no base. Raises `RequestError` for a base that does not exist.
    """
    paths = [split_variant(spec)[0] for spec in specs if spec != "-"]
    opened: dict[str, Networks] = {}
    if base is None:
        yield lambda spec: None
    elif os.path.exists(base):
        folder = os.path.commonpath([os.path.dirname(os.path.abspath(path)) for path in paths]) if paths else ""
        yield lambda spec: _in_files(spec, base, folder, opened)
    else:
        with revision(base) as was:
            copy = cache(was.copy)
            yield lambda spec: _in_revision(spec, was, copy, opened)


def _in_files(spec: str, base: str, folder: str, opened: dict[str, Networks]) -> Before | None:
    if spec == "-":
        return _typed(base) if os.path.isdir(base) else _before(base, base, None, opened)
    path, variant = split_variant(spec)
    found = os.path.join(base, os.path.relpath(path, folder)) if os.path.isdir(base) else base
    if not os.path.lexists(found):
        return None
    odd = found != base and os.path.exists(found) and not os.path.isfile(found)  # opening a pipe would block
    return _before(found, found, variant, opened, "it is not a regular file" if odd else "")


def _in_revision(
    spec: str, was: Revision, copy: Callable[[str], str | None], opened: dict[str, Networks]
) -> Before | None:
    if spec == "-":
        return _typed(was.name)
    path, variant = split_variant(spec)
    inside = was.inside(os.path.relpath(path))
    try:
        found = copy(inside)
    except RequestError as error:
        return _before("", was.told(inside), variant, opened, str(error))
    return _before(found, was.told(inside), variant, opened) if found else None


def _typed(base: str) -> Before:
    """The base of standard input, which has no path."""
    return Before("", base, "standard input has no path in it")


def _before(path: str, name: str, variant: str | None, opened: dict[str, Networks], problem: str = "") -> Before:
    end = f"@{variant}" if variant else ""
    return Before(path + end, name + end, problem, opened)
