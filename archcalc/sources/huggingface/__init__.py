"""config.json of Hugging Face: the model type leads to a template, the sizes come from the file.

Models are built by the classes of transformers; a template here gives the same layers in the language. A family is
a file of this folder with `MODELS`, its model types.
"""

from __future__ import annotations

from archcalc.sources.file import File

KIND = "a config.json of Hugging Face"


def recognises(file: File) -> bool:
    """Whether it has the keys that a configuration always has, or has them and is no whole JSON."""
    known = "model_type" in file.keys or "architectures" in file.keys
    return known or (
        file.broken is not None and any(b'"%b"' % key in file.data for key in (b"model_type", b"architectures"))
    )


def spec(file: File) -> str:
    """The text of the spec. Raises `SpecError` for a model type, key or value that is not read."""
    from archcalc.sources.huggingface import reading  # only such a file pays for it

    return reading.spec(file)
