"""Finds the specs to check from what a user names: files, folders, `-`, `spec.yaml@variant`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator

from archcalc import project
from archcalc.diagnostics import Findings, RequestError, SpecError, cannot
from archcalc.network.load import parsed, split_variant
from archcalc.opening import read

ENDINGS = (".yaml", ".yml")
# A key at the top level, by its bytes.
_KEY = rb"(?m)^(?:\xef\xbb\xbf)?[\"']?(%b)[\"']?[ \t]*:"
_SKIPPED = ("__pycache__", "node_modules")


def specs_in(paths: Iterable[str]) -> list[str]:
    """The specs that `paths` refer to, each once, in the given order; those of a folder by name.

    In a folder, a YAML file is a spec if it has a top-level `model:`. A file named directly is one
    unless it holds only blocks, which are checked where they are included. Raises
    `RequestError` for a path that does not exist and for a folder without a spec.
    """
    found: dict[str, None] = {}
    for path in paths:
        if os.path.isdir(path):
            inside = list(specs_of(path))
            if not inside:
                raise RequestError(f"no spec in {path!r}: a spec is a .yaml file with a `model:`")
            found.update(dict.fromkeys(inside))
        elif path == "-" or not _holds_blocks_only(split_variant(path)[0]):
            found[os.path.normpath(path) if path != "-" else path] = None
    return list(found)


def specs_of(folder: str) -> Iterator[str]:
    """The specs in a folder and its subfolders, by name, without links that lead out of its project."""
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(filter(_is_entered, folders))
        for name in sorted(files):
            path = os.path.normpath(os.path.join(root, name))
            if name.endswith(ENDINGS) and _is_of(folder, path) and is_spec(_head(path)):
                yield path


def is_walked(path: str) -> bool:
    """Whether a search for specs in a folder looks at a file at this path."""
    *folders, name = path.replace(os.sep, "/").split("/")
    return name.endswith(ENDINGS) and all(map(_is_entered, folders))


def is_spec(data: bytes) -> bool:
    """Whether a YAML file with this beginning is a spec: it has a top-level `model:`."""
    return _has(data, b"model")


def _is_entered(folder: str) -> bool:
    return folder not in _SKIPPED and not folder.startswith(".")


def _is_of(folder: str, path: str) -> bool:
    return os.path.isfile(path) and (not os.path.islink(path) or project.contains(folder, path))


def with_variants(specs: Iterable[str]) -> list[str]:
    """`specs`, each followed by all its variants, e.g. `spec.yaml@large`, unless it names one itself."""
    found: dict[str, None] = {}
    for spec in specs:
        found[spec] = None
        if spec != "-" and split_variant(spec)[1] is None:
            found.update((f"{spec}@{name}", None) for name in variants_of(spec))
    return list(found)


def variants_of(path: str) -> list[str]:
    """The variants of a spec; none if it is unreadable or invalid, which is reported elsewhere."""
    try:
        return list(parsed(read(path), Findings()).variants)
    except (SpecError, RequestError):
        return []


def _holds_blocks_only(path: str) -> bool:
    if not os.path.isfile(path):  # a pipe can be read only once
        return False
    try:
        data = _head(path)
    except RequestError:
        return False
    if data.startswith(b"model:") or b"\nmodel:" in data:
        return False
    return _has(data, b"blocks") and len(re.findall(_KEY % rb"\w+", data)) == 1


def _has(data: bytes, key: bytes) -> bool:
    return key in data and re.search(_KEY % key, data) is not None


def _head(path: str) -> bytes:
    """The bytes at the beginning of a file that are needed to know what it is."""
    try:
        with open(path, "rb") as file:
            return file.read(2**20)
    except OSError as error:
        raise cannot("read", path, error) from None
