"""ONNX models: reads the graph and tensor sizes of an .onnx file, but no weights."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from archcalc.sources.file import File

KIND = "an ONNX model"
# The start of a file: its version, then the producer, the operators or the graph.
_VERSIONS, _NEXT = range(1, 32), b"\x12\x1a\x22\x28\x32\x3a\x42"


def recognises(file: File) -> bool:
    """Whether its name or its first bytes are those of an ONNX model."""
    data = file.data
    begins = len(data) > 2 and data[0] == 8 and data[1] in _VERSIONS and data[2] in _NEXT
    return begins or file.path.lower().endswith(".onnx")


def spec(file: File) -> str:
    """The text of the spec. Raises `RequestError` for an invalid or unsupported file."""
    text: str = told(file).spec
    return text


def told(file: File) -> Any:
    """The spec with the counts from the nodes' sizes. Raises as `spec`."""
    # imported here: the translation computes networks, and opening their specs imports this file
    return import_module("archcalc.onnx.reading").read(file.path, file.data)
