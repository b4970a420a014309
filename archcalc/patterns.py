"""Regular expressions that are compiled on first use.

Compiling one takes as long as importing a small module, and most runs use few of them.
"""

from __future__ import annotations

import re
import sys
from importlib import import_module
from typing import Any


class Later:
    """A pattern that is compiled on first use; to `isinstance` it is a `re.Pattern`."""

    __class__ = re.Pattern  # type: ignore[assignment]  # functions of `re` take patterns, by their class

    def __init__(self, *given: Any) -> None:
        self._given = given

    def __getattr__(self, name: str) -> Any:
        found = getattr(re.compile(*self._given), name)
        setattr(self, name, found)
        return found


def imported(name: str) -> Any:
    """Import a module with everything that it imports; the patterns in them are compiled later.

    No other thread may compile a pattern meanwhile, so if there are others, it is imported as usual.
    """
    threading = sys.modules.get("threading")
    compile = re.compile
    if threading is None or threading.active_count() == 1:
        re.compile = Later  # type: ignore[assignment]
    try:
        return import_module(name)
    finally:
        re.compile = compile
