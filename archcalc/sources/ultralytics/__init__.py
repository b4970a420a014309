"""Model files of Ultralytics, YOLO v8 and 11 first: rows `[from, repeats, module, args]`, widths and depths by a scale.

The scale is the letter in the file's name, as in yolov8s.yaml, else the first of `scales:`. What the modules are is
written down from their published definitions: `modules.py` has those of the trunk, `heads.py` the ends.
"""

from __future__ import annotations

import re

from archcalc.sources.file import File

KIND = "a model file of Ultralytics"


def recognises(file: File) -> bool:
    """Whether it has the two lists that such a file always has."""
    return all(re.search(rb"(?m)^%b:" % key, file.data) for key in (b"backbone", b"head"))


def spec(file: File) -> str:
    """The text of the spec. Raises `SpecError` for a module, key or value that is not read."""
    from archcalc.sources.ultralytics import reading  # only such a file pays for it

    return reading.spec(file)
