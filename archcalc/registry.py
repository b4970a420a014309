"""Maps names to classes; the file of a class is imported when it is asked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import TypeVar

_T = TypeVar("_T")


class Registry(MutableMapping[str, _T]):
    """What the files of a package register under names when they are imported.

    Args:
        package: the package of the files.
        files: the names in each, separated by spaces.
    """

    def __init__(self, package: str, files: Mapping[str, str]) -> None:
        self._package = package
        self._file = {name: file for file, names in files.items() for name in names.split()}
        self._read: dict[str, _T] = {}

    def __getitem__(self, name: str) -> _T:
        if name not in self._read:
            self._import(self._file[name])
        return self._read[name]

    def __setitem__(self, name: str, value: _T) -> None:
        self._read[name] = value

    def __delitem__(self, name: str) -> None:
        del self._read[name]

    def __contains__(self, name: object) -> bool:
        return name in self._file or name in self._read

    def __iter__(self) -> Iterator[str]:
        yield from self._file
        yield from [name for name in self._read if name not in self._file]

    def __len__(self) -> int:
        return len(self._file.keys() | self._read.keys())

    def _import(self, file: str) -> None:
        """Import a module of the package; knowing its place saves most of the time of an import."""
        name = f"{self._package}.{file}"
        if name not in sys.modules:  # another module may have imported it
            path = os.path.join(sys.modules[self._package].__path__[0], *file.split(".")) + ".py"
            module = sys.modules[name] = ModuleType(name)
            module.__file__, module.__loader__ = path, SourceFileLoader(name, path)
            module.__loader__.exec_module(module)

    def registered(self, name: str) -> bool:
        """Whether an imported file has registered the name."""
        return name in self._read
