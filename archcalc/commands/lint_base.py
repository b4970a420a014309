"""The specs as they were, for `archcalc lint --base`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from archcalc.network.load import split_variant
from archcalc.revision import checked_out

Base = Callable[[str], "str | None"]


@contextmanager
def bases(base: str | None, specs: Sequence[str]) -> Iterator[Base]:
    """Where each spec stands in `base`: a file, a folder laid out as that of all specs, or a git revision.

    A file need not exist there. Raises `RequestError` for a base that does not.
    """
    paths = [split_variant(spec)[0] for spec in specs if spec != "-"]
    if base is None or not paths:
        yield lambda spec: None
        return
    folder = os.path.relpath(os.path.commonpath([os.path.dirname(os.path.abspath(path)) for path in paths]))
    with checked_out(base if os.path.exists(base) else f"{base}:{folder}") as place:
        yield lambda spec: _place(spec, place, folder)


def _place(spec: str, place: str, folder: str) -> str | None:
    path, variant = split_variant(spec)
    if spec == "-":
        return None
    found = os.path.join(place, os.path.relpath(path, folder)) if os.path.isdir(place) else place
    return found + (f"@{variant}" if variant else "")
