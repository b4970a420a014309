"""Ultralytics model files (YOLO v5, v8, 11): rows `[from, repeats, module, args]`, with widths and depths by scale.

The scale is the letter in the file's name, as in yolov8s.yaml, else the first of `scales:`. The modules follow their
published definitions: `modules.py` has those of backbone and neck, `heads.py` the heads.
"""

from __future__ import annotations

import re

from archcalc.sources.file import File

KIND = "an Ultralytics model file"


def recognises(file: File) -> bool:
    """Whether it has the two lists that such a file always has."""
    return all(re.search(rb"(?m)^%b:" % key, file.data) for key in (b"backbone", b"head"))


def spec(file: File) -> str:
    """The text of the spec. Raises `SpecError` for an unsupported module, key or value."""
    from archcalc.sources.ultralytics import reading  # imported only for such a file

    return reading.spec(file)
