"""JSON, of which every document has a version that grows when a key changes its meaning."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

VERSION = 1


def dumps(document: Any, indent: int | None = None) -> str:
    """A document with a line break at its end; without `indent` short to store, on one line."""
    return json.dumps(document, ensure_ascii=False, indent=indent) + "\n"


def one_or_several(documents: Sequence[dict[str, Any]], several: bool, key: str = "specs") -> str:
    """The document of the only network there is, or a list of them under `key`."""
    return dumps({"version": VERSION, key: documents} if several else documents[0])
