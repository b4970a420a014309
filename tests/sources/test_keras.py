"""Models of Keras 3: counts equal Keras's own, archives are read within bounds, and no code of theirs runs."""

from __future__ import annotations

import copy
import io
import json
import os
import struct
import zipfile
from pathlib import Path

import pytest

from archcalc.cost import Costs
from archcalc.diagnostics import RequestError, SpecError
from archcalc.network.load import load_graph
from archcalc.opening import read, told_of

from .mutating import mutated, survives
from .test_sources import refused, run, status, written

RECORD = json.loads(Path(__file__).with_name("keras.json").read_text(encoding="utf-8"))
SMALL = [name for name in RECORD if name not in ("ResNet50", "MobileNetV2", "EfficientNetB0")]


def norms(model):
    """How many norms with statistics there are, each of which counts its batches in PyTorch."""
    layers = model.get("config", {}).get("layers", [])
    return sum((one["class_name"] == "BatchNormalization") + norms(one) for one in layers)


@pytest.mark.parametrize("name", RECORD)
def test_counts_are_those_of_keras(name, tmp_path):
    case = RECORD[name]
    graph = load_graph(written(tmp_path, case["model"], "model.json"))
    totals = Costs(graph).totals
    found = {
        "trained": totals.params - totals.frozen,
        "kept": totals.frozen + totals.buffers - norms(case["model"]),
        "macs": totals.macs,
    }
    assert found == {"macs": totals.macs, **{key: case[key] for key in found if key in case}}
    turned = [[one[-1], *one[:-1]] if len(one) > 2 else one for one in case["outputs"]]
    assert [list(tensor.shape) for tensor in graph.outputs.values()] == turned


def test_a_reset_before_the_product_is_not_pytorchs_gru(tmp_path):
    """keras.GRU gives the same numbers as these layers with its weights: 8e-8 apart in single precision."""
    graph = load_graph(written(tmp_path, RECORD["gru"]["model"], "model.json"))
    first, second = (layer for layer in RECORD["gru"]["model"]["config"]["layers"] if layer["class_name"] == "GRU")
    assert (first["config"]["reset_after"], second["config"]["reset_after"]) == (True, False)
    assert [node.op for node in graph.nodes][:2] == ["gru", "scan"]


def archive(model, method=zipfile.ZIP_STORED, **names):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as file:
        file.writestr("metadata.json", json.dumps({"keras_version": "3.15.1"}))
        file.writestr("config.json", model if isinstance(model, (str, bytes)) else json.dumps(model))
        for name, value in names.items():
            file.writestr(name, value)
        file.writestr("model.weights.h5", b"\x89HDF\r\n\x1a\n" + bytes(64))
    return data.getvalue()


def test_an_archive_of_the_config_alone(tmp_path):
    with zipfile.ZipFile(tmp_path / "net.keras", "w") as file:
        file.writestr("config.json", json.dumps(RECORD["dense"]["model"]))
    assert Costs(load_graph(str(tmp_path / "net.keras"))).totals.params == RECORD["dense"]["trained"]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_archives(method, tmp_path):
    path, out = tmp_path / "net.keras", tmp_path / "net.yaml"
    path.write_bytes(archive(RECORD["unet"]["model"], method))
    assert Costs(load_graph(str(path))).totals.params == RECORD["unet"]["trained"]
    assert status(run("import", path, "-o", out)) == 0
    assert Costs(load_graph(str(out))).totals.params == RECORD["unet"]["trained"]


@pytest.mark.skipif(not os.path.exists("/dev/fd"), reason="there are no pipes with paths")
def test_a_pipe_is_read_once(tmp_path):
    """As in `archcalc import <(cat net.keras)`, which asks for what a source tells as well."""
    ours, theirs = os.pipe()
    os.write(theirs, archive(RECORD["dense"]["model"]))
    os.close(theirs)
    try:
        assert told_of(f"/dev/fd/{ours}") is None
        assert read(f"/dev/fd/{ours}").kind == "a Keras model"
    finally:
        os.close(ours)


