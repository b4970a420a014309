"""Whether two specs have the same text, which is known without parsing them."""

from __future__ import annotations

import os

from archcalc import project
from archcalc.diagnostics import RequestError, Source, SpecError
from archcalc.source import MAX_BYTES, Mapping, Scalar, Sequence, parse


def same(base: Source, head: Source) -> bool:
    """Whether both files and the files that they include have the same text."""
    if base.text != head.text:
        return False
    if "include" not in head.text:
        return True
    try:
        root = parse(head)
        entries = [value for key, value in root.pairs if key.text == "include"] if isinstance(root, Mapping) else []
        for entry in entries[0].items if entries and isinstance(entries[0], Sequence) else []:
            if not isinstance(entry, Scalar):
                return False
            if _included(base, entry.text) != _included(head, entry.text):
                return False
    except (RequestError, SpecError):  # reported when they are compared
        return False
    return True


def _included(source: Source, name: str) -> bytes:
    """The content of a file that a spec includes. Raises `RequestError` if it may not be read."""
    folder = os.path.dirname(source.path)
    path = os.path.join(folder, name)
    if "\0" in name or not project.contains(folder, path):
        raise RequestError(f"{name!r} lies outside the project")
    return project.read_file(path, MAX_BYTES, name)
