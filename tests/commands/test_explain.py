"""`archcalc explain`, the calculator."""

from __future__ import annotations

import json

from tests.conftest import ROOT
from tests.program import run


def test_the_lecture_line():
    out = run("explain", "conv 2 kernel=3 stride=2 padding=1", "--input", "3x32x32").stdout
    assert "⌊(32 + 2·1 − 1·(3 − 1) − 1) / 2⌋ + 1 = 16" in out
    assert "(3·3·3 + 1)·2" in out
    assert " 56 " in out
    assert "13,824" in out
    assert "3×3, step 2" in out


def test_a_list_of_layers_and_a_vector():
    out = run("explain", "[conv 8 kernel=3, relu, flatten, linear 10]", "--input", "3x8x8").stdout
    assert "(288 + 1)·10" in out
    assert "covers the input" not in out
    assert run("explain", "linear 10", "--input", "784").returncode == 0


def test_a_layer_of_a_spec_by_name_and_by_line():
    lines = (ROOT / "specs" / "alexnet.yaml").read_text(encoding="utf-8").splitlines()
    line = next(number for number, text in enumerate(lines, 1) if "conv 64" in text)
    for wanted in ("conv1", str(line)):
        out = run("explain", "specs/alexnet.yaml", wanted).stdout
        assert "(11·11·3 + 1)·64" in out
        assert "23,296" in out


def test_a_layer_inside_copies_says_so():
    out = run("explain", "specs/gpt2.yaml", "h.0.attention").stdout
    assert "(768 + 1) · 3 projections · 768" in out
    assert "2,362,368" in out


def test_tied_weights_are_told():
    out = run("explain", "specs/gpt2.yaml", "lm_head").stdout
    assert "the weight of wte" in out


def test_json():
    document = json.loads(run("explain", "conv 2 kernel=3", "--input", "3x8x8", "--format", "json").stdout)
    layer = document["layers"][0]
    assert layer["parameters"] == {
        "value": 56,
        "numbers": "(3·3·3 + 1)·2",
        "names": "(kernel_h·kernel_w·in_channels + bias)·channels",
    }
    assert layer["receptive_field"] == [[3, 1], [3, 1]]


def test_wrong_requests():
    assert run("explain", "conv 2 kernel=3").returncode == 2
    assert run("explain", "conv 2 kernel=3", "--input", "3xx").returncode == 2
    assert run("explain", "specs/alexnet.yaml", "conv9").returncode == 2
    wrong = run("explain", "conv 2 kernal=3", "--input", "3x8x8")
    assert wrong.returncode == 1
    assert "<line>:1:8" in wrong.stderr
    assert run("explain", "conv 2 kernel=9", "--input", "3x8x8").returncode == 1
    assert run("explain", "", "--input", "3").returncode == 1
    assert run("explain", "[[[", "--input", "3").returncode == 1


def test_a_layer_that_has_to_know_its_axis():
    done = run("explain", "softmax", "--input", "10x5")
    assert done.returncode == 1
    assert "axis=0 normalises channels, giving vectors of 10 that sum to 1" in done.stderr
    assert "state it at the input" not in done.stderr, "a line has no place for that"
    assert run("explain", "softmax axis=1", "--input", "10x5").returncode == 0
