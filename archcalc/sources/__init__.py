"""The models people already have, read as specs: one file or folder a source.

A source gives the text of a spec, so that every command works on it as on one that a person wrote.
It is a module of this folder with

    KIND: str                          what such a file is, as `a config.json of Hugging Face`
    recognises(file: File) -> bool     whether a file is one, by its name, first bytes or keys
    spec(file: File) -> str            the text of its spec; raises `SpecError` with the place in the file

and, where a source counts by itself, `told(file)`: the spec beside that count, as archcalc/tracing/telling.py has it.
Reading runs no code from a file, and what a file says of its own size is bounded before it is believed.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Protocol

from archcalc.sources.file import File

# What the sources are made with, and no source.
_SHARED = ("file", "variants", "writing")


class Reader(Protocol):
    """A module of this folder."""

    KIND: str

    def recognises(self, file: File) -> bool:
        """Whether the file is of this source."""

    def spec(self, file: File) -> str:
        """The text of its spec."""


def reader_of(file: File) -> Reader | None:
    """The source that a file is of; None where it is none of them."""
    return next((reader for reader in readers() if reader.recognises(file)), None)


def readers() -> list[Reader]:
    """Every source, in the order of their names."""
    names = sorted({name.partition(".")[0] for name in os.listdir(os.path.dirname(__file__)) if name[0] not in "_."})
    found: list[Reader] = []
    for name in names:
        if name not in _SHARED:
            module: Reader = import_module(f"archcalc.sources.{name}")
            found.append(module)
    return found
