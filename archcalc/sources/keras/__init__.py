"""Models of Keras 3: a .keras archive, or the JSON of `model.to_json()`; channels-last layers become channels-first.

The archive is never unpacked: only its headers are read. Code inside it, e.g. of Lambda layers, is never run.
"""

from __future__ import annotations

from archcalc.sources.file import File

KIND = "a Keras model"


def recognises(file: File) -> bool:
    """Whether it is a zip archive that is named or begins as Keras's are, or JSON with a model's keys."""
    if file.data.startswith(b"PK\x03\x04"):
        named = file.path.lower().endswith(".keras")
        return (
            named or b"model.weights.h5" in file.data or (b"config.json" in file.data and b"metadata.json" in file.data)
        )
    return {"class_name", "config"} <= set(file.keys)


def spec(file: File) -> str:
    """The text of the spec. Raises `SpecError` for an unsupported layer or setting."""
    from archcalc.sources.keras import reading  # imported only for such a file

    return reading.spec(file)
