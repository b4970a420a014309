"""PyYAML, for its binding to libyaml; what its own parser needs is made when that is asked.

Importing it compiles patterns for a parser in Python, one of which takes longer than all else that is imported to read a
spec. Where libyaml is there nobody asks for them.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any


class _Later:
    """A pattern that is compiled when it is first used."""

    def __init__(self, *given: Any) -> None:
        self._given = given

    def __getattr__(self, name: str) -> Any:
        found = getattr(re.compile(*self._given), name)
        setattr(self, name, found)
        return found


def _load() -> Any:
    """The module `yaml`. No other thread may compile a pattern meanwhile, so with others it is imported as it is."""
    threading = sys.modules.get("threading")
    compile = re.compile
    if threading is None or threading.active_count() == 1:
        re.compile = _Later  # type: ignore[assignment]
    try:
        import yaml
    finally:
        re.compile = compile
    return yaml


if TYPE_CHECKING:
    import yaml as yaml
else:
    yaml = _load()
