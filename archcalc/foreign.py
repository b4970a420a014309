"""Files that are not specs: what they are, and what to do with them, in one sentence.

People who have a network have it in a file of another kind, and try that file first. It is recognised as a whole, by
its first bytes or its keys, instead of being read key by key.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from archcalc.advice import suggest

# Kinds of weight files, by their first bytes.
_SIGNATURES = (
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, such as the .h5 of Keras"),
    (b"GGUF", "a GGUF file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"%PDF", "a PDF"),
    (b"\x93NUMPY", "a NumPy array"),
)
# The names of the files in a zip archive tell what wrote it.
_ARCHIVES = (
    (b"model.weights.h5", "a Keras model"),
    (b"keras", "a Keras model"),
    (b"/code/", "a TorchScript module"),
    (b"data.pkl", "a PyTorch checkpoint"),
    (b".npy", "an archive of NumPy arrays"),
)
_COUNTED = ("a GGUF file", "a safetensors file")
_HOLDS_WEIGHTS = (
    "a PyTorch checkpoint",
    "an archive of NumPy arrays",
    "a NumPy array",
)
# Files with keys, by some that they always have; the first match is reported.
_KEYED = (
    ({"nc", "backbone", "head"}, "an Ultralytics model file"),
    ({"backbone", "head"}, "an Ultralytics model file"),
    ({"train", "val", "names"}, "an Ultralytics data set file"),
    ({"model_type"}, "a Hugging Face config.json"),
    ({"architectures"}, "a Hugging Face config.json"),
    ({"_class_name", "_diffusers_version"}, "a config of Hugging Face's Diffusers"),
    ({"class_name", "config"}, "a Keras model as JSON"),
    ({"keras_version"}, "a Keras model as JSON"),
    ({"weight_map"}, "an index of safetensors files"),
    ({"cells", "nbformat"}, "a Jupyter notebook"),
    ({"jobs", "on"}, "a GitHub Actions workflow"),
    ({"jobs", "steps"}, "a CI pipeline"),
    ({"stages"}, "a CI pipeline"),
    ({"before_script"}, "a CI pipeline"),
    ({"pool", "steps"}, "a CI pipeline"),
    ({"jobs", "workflows"}, "a CI pipeline"),
    ({"services"}, "a Docker Compose file"),
    ({"apiVersion", "kind"}, "a Kubernetes manifest"),
    ({"repos"}, "a pre-commit configuration"),
    ({"dependencies", "channels"}, "a conda environment"),
    ({"dependencies", "name"}, "a conda environment"),
    ({"site_name"}, "an MkDocs configuration"),
    ({"openapi"}, "an OpenAPI description"),
)
_SIZES_ONLY = ("a config of Hugging Face's Diffusers",)
# Read when named as a file, and recognised if its text is given as a spec.
_READ = ("a Hugging Face config.json", "an Ultralytics model file", "a Keras model as JSON")
# Keys that every spec has; and the number of unknown keys that is more than a slip.
_SPEC = {"model", "input", "layers"}
_MISTAKES = 3
_PYTHON = r"(?:import [\w.]+|from [\w.]+ import |class \w+.*:\s*(?:#.*)?$|def \w+\(|async def |@\w|if __name__)"
_TOP_KEY = r"""^(?:["']([^"'\n]+)["']|([A-Za-z_][\w.-]*))\s*:(?:\s|$)"""
_JSON_KEY = r'"([^"\\\n]+)"\s*:'


class Foreign:
    """A file of another kind: what it is, and what to do."""

    __slots__ = ("advice", "message")

    def __init__(self, kind: str, advice: str) -> None:
        self.message = f"this is {kind}, not a spec" if kind else "this is not a spec"
        self.advice = advice


def of_bytes(path: str, data: bytes) -> Foreign | None:
    """What a file that is not text is, by its beginning; None for an unknown kind."""
    kind = _binary_kind(path.lower(), data)
    if kind is None:
        return None
    if kind in _COUNTED:
        return Foreign(kind, "weights do not say how layers are connected: `archcalc weights` counts them")
    if kind in _HOLDS_WEIGHTS:
        return Foreign(kind, "weights do not say how layers are connected: write the layers as a spec")
    return Foreign(kind, "write its layers as a spec; `archcalc layers` lists what there is")


def _binary_kind(path: str, data: bytes) -> str | None:
    if data.startswith(b"PK\x03\x04"):
        return next((kind for mark, kind in _ARCHIVES if mark in data), "a zip archive")
    for signature, kind in _SIGNATURES:
        if data.startswith(signature):
            return kind
    if data[8:9] == b"{" and 2 <= int.from_bytes(data[:8], "little") < 2**27:
        return "a safetensors file"
    if data[4:8] == b"TFL3":
        return "a TensorFlow Lite model"
    if data[:1] == b"\x80" and data[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return "a PyTorch checkpoint" if path.endswith((".pt", ".pth", ".bin", ".ckpt")) else "a Python pickle"
    # a protocol buffer whose first field is the version of the format
    if path.endswith(".onnx") or (data[:1] == b"\x08" and re.match(rb"\x08[\x01-\x20][\x12\x1a\x22\x3a]", data)):
        return "an ONNX model"
    return "a TensorFlow graph" if path.endswith(".pb") else None


def of_text(path: str, text: str) -> Foreign | None:
    """What a file is that is not YAML, or is YAML of another program; None for a spec."""
    lines = len(re.findall(f"^{_PYTHON}", text, re.MULTILINE))
    if lines >= 2 or (lines and path.endswith((".py", ".pyi"))) or text.startswith("#!/usr/bin/env python"):
        return Foreign("Python source", "no code is run: write the layers in the order of `forward` as a spec")
    return of_keys(_keys(text))


def of_keys(keys: Collection[str], known: Collection[str] = ()) -> Foreign | None:
    """What a mapping with these top-level keys is; None if it may be a spec.

    It is not one if it lacks most of what a spec must have, and more keys than a slip explains are not `known`.
    """
    if len(_SPEC & set(keys)) > 1:
        return None
    kind = next((kind for wanted, kind in _KEYED if wanted <= set(keys)), None)
    if kind is None:
        unknown = [key for key in keys if key not in known]
        if not known or len(unknown) < _MISTAKES or any(suggest(key, list(_SPEC)) for key in unknown):
            return None
        return Foreign("", f"a spec has `model:`, `input:` and `layers:`, not `{unknown[0]}:`")
    if kind in _READ:
        return Foreign(kind, "name the file itself: `archcalc import` and every command that takes a spec read it")
    if kind in _SIZES_ONLY:
        return Foreign(kind, "it holds sizes and no layers: write the layers as a spec, its sizes under `hparams:`")
    if kind == "an index of safetensors files":
        return Foreign(kind, "`archcalc weights` counts what its files hold")
    if "Keras" in kind:
        return Foreign(kind, "write its layers as a spec; `archcalc layers` lists what there is")
    return Foreign(kind, "name a spec: a file with `model:`, `input:` and `layers:`")


def _keys(text: str) -> set[str]:
    """The top-level keys of YAML or JSON, found without parsing it."""
    if not text.lstrip().startswith("{"):
        return {quoted or plain for quoted, plain in re.findall(_TOP_KEY, text, re.MULTILINE)}
    import json

    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return set(re.findall(_JSON_KEY, text[:10_000]))
    return set(document) if isinstance(document, dict) else set()
