"""Hugging Face config.json: the model type selects a template, the file gives the sizes.

A template writes the layers that the transformers class builds. A family is a file of this folder with `MODELS`, its
model types.
"""

from __future__ import annotations

from archcalc.sources.file import File

KIND = "a Hugging Face config.json"


def recognises(file: File) -> bool:
    """Whether it has the keys that every configuration has, even in invalid JSON."""
    known = "model_type" in file.keys or "architectures" in file.keys
    return known or (
        file.broken is not None and any(b'"%b"' % key in file.data for key in (b"model_type", b"architectures"))
    )


def spec(file: File) -> str:
    """The text of the spec. Raises `SpecError` for an unsupported model type, key or value."""
    from archcalc.sources.huggingface import reading  # imported only for such a file

    return reading.spec(file)