def resized(data, packed, size):
    """An archive whose config.json says that it is of other sizes."""
    at = data.index(b"config.json") - 30
    return data[: at + 18] + struct.pack("<II", packed, size) + data[at + 26 :]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (archive("[" * 100_000), "contains no model"),
        (archive("{}"), "contains no model"),
        (archive(b"\x00" * 40_000_000, zipfile.ZIP_DEFLATED), "is too large"),
        (resized(archive(b"0" * 40_000_000, zipfile.ZIP_DEFLATED), 38_000, 10), "or truncated"),
        (resized(archive(RECORD["dense"]["model"], zipfile.ZIP_DEFLATED), 50, 10**4), "or truncated"),
        (resized(archive(RECORD["dense"]["model"]), 2**32 - 1, 2**32 - 1), "is too large"),
        (
            archive(RECORD["dense"]["model"])[:90],
            "does not begin with a config.json, unlike Keras 3 archives: is the file complete",
        ),
        (archive("{}").replace(b"config.json", b"../../x.json"[:11]), "does not begin with a config.json"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_hostile_archives(data, said, tmp_path):
    path = tmp_path / "net.keras"
    path.write_bytes(data)
    with pytest.raises((RequestError, SpecError), match=said):
        load_graph(str(path))
    assert [one.name for one in tmp_path.iterdir()] == ["net.keras"]


def changed(name, index, **settings):
    model = copy.deepcopy(RECORD[name]["model"])
    layer = model["config"]["layers"][index]
    layer["class_name"] = settings.pop("kind", layer["class_name"])
    layer["config"].update(settings)
    return model


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (changed("dense", 1, kind="Lambda"), "`Lambda` is Python code in the file, which is never run"),
        (changed("dense", 1, kind="Twist"), "the layer `Twist` ('dense') is not supported yet"),
        (changed("dense", 1, units="30"), "`Dense` 'dense': `units`: must be a whole number from 1"),
        (changed("dense", 1, units=2**60), "must be a whole number from 1"),
        (changed("dense", 1, shine=3), "the setting `shine` is unknown: it may change the layer"),
        (changed("dense", 1, activation="wave"), "the activation 'wave' is not supported"),
        (changed("conv", 2, padding="odd"), "'odd' is not supported here"),
        (changed("conv", 2, kernel_size=[3]), "one for each of 2 axes"),
        (changed("gru", 1, recurrent_activation="relu"), "changes the layer in a way that is not supported yet"),
        (
            {"class_name": "MyModel", "config": {}},
            "`MyModel` is a custom class, i.e. Python code, which is never run",
        ),
        ({"class_name": "Sequential", "config": {"layers": []}}, "`layers`: must be a list of layers"),
        ({"class_name": "Functional", "config": {"layers": [3]}}, "a layer must be an object"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_read_has_its_place(model, said, tmp_path):
    assert said in refused(written(tmp_path, model, "model.json")).message


def test_circles_and_depth(tmp_path):
    model = copy.deepcopy(RECORD["unet"]["model"])
    first = model["config"]["layers"][1]
    history = first["inbound_nodes"][0]["args"][0]["config"]["keras_history"]
    history[0] = model["config"]["layers"][-1]["config"]["name"]
    assert "is part of a cycle" in refused(written(tmp_path, model, "model.json")).message
    deep = RECORD["dense"]["model"]
    for _ in range(30):
        first = {"class_name": "InputLayer", "config": {"batch_shape": [None, 20], "name": "i"}}
        deep = {"class_name": "Sequential", "config": {"name": "s", "layers": [first, deep]}}
    assert "models may be nested at most 16 deep" in refused(written(tmp_path, deep, "model.json")).message


def test_mutations_are_networks_or_errors(tmp_path):
    texts = [json.dumps(RECORD[name]["model"]).encode() for name in SMALL]
    for data in mutated([*texts, archive(RECORD["lstm"]["model"], zipfile.ZIP_DEFLATED)], 250):
        survives(data, tmp_path / ("m.keras" if data.startswith(b"PK") else "m.json"))
