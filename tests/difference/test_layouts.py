"""A layer that goes along another axis, or whose output generation keeps, has changed though its keys are the same."""

from __future__ import annotations

import json

import pytest

from tests.program import run


def diff(tmp_path, *texts):
    paths = []
    for name, text in zip(("old", "new"), texts):
        path = tmp_path / f"{name}.yaml"
        path.write_text(f"model: m\n{text}", encoding="utf-8")
        paths.append(str(path))
    done = run("diff", *paths, "--format", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_stated_layout_is_told(tmp_path):
    stated = "input: {{x: {{size: [4, 4, 4], layout: {}}}}}\nlayers: [softmax]\n"
    found = diff(tmp_path, stated.format("channels-first"), stated.format("features-last"))
    assert found["settings"] == [
        {"key": "input", "name": "x", "before": "4×4×4 channels-first", "after": "4×4×4 features-last"}
    ]
    assert [one["changes"] for one in found["changed"]] == [[{"key": "axis", "before": "0", "after": "2"}]]


def test_a_layout_that_changes_nothing_else(tmp_path):
    found = diff(
        tmp_path,
        "input: {x: [4, 4, 4]}\nlayers: [linear 3]\n",
        "input: {x: {size: [4, 4, 4], layout: features-last}}\nlayers: [linear 3]\n",
    )
    assert [one["after"] for one in found["settings"]] == ["4×4×4 features-last"]
    assert (found["changed"], found["unchanged"]) == ([], 1)


@pytest.mark.parametrize("layer", ["softmax", "logsoftmax", "rmsnorm", "layerscale", "split 2 name=s", "glu"])
def test_another_layer_behind_decides_another_axis(layer, tmp_path):
    rest = ", flatten from=s.0" if "name=" in layer else ""
    line = f"input: [4, 4, 4]\nlayers: [{layer}{rest}, {{}} from=input]\n"
    found = diff(tmp_path, line.format("layernorm"), line.format("instancenorm"))
    rows = {
        one["after"]["layer"] if "layer" in one["after"] else one["after"]["id"]: one["changes"]
        for one in found["changed"]
    }
    assert [{"key": "axis", "before": "2", "after": "0"}] in rows.values()


def test_what_generation_keeps_is_told(tmp_path):
    line = "dims: {{t: 8}}\ninput: [t]\nlayers: [embedding 9 dim=4, linear 2{}, linear 4, attention 2 causal=true]\n"
    found = diff(tmp_path, line.format(""), line.format(" cache=true"))
    assert [one["changes"] for one in found["changed"]] == [[{"key": "cache", "before": "false", "after": "true"}]]
