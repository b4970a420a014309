"""The specs that come with the program, found by name."""

from __future__ import annotations

import os
from functools import cache

from archcalc.advice import suggest

ENDING = ".yaml"
_HERE = os.path.dirname(__file__)
# Inside the package if installed, beside it in a checkout.
_FOLDERS = (os.path.join(_HERE, "specs"), os.path.join(os.path.dirname(_HERE), "specs"))


@cache
def folder() -> str:
    """Their folder; empty if there are none."""
    return next((one for one in _FOLDERS if os.path.isdir(one)), "")


@cache
def names() -> tuple[str, ...]:
    """Their names: `resnet50` is the spec resnet50.yaml."""
    files = os.listdir(folder()) if folder() else ()
    return tuple(sorted(file[: -len(ENDING)] for file in files if file.endswith(ENDING)))


def path_of(name: str) -> str | None:
    """The path of the spec of this name; None if there is none."""
    return os.path.join(folder(), name + ENDING) if name in names() else None


def nearest(name: str) -> str | None:
    """The name of a spec that may have been meant; None for a path."""
    if not name or os.path.basename(name) != name or "." in name:
        return None
    beginnings = {one[: len(name) + more]: one for more in (1, 0) for one in reversed(names())}  # `gogle`
    begun = suggest(name, [*beginnings]) if len(name) > 3 else None
    return suggest(name, names()) or (beginnings[begun] if begun else None)


def about(text: str) -> tuple[str, str]:
    """What the comment at the top of a spec says about it, and where it is from."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line[1:].strip())
    said, _, source = " ".join(lines).partition("Source: ")
    return said.strip(), source.strip().rstrip(".")
