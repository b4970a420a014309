"""Files of other kinds: recognised as a whole, told in one sentence."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile

import numpy as np
import pytest
import torch

from archcalc.diagnostics import RequestError, SpecError
from archcalc.network.load import build_graph, load_graph
from archcalc.source import MAX_BYTES, decode
from tests.conftest import ROOT

ULTRALYTICS = """\
# Ultralytics YOLO
nc: 80 # number of classes
scales:
  n: [0.33, 0.25, 1024]
backbone:
  - [-1, 1, Conv, [64, 3, 2]] # 0-P1/2
  - [-1, 3, C2f, [128, True]]
head:
  - [-1, 1, nn.Upsample, [None, 2, "nearest"]]
  - [[-1, 6], 1, Concat, [1]]
  - [[15, 18, 21], 1, Detect, [nc]]
"""
PYTHON = """\
import torch
import torch.nn as nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3)

    def forward(self, x):
        return self.conv1(x)
"""
WORKFLOW = """\
name: ci
on: {push: {branches: [main]}}
jobs:
  test:
    runs-on: ubuntu-latest
    steps: [{run: 'pytest'}]
"""
COMPOSE = """\
version: "3"
x-common: &common {restart: always}
services:
  web:
    <<: *common
    image: nginx
    command: ["a", "b"]
"""
TEXTS = {
    "yolov8.yaml": (ULTRALYTICS, "an Ultralytics model file"),
    "coco.yaml": ("path: coco\ntrain: a\nval: b\nnames:\n  0: person\n", "an Ultralytics data set file"),
    "config.json": (json.dumps({"architectures": ["LlamaForCausalLM"], "hidden_size": 4096, "model_type": "llama"}, indent=2), "a Hugging Face config.json"),
    "unet.json": (json.dumps({"_class_name": "UNet", "_diffusers_version": "0.6"}), "a config of Hugging Face's Diffusers"),
    "keras.json": (json.dumps({"module": "keras", "class_name": "Sequential", "config": {"layers": []}}), "a Keras model as JSON"),
    "index.json": (json.dumps({"metadata": {}, "weight_map": {"a": "b"}}), "an index of safetensors files"),
    "net.ipynb": (json.dumps({"cells": [], "metadata": {}, "nbformat": 4}), "a Jupyter notebook"),
    "net.py": (PYTHON, "Python source"),
    "net": (PYTHON, "Python source"),
    "ci.yaml": (WORKFLOW, "a GitHub Actions workflow"),
    ".gitlab-ci.yml": ("stages: [test]\ntest:\n  script: [pytest]\n", "a CI pipeline"),
    "compose.yaml": (COMPOSE, "a Docker Compose file"),
    "pod.yaml": ("apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {}\n", "a Kubernetes manifest"),
    ".pre-commit-config.yaml": ("repos:\n  - repo: x\n    hooks: [{id: y}]\n", "a pre-commit configuration"),
    "environment.yml": ("name: a\nchannels: [x]\ndependencies: [python]\n", "a conda environment"),
}  # fmt: skip


def told(path: str, data: bytes) -> str:
    """The one sentence that is said of a file."""
    with pytest.raises(SpecError) as caught:
        build_graph(decode(path, data))
    (said,) = caught.value.diagnostics
    assert (said.code, said.place.line, said.place.column) == ("SPC015", 1, 1)
    assert said.help
    return said.message


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_of_another_program(name):
    text, kind = TEXTS[name]
    assert told(name, text.encode()) == f"this is {kind}, not a spec"


def binaries() -> dict[str, tuple[bytes, str]]:
    def saved(thing, **how):
        buffer = io.BytesIO()
        torch.save(thing, buffer, **how)
        return buffer.getvalue()

    def zipped(*names):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name in names:
                archive.writestr(name, "x")
        return buffer.getvalue()

    arrays = io.BytesIO()
    np.savez(arrays, a=np.zeros(3))
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    return {
        "net.pt": (saved(torch.nn.Linear(2, 2).state_dict()), "a PyTorch checkpoint"),
        "old.pth": (saved({"a": torch.zeros(2)}, _use_new_zipfile_serialization=False), "a PyTorch checkpoint"),
        "scripted.pt": (zipped("net/code/__torch__.py", "net/data.pkl"), "a TorchScript module"),
        "net.pkl": (pickle.dumps({"a": 1}), "a Python pickle"),
        "net.safetensors": (struct.pack("<Q", len(header)) + header + b"\0\0\0\0", "a safetensors file"),
        "net.gguf": (b"GGUF" + struct.pack("<IQQ", 3, 1, 1), "a GGUF file"),
        "net.npz": (arrays.getvalue(), "an archive of NumPy arrays"),
        "net.h5": (b"\x89HDF\r\n\x1a\n\0\0\0", "an HDF5 file, such as the .h5 of Keras"),
        "net.keras": (zipped("metadata.json", "config.json", "model.weights.h5"), "a Keras model"),
        "net.onnx": (b"\x08\x08\x12\x07pytorch\x1a\x032.1:\x10\n\x0e", "an ONNX model"),
        "renamed.yaml": (b"\x08\x08\x12\x07pytorch\x1a\x032.1:\x10\n\x0e", "an ONNX model"),
        "net.tflite": (b"\x1c\0\0\0TFL3\0\0", "a TensorFlow Lite model"),
        "net.png": (b"\x89PNG\r\n\x1a\n\0\0", "an image"),
        "net.zip": (zipped("a.txt"), "a zip archive"),
    }


@pytest.mark.parametrize("name", binaries())
def test_a_binary(name):
    data, kind = binaries()[name]
    assert told(name, data) == f"this is {kind}, not a spec"
    assert told(name, data + bytes(MAX_BYTES)) == f"this is {kind}, not a spec"


def test_a_file_that_is_told(tmp_path):
    path = tmp_path / "net.py"
    path.write_text(PYTHON)
    with pytest.raises(SpecError, match=r"net.py:1:1: error\[SPC015\]: this is Python source, not a spec"):
        load_graph(str(path))


@pytest.mark.parametrize(
    "text", ["a: 1\nb: 2\nc: 3\n", "model: {type: x}\noptimizer: a\ndata: b\nrunner: c\n", '{"a": 1, "b": 2, "c": 3}']
)
def test_a_mapping_of_other_things(text):
    assert told("t.yaml", text.encode()) == "this is not a spec"


@pytest.mark.parametrize(
    "text",
    [
        "model: m\ninput: [3]\nlayer: [relu]\n",
        "modl: m\ninpt: [3]\nlayrs: [relu]\n",
        "model: m\ninput: [3]\nstages: [relu]\nservices: 3\nrepos: 4\n",
        "name: m\ninputs: [3]\nlayer: [relu]\n",
        "import: [a.yaml]\nmodel: m\ninput: [3]\n",
    ],
)
def test_a_spec_with_mistakes_is_one(text):
    with pytest.raises(SpecError) as caught:
        build_graph(decode("t.yaml", text.encode()))
    assert "SPC015" not in {said.code for said in caught.value.diagnostics}


def test_no_spec_is_taken_for_another_file():
    from archcalc.foreign import of_bytes, of_text

    for path in (*(ROOT / "specs").rglob("*.yaml"), *(ROOT / "tests").rglob("*.yaml")):
        if path.parent.name in ("specs", "broken", "regressions"):
            assert of_text(str(path), path.read_text()) is None
            assert of_bytes(str(path), path.read_bytes()) is None


def test_what_is_too_large_and_not_known():
    with pytest.raises(RequestError, match="too large to be a spec"):
        decode("t.yaml", b"a" * (MAX_BYTES + 1))
