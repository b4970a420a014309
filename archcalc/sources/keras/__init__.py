"""Models of Keras 3: a .keras archive, or the JSON of `model.to_json()`; layers with channels last are turned.

The archive is read by its headers, never unpacked; code within it, as that of Lambda layers, is never run.
"""

from __future__ import annotations

from archcalc.sources.file import File

KIND = "a model of Keras"


def recognises(file: File) -> bool:
    """Whether it is a zip archive that begins with Keras's files, or JSON with the keys of a model."""
    if file.data.startswith(b"PK\x03\x04"):
        return b"model.weights.h5" in file.data or (b"config.json" in file.data and b"metadata.json" in file.data)
    return {"class_name", "config"} <= set(file.keys)


def spec(file: File) -> str:
    """The text of the spec. Raises `SpecError` for a layer or setting that is not read."""
    from archcalc.sources.keras import reading  # only such a file pays for it

    return reading.spec(file)
