"""From what a user names to tensors: a weight file, an index of several, or a folder with them."""

from __future__ import annotations

import json
import os
from typing import Any

from archcalc.diagnostics import RequestError
from archcalc.project import read_file
from archcalc.weights import gguf, safetensors
from archcalc.weights.tensor import MOST_TENSORS, Tensor

_INDEX = "model.safetensors.index.json"
_MOST_INDEX_BYTES = 64 * 2**20
_MOST_FILES = 2000


def tensors_of(path: str) -> list[Tensor]:
    """All tensors, by their files.

    Raises `RequestError` for anything but a weight file, for an impossible header, and for a tensor that is in several
    files.
    """
    found: dict[str, Tensor] = {}
    for file in _files(path):
        for tensor in _tensors(file):
            if tensor.name in found:
                raise RequestError(f"{path!r}: the tensor {tensor.name[:80]!r} is in several files")
            found[tensor.name] = tensor
            if len(found) > MOST_TENSORS:
                raise RequestError(f"{path!r} has more than {MOST_TENSORS:,} tensors")
    return list(found.values())


def _tensors(path: str) -> list[Tensor]:
    start = _start(path)
    if safetensors.recognises(start):
        return safetensors.tensors(path)
    if gguf.recognises(start):
        return gguf.tensors(path)
    raise RequestError(
        f"{path!r} is not a supported weight file: name a .safetensors or .gguf file, or an index of .safetensors files"
    )


def _start(path: str) -> bytes:
    from archcalc.weights.tensor import Header

    with Header(path, 16) as header:
        return header.bytes(min(16, header.size))


def _files(path: str) -> list[str]:
    """The files that hold the tensors; for a folder, those in its index, or those with the file extension."""
    if os.path.isdir(path):
        index = os.path.join(path, _INDEX)
        if os.path.exists(index):
            return _of_index(index)
        found = sorted(name for name in os.listdir(path) if name.endswith(".safetensors"))
        if not found:
            raise RequestError(f"no .safetensors file in {path!r}")
        return [os.path.join(path, name) for name in found]
    return _of_index(path) if path.endswith(".index.json") else [path]


def _of_index(path: str) -> list[str]:
    """The files that an index names, which must lie beside it."""
    try:
        document: Any = json.loads(read_file(path, _MOST_INDEX_BYTES))
        names = sorted(set(document["weight_map"].values()))
        plain = all(isinstance(name, str) and name == os.path.basename(name) and name for name in names)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        plain, names = False, []
    if not plain or not 0 < len(names) <= _MOST_FILES:
        raise RequestError(f"{path!r} is not an index of files beside it")
    return [os.path.join(os.path.dirname(path), name) for name in names]
