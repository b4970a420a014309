"""`archcalc sweep` and `archcalc fit`: what they print, and what they refuse."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys

import pytest

from archcalc.cli import main
from tests.conftest import ROOT
from tests.program import run, start

VIT = "specs/vit.yaml"
GRID = ("--set", "width=96..384:96", "--set", "depth=1,2")


def document(*arguments: str) -> dict:
    return json.loads(run(*arguments, "--format", "json").stdout)


def test_json_and_csv_say_the_same():
    found = document("sweep", VIT, *GRID, "--set", "heads=3,5", "--plot", "macs,params")
    rows = list(
        csv.DictReader(
            io.StringIO(
                run("sweep", VIT, *GRID, "--set", "heads=3,5", "--plot", "macs,params", "--format", "csv").stdout
            )
        )
    )
    assert found["version"] == 1
    assert len(found["points"]) == len(rows) == 16
    assert any(point["values"] is None for point in found["points"])
    for point, row in zip(found["points"], rows):
        assert {name: row[f"set.{name}"] for name in ("width", "depth", "heads")} == point["set"]
        assert row["reason"] == (point["reason"] or "")
        assert row["place"] == (point["place"] or "")
        assert (row["on_front"] == "true") == point["on_front"]
        values = point["values"] or {}
        assert all(row[one["key"]] == str(values.get(one["key"], "")) for one in found["measures"])


def test_rows_equal_shapes():
    for point in document("sweep", VIT, *GRID)["points"]:
        settings = [f"{name}={value}" for name, value in point["set"].items()]
        totals = document("shapes", VIT, *(word for one in settings for word in ("--set", one)))["totals"]
        assert point["values"] == {name: totals[name] for name in ("params", "macs", "activation_bytes")}


def test_the_grid_can_be_split(tmp_path):
    listed = run("sweep", VIT, *GRID, "--batch", "1,2", "--list").stdout
    path = tmp_path / "grid.jsonl"
    path.write_text(listed)
    whole = run("sweep", VIT, *GRID, "--batch", "1,2", "--format", "jsonl").stdout
    assert run("sweep", "--grid", str(path), "--format", "jsonl").stdout == whole
    assert run("sweep", "--grid", "-", "--format", "jsonl", stdin=listed).stdout == whole
    parts = [
        run("sweep", "--grid", str(path), "--shard", f"{part}/3", "--format", "jsonl").stdout for part in (1, 2, 3)
    ]
    assert sorted("".join(parts).splitlines()) == sorted(whole.splitlines())
    assert len(whole.splitlines()) == 16


def test_a_part_of_few_points_may_be_empty():
    for format in ("text", "json", "jsonl", "csv", "markdown"):
        done = run("sweep", VIT, "--shard", "3/8", "--format", format)
        assert done.returncode == 0
        assert format != "json" or json.loads(done.stdout)["points"] == []


def test_a_reader_that_has_enough():
    command = f"{sys.executable} -m archcalc sweep {VIT} --set width=12..1200:12 --set depth=1..20 --format jsonl"
    done = subprocess.run(
        f"{command} | head -n 1; exit ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)


def test_what_is_not_possible_stays_with_its_reason():
    done = run("sweep", VIT, "--set", "width=768,770,774")
    assert done.returncode == 0
    assert done.stdout.count("not possible") == 4
    assert "at specs/vit.yaml:" in done.stdout
    assert run("sweep", VIT, "--set", "width=770,774").returncode == 1


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_widths(columns):
    done = run("sweep", VIT, *GRID, "--plot", "macs,params", env={"COLUMNS": str(columns)})
    assert done.returncode == 0
    assert max(map(len, done.stdout.splitlines())) <= columns
    assert "params" in done.stdout
    assert "●" in done.stdout


def test_a_terminal_without_braille():
    done = start("sweep", VIT, *GRID, "--plot", "macs,params", "--front", env={"PYTHONIOENCODING": "ascii:replace"})
    assert done.returncode == 0
    drawing = done.stdout.split("vit-b16")[0]
    assert "o" in drawing
    assert "\u28c0" not in drawing


@pytest.mark.parametrize("kind", ["svg", "png", "pdf"])
def test_pictures(tmp_path, kind):
    pytest.importorskip("matplotlib")
    path = tmp_path / f"plot.{kind}"
    done = run("sweep", VIT, *GRID, "--plot", "macs,params", "-o", str(path), "--format", "csv")
    assert done.returncode == 0
    head = path.read_bytes()[:200]
    assert {"svg": b"<svg", "png": b"PNG", "pdf": b"%PDF"}[kind] in head or b"<?xml" in head


def test_number_sort_and_front():
    found = document("sweep", VIT, *GRID, "--sort", "macs", "-n", "3")
    macs = [point["values"]["macs"] for point in found["points"]]
    assert macs == sorted(macs)
    assert len(macs) == 3
    assert "5 more rows" in run("sweep", VIT, *GRID, "-n", "3").stdout
    front = document("sweep", VIT, *GRID, "--plot=depth,params", "--front")["points"]
    assert front
    assert all(point["on_front"] for point in front)


def test_time_needs_a_device():
    assert "--device" in run("sweep", VIT, "--show", "time").stderr
    found = document("sweep", VIT, "--batch", "8,64", "--show", "time,step_time,memory", "--device", "a100")
    times = [point["values"]["time_seconds"] for point in found["points"]]
    assert 0 < times[0] < times[1]
    assert found["runs"][0]["line"] == "inference, bf16, flash attention, on a100"


def test_one_value_of_training_or_generation_has_its_measure():
    [found] = document("sweep", VIT, "--optimizer", "sgd")["points"]
    assert {"params", "memory_bytes"} <= set(found["values"])
    done = run("sweep", VIT, "--checkpoint", "nothere")
    assert done.returncode == 1
    assert "no block or group of layers is named `nothere`" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "name a spec"),
        ([VIT, "--set", "widht=1,2"], "did you mean `width`"),
        ([VIT, "--set", "width"], "NAME=VALUES"),
        ([VIT, "--set", "width=1,2", "--set", "width=3"], "given twice"),
        ([VIT, "--batch", "0"], "a batch must be a whole number"),
        ([VIT, "--batch", str(10**18)], "a batch must be a whole number from 1 to 1,099,511,627,775, not"),
        ([VIT, "--batch", "1..x"], "`x` is not a number"),
        ([VIT, "--plot", "macs"], "two names"),
        ([VIT, "--plot", "macs,parms"], "did you mean `params`"),
        ([VIT, "--front"], "needs --plot"),
        ([VIT, "-o", "a.svg"], "needs --plot"),
        ([VIT, "--plot", "macs,params", "-o", "a.gif"], "a picture ends in"),
        ([VIT, "--plot", "macs,params", "-o", "none/a.svg"], "cannot write"),
        ([VIT, "--show", "speed"], "no measure is named `speed`"),
        ([VIT, "--sort", "speed"], "no measure is named `speed`"),
        ([VIT, "--shard", "4/3"], "I from 1 to N"),
        ([VIT, "--grid", "missing.jsonl"], "missing.jsonl"),
        ([VIT, "--grid", "specs/vit.yaml"], "not JSON"),
        ([VIT, "--grid", "specs"], "is a directory"),
        ([VIT, "--grid", os.devnull], "it has no points"),
        (["specs/none.yaml"], "none.yaml"),
        ([VIT, "--device", "h1000"], "did you mean `h100`"),
        ([VIT, "--device", "v100", "--precision", "bf16"], "has no bf16"),
        ([VIT, "--set", "width=1..1001", "--set", "depth=1..1000"], "more than 1,000,000"),
    ],
)
def test_refusals(arguments, says):
    done = run("sweep", *arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert not done.stdout


@pytest.mark.parametrize("missing", ["plotille", "matplotlib"])
def test_without_the_library(missing, monkeypatch, capsys):
    find = "archcalc.reports.sweep." + ("plot" if missing == "plotille" else "figure") + ".find_spec"
    monkeypatch.setattr(find, lambda name: None)
    monkeypatch.setattr(
        sys,
        "argv",
        ["archcalc", "sweep", VIT, "--plot", "macs,params", "-o", "a.svg"][: 5 if missing == "plotille" else 7],
    )
    with pytest.raises(SystemExit) as done:
        main()
    assert done.value.code == 2
    assert f"needs {missing}" in capsys.readouterr().err


def test_fit_says_what_binds():
    done = run("fit", VIT, "--vary", "width", "--max", "params=25M", "--max", "macs=4G", "--max", "memory=8GiB")
    assert done.returncode == 0
    assert "width=348 is the largest that fits" in done.stdout
    assert "macs binds: width=360 would have 4.066 G MACs" in done.stdout
    found = document("fit", VIT, "--vary", "width", "--max", "params=25M", "--max", "macs=4G")
    assert (found["value"], found["next"], found["binding"]) == (348, 360, ["macs"])
    assert found["limits"][1]["limit"] == 4 * 10**9


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_fit_widths(columns):
    done = run("fit", VIT, "--vary", "width=96..768:96", "--max", "params=25M", env={"COLUMNS": str(columns)})
    assert done.returncode == 0
    assert max(map(len, done.stdout.splitlines())) <= columns


def test_fit_nothing():
    done = run("fit", VIT, "--vary", "width", "--max", "params=1", "--format", "markdown")
    assert done.returncode == 1
    assert "no width fits" in done.stdout


def test_fit_time():
    found = document("fit", VIT, "--vary", "batch", "--max", "time=20ms", "--device", "a100")
    assert 0 < found["limits"][0]["value"] <= 0.02 < found["limits"][0]["next"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--vary", "width", "--max", "params"], "takes an amount"),
        (["--vary", "width", "--max", "params=0"], "takes an amount"),
        (["--vary", "width", "--max", "parms=25M"], "did you mean `params`"),
        (["--vary", "widht", "--max", "params=25M"], "did you mean `width`"),
        (["--vary", "widht=1,2", "--max", "params=25M"], "did you mean `width`"),
        (["--vary", "width", "--set", "width=3", "--max", "params=25M"], "both varied and set"),
        (["--vary", "width=", "--max", "params=25M"], "NAME=VALUES"),
        (["--vary", "batch=0,1", "--max", "macs=25M"], "whole number"),
        (["--vary", "batch"], "no limit: give one, e.g. --max memory=24GB"),
        (["--vary", "batch=a,b", "--max", "macs=25M"], "not a number"),
        (["--vary", "width", "--max", "time=10ms"], "--device"),
        (["--vary", "width", "--max", "time=10", "--device", "h1000"], "did you mean `h100`"),
    ],
)
def test_fit_refusals(arguments, says):
    done = run("fit", VIT, *arguments)
    assert done.returncode == 2
    assert says in done.stderr
