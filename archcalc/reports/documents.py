"""JSON documents, whose version increases when a key changes its meaning."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

VERSION = 1


def dumps(document: Any, indent: int | None = None) -> str:
    """A document with a final line break; without `indent` it is compact, on one line."""
    return json.dumps(document, ensure_ascii=False, indent=indent) + "\n"


def one_or_several(documents: Sequence[dict[str, Any]], several: bool, key: str = "specs") -> str:
    """The document of a single network, or a list of several under `key`."""
    return dumps({"version": VERSION, key: documents} if several else documents[0])
