"""Importers: existing models read as specs, one file or folder per source.

A source returns the text of a spec, so every command works on it as on a hand-written one.
It is a module of this folder with

    KIND: str                          what such a file is, e.g. `a Hugging Face config.json`
    recognises(file: File) -> bool     whether it handles a file, by name, first bytes or keys
    spec(file: File) -> str            the text of its spec; raises `SpecError` with a location in the file

and, if a source also counts independently, `told(file)`: the spec with that count, see archcalc/tracing/telling.py.
Reading runs no code from a file, and sizes that a file declares are checked against limits first.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Protocol

from archcalc.sources.file import File

# Modules of this folder that are not sources.
_SHARED = ("file", "variants", "writing")


class Reader(Protocol):
    """The interface of a source module."""

    KIND: str

    def recognises(self, file: File) -> bool:
        """Whether this source handles the file."""

    def spec(self, file: File) -> str:
        """The text of its spec."""


def reader_of(file: File) -> Reader | None:
    """The source that handles a file; None if there is none."""
    return next((reader for reader in readers() if reader.recognises(file)), None)


def readers() -> list[Reader]:
    """All sources, sorted by name."""
    names = sorted({name.partition(".")[0] for name in os.listdir(os.path.dirname(__file__)) if name[0] not in "_."})
    found: list[Reader] = []
    for name in names:
        if name not in _SHARED:
            module: Reader = import_module(f"archcalc.sources.{name}")
            found.append(module)
    return found
