"""Several files of one family as one spec with variants."""

from __future__ import annotations

import json

import pytest

from archcalc.cost import Costs
from archcalc.diagnostics import RequestError
from archcalc.network.load import load_graph
from archcalc.sources.variants import joined

from .test_sources import run, status, written
from .test_ultralytics import model

FAMILIES = {
    "gpt2": [
        {"n_embd": 64, "n_layer": 3, "n_head": 4},
        {"n_embd": 96, "n_layer": 5, "n_head": 6},
        {"n_embd": 64, "n_layer": 5, "n_head": 4, "n_positions": 512},
    ],
    "swin": [
        {"embed_dim": 24, "depths": [2, 2, 6, 2], "num_heads": [3, 6, 12, 24]},
        {"embed_dim": 32, "depths": [2, 2, 18, 2], "num_heads": [4, 8, 16, 32]},
    ],
    "segformer": [
        {"hidden_sizes": [32, 64, 160, 256], "depths": [2, 2, 2, 2]},
        {"hidden_sizes": [64, 128, 320, 512], "depths": [3, 4, 6, 3]},
    ],
}


def files(tmp_path, model_type, configs):
    paths = []
    for index, config in enumerate(configs):
        folder = tmp_path / f"size{index}"
        folder.mkdir()
        paths.append(written(folder, json.dumps({"model_type": model_type, **config})))
    return paths


@pytest.mark.parametrize("model_type", FAMILIES)
def test_each_variant_is_its_file(model_type, tmp_path):
    paths, out = files(tmp_path, model_type, FAMILIES[model_type]), tmp_path / "net.yaml"
    assert status(run("import", *paths, "-o", out)) == 0
    for index, path in enumerate(paths):
        mine = Costs(load_graph(f"{out}@size{index}" if index else str(out))).totals
        assert mine.params == Costs(load_graph(path)).totals.params
        assert mine.macs > 0
    assert status(run("lint", out, "--variants", "--select", "SPC")) == 0
    assert "size1: {params:" in out.read_text(encoding="utf-8")


def test_what_follows_from_the_width_is_no_number_of_its_own(tmp_path):
    text = run("import", *files(tmp_path, "swin", FAMILIES["swin"])).stdout
    assert "hparams: {width: 24, window: 7, copies: 3}\n" in text
    assert "  size1: {width: 32, copies: 9}\n" in text


def test_scales_are_variants(tmp_path):
    path, out = written(tmp_path, model(8, "Detect, [nc]"), "yolov8.yaml"), tmp_path / "net.yaml"
    scales = [word for letter in "nsmlx" for word in ("--scale", letter)]
    assert status(run("import", path, *scales, "-o", out)) == 0
    assert [Costs(load_graph(f"{out}{end}")).totals.params for end in ("", "@s", "@m", "@l", "@x")] == [
        3157200, 11166560, 25902640, 43691520, 68229648,
    ]  # fmt: skip


def test_one_scale(tmp_path):
    path = written(tmp_path, model(8, "Detect, [nc]"), "yolov8.yaml")
    assert "params: 11166560" in run("import", path, "--scale", "s").stdout
    assert "there is no scale `q`" in run("import", path, "--scale", "q").stderr


def test_more_than_numbers(tmp_path):
    tied, free = ({"hidden_size": 64, "num_attention_heads": 4, "tie_word_embeddings": one} for one in (True, False))
    told = run("import", *files(tmp_path, "llama", [tied, free])).stderr
    assert "size0 and size1 are not variants of one spec: they differ in more than numbers" in told
    assert "tie=embed_tokens" in told
    config = written(tmp_path, {"model_type": "gpt2"})
    assert "--scale is for Ultralytics model files" in run("import", config, "--scale", "s").stderr


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        (["model: a\nlayers:\n  - conv 3x5\n", "model: a\nlayers:\n  - conv 3x7\n"], "conv 3x(width)"),
        (["model: a\ndims: {n: 8}\nlayers: [x]\n", "model: a\ndims: {n: 4}\nlayers: [x]\n"], "dims: {n: 4}"),
        (["model: a\nlayers:\n  - x c2 k=1e-5\n", "model: a\nlayers:\n  - x c2 k=1e-6\n"], "x c2 k=k2"),
    ],
    ids=str,
)
def test_numbers_become_names(texts, wanted):
    assert wanted in joined([("one", texts[0]), ("two", texts[1])])


def test_names_of_variants(tmp_path):
    with pytest.raises(RequestError, match="a variant cannot be called 'params'"):
        joined([("one", "model: a\n"), ("params", "model: a\n")])
