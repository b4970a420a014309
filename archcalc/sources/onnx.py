"""A network as ONNX has it: one .onnx file, of which the graph and the sizes of its tensors are read, and no weight."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from archcalc.sources.file import File

KIND = "an ONNX model"
# What a file begins with: its version, and then who wrote it, its operators or its graph.
_VERSIONS, _NEXT = range(1, 32), b"\x12\x1a\x22\x28\x32\x3a\x42"


def recognises(file: File) -> bool:
    """Whether it is called so, or begins as such files do."""
    data = file.data
    begins = len(data) > 2 and data[0] == 8 and data[1] in _VERSIONS and data[2] in _NEXT
    return begins or file.path.lower().endswith(".onnx")


def spec(file: File) -> str:
    """The text of the spec. Raises `RequestError` for what is no such file, or is not read."""
    text: str = told(file).spec
    return text


def told(file: File) -> Any:
    """The same beside what the sizes of the nodes say. Raises as `spec`."""
    # what tells a graph in the language computes with networks, whose specs are opened by way of this file
    return import_module("archcalc.onnx.reading").read(file.path, file.data)
