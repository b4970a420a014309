"""Models of other kinds that a case has in the place of a spec: files of other programs, files of weights, modules."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from archcalc.diagnostics import Source, SpecError
from archcalc.network.load import build_graph
from archcalc.pytorch.names import BuildError
from archcalc.pytorch.source import module_source
from tests.draw.choices import Choices
from tests.fuzz.mutations import mutate_bytes, mutate_json, mutate_lines, mutate_numbers
from tests.fuzz.texts import SHARED, network
from tests.sources.test_ultralytics import classifier, model
from tests.weights.test_weights import gguf, safetensors

_DATA = Path(__file__).parent.parent / "sources"
# What a model of the Hub is said to have in its config.json.
HUB = "hub.json"
_NAMES = {
    "config": ("config.json", "config.json", "llama/config.json", "x\ny.json", "\udcff.json", "::error::.json", "a b@c.json", "-.json"),
    "keras": ("model.json", "\x1b[31m.json", "config.json"),
    "archive": ("model.keras", "a\nb.keras", "##[x].keras"),
    "ultralytics": ("yolov8n.yaml", "yolo11x-seg.yaml", "a\nyolov8s.yaml", "yolo.yaml", "\u202eyolov8n.yaml"),
    "safetensors": ("model.safetensors", "\x1b[2J.safetensors", "x.yaml"),
    "gguf": ("model.gguf", "::warning::.gguf"),
    "index": ("model.safetensors.index.json", "a\nb.index.json"),
    "onnx": ("net.onnx", "\x1b[1m\n::error::.onnx"),
    "module": ("net.py", "in/net.py", "a b.py", "::error::.py"),
    "hub": (HUB,),
}  # fmt: skip
_MODELS = {
    "config": 5.0,
    "keras": 3.0,
    "archive": 1.5,
    "ultralytics": 2.0,
    "module": 1.5,
    "hub": 0.7,
    "safetensors": 0.3,
}
if find_spec("onnx") is not None:
    _MODELS["onnx"] = 2.0
_WEIGHTS = {"safetensors": 3.0, "gguf": 3.0, "index": 1.0, "config": 0.2, "hub": 0.2}
_MODULES = (
    """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.a = nn.Sequential(nn.Conv2d(3, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU())
        self.b = nn.Linear(width, 2)

    def forward(self, x):
        return self.b(self.a(x).mean((2, 3)))
""",
    """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.add_module("a\\x1b[31m\\n::error::b", nn.Linear(8, 8))
        self.state = nn.LSTM(8, 6, 2, batch_first=True)
        self.attention = nn.MultiheadAttention(6, 2, batch_first=True)

    def forward(self, x):
        for layer in list(self.children())[:1]:
            x = x + layer(x)
        y, (h, c) = self.state(x)
        return self.attention(y, y, y, need_weights=False)[0], h
""",
    """\
import torch


def Net(size=3):
    if size < 0:
        raise ValueError("wrong\\n::error::size \\u202e")
    return torch.nn.Sequential(*[torch.nn.Linear(4, 4) for _ in range(size)], torch.nn.Softmax(dim=1))
""",
)


class Model(NamedTuple):
    """A file of another kind, and how it is named on the command line; its odd bytes are surrogates.

    `options` are those without which `import` does not read it.
    """

    name: str
    argument: str
    text: str
    options: tuple[str, ...] = ()


def drawn(choices: Choices, weights: bool) -> Model:
    """A model or a file of weights, spoilt half of the time."""
    kind = choices.pick("kind", _WEIGHTS if weights else _MODELS)
    name = choices.random("name").choice(_NAMES[kind])
    named = {"module": f"{name}:Net", "hub": choices.random("hub").choice(("hf:org/x", "hf:x", "hf:org/x@main"))}
    argument = f"./{name}" if name.startswith("-") else named.get(kind, name)
    if kind == "module" and choices.chance("built", 0.6):
        return _built(choices, name, argument)
    return Model(name, argument, _text(choices, kind))


def _built(choices: Choices, name: str, argument: str) -> Model:
    """A module that `build` has written of a drawn network, spoilt at times."""
    text, options = _module(choices.seed // SHARED)
    if choices.chance("spoilt", 0.3):
        draw = choices.random("spoil")
        text = draw.choice((mutate_lines, mutate_numbers))(text, draw)
    return Model(name, argument, text, options)


@lru_cache(maxsize=8)
def _module(number: int) -> tuple[str, tuple[str, ...]]:
    """What `build` writes of a drawn network, as a class `Net`, and how `import` is told its inputs."""
    try:
        graph = build_graph(Source("net.yaml", network(number)))
        text = module_source(graph)
    except (BuildError, SpecError):  # of a batch of one it may not be valid
        return _MODULES[0], ("--input", "3x8x8")
    inputs = (f"{'x'.join(map(str, x.shape))}{':int' if x.integer else ''}" for x in graph.inputs.values())
    *_, last = re.findall(r"(?m)^class (\w+)", text)
    return f"{text}\n\nNet = {last}\n", tuple(word for sizes in inputs for word in ("--input", sizes))


def _text(choices: Choices, kind: str) -> str:
    draw = choices.random("text")
    meant = choices.chance("as meant", 0.5)
    if kind == "module":
        text = draw.choice(_MODULES)
        return text if meant else draw.choice((mutate_lines, mutate_numbers))(text, draw)
    if kind == "ultralytics":
        text = draw.choice(_ULTRALYTICS)()
        return text if meant else draw.choice((mutate_lines, mutate_numbers, mutate_bytes))(text, draw)
    if kind in ("safetensors", "gguf", "onnx"):
        data = draw.choice(_onnx()) if kind == "onnx" else (gguf if kind == "gguf" else safetensors)()
        text = _as_text(data)
        return text if meant else mutate_bytes(text, draw)
    if kind == "index":
        files = draw.choice((["model.safetensors"], ["a/b"], ["..", "net.safetensors"], ["/dev/zero"], ["up"]))
        text = json.dumps({"weight_map": {f"layer{number}": file for number, file in enumerate(files)}})
    else:
        text = json.dumps(draw.choice(_keras() if kind in ("keras", "archive") else _configs()))
    if not meant:
        text = mutate_json(text, draw) if draw.random() < 0.8 else mutate_bytes(text, draw)
    if kind == "archive":
        text = _as_text(_zipped(text, draw.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))))
        return mutate_bytes(text, draw) if draw.random() < 0.2 else text
    return text


def _as_text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _zipped(text: str, method: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, inner in (("metadata.json", "{}"), ("config.json", text), ("model.weights.h5", "no weights")):
            # the same bytes at any time
            archive.writestr(zipfile.ZipInfo(name), inner.encode("utf-8", "surrogateescape"), method)
    return file.getvalue()


@lru_cache(maxsize=1)
def _configs() -> list[Any]:
    files = json.loads((_DATA / "whole_files.json").read_text("utf-8"))
    return [*files.values(), json.loads((_DATA / "llama.json").read_text("utf-8"))]


@lru_cache(maxsize=1)
def _keras() -> list[Any]:
    return [entry["model"] for entry in json.loads((_DATA / "keras.json").read_text("utf-8")).values()]


@lru_cache(maxsize=1)
def _onnx() -> list[bytes]:
    from tests.sources.test_onnx import ONE  # which needs the library onnx

    return [made.SerializeToString(deterministic=True) for made, _ in ONE.values()]


_ULTRALYTICS: tuple[Callable[[], str], ...] = (
    lambda: model(8, "Detect, [nc]"), lambda: model(11, "Detect, [nc]"), lambda: model(8, "Segment, [nc, 32, 256]"),
    lambda: classifier(8), lambda: classifier(11), lambda: model(8, "Pose, [nc, kpt_shape]", "kpt_shape: [17, 3]\n"),
)  # fmt: skip
