"""What `archcalc diff` says of pull requests, as a reviewer reads it."""

from __future__ import annotations

import json

import pytest

from tests.program import run

from .pulls import GOLDEN, PULLS, folders


@pytest.mark.parametrize("name", PULLS)
def test_a_pull_request(name, tmp_path):
    old, new = folders(name, tmp_path)
    done = run("diff", str(old), str(new), env={"COLUMNS": "80"})
    assert done.returncode == 0
    assert done.stdout + done.stderr == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_no_request_is_forgotten():
    assert {path.stem for path in GOLDEN.glob("*.txt")} == {*PULLS}


@pytest.mark.parametrize("name", PULLS)
def test_a_pipe_is_as_wide_as_it_takes_and_says_the_same(name, tmp_path):
    old, new = folders(name, tmp_path)
    done = run("diff", str(old), str(new))
    assert done.stdout.split() == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8").split()


@pytest.mark.parametrize("name", ["grouped-queries", "renamed-block", "new-variant", "budget", "reordered-branches"])
def test_machines_are_told_the_same(name, tmp_path):
    old, new = folders(name, tmp_path)
    document = json.loads(run("diff", str(old), str(new), "--format", "json").stdout)
    if name == "grouped-queries":
        (changed,) = document["changed"]
        assert changed["changes"] == [{"key": "kv_heads", "before": None, "after": "4"}]
        assert (changed["after"]["count"], document["unchanged"]) == (12, 18)
        assert [one["head"] for one in document["variants"]] == ["bert@large"]
    elif name == "renamed-block":
        assert {"before": "layer3", "after": "stage3", "layers": 16} in document["renamed"]
        assert document["checkpoint_keys"] == {"before": 122, "renamed": 114, "reshaped": 0, "gone": 0, "new": 0}
    elif name == "new-variant":
        assert document["settings"] == [
            {"key": "variants", "name": "nano", "before": None, "after": "width=192 heads=6 depth=6"}
        ]
        large, nano = (one for one in document["variants"] if one["head"] in ("gpt2@large", "gpt2@nano"))
        assert {"key": "hparams", "name": "depth", "before": "36", "after": "40"} in large["settings"]
        assert nano["base"] == "nothing"
    elif name == "budget":
        assert document["over_budget"] == ["params 50K"]
        assert {"key": "budget", "name": "params", "before": None, "after": "50000"} in document["settings"]
    else:
        assert {one["changes"][0]["key"] for one in document["changed"]} == {"order"}
        assert (document["moved"], document["added"], document["removed"]) == ([], [], [])


def test_a_pull_request_in_markdown(tmp_path):
    old, new = folders("dropout", tmp_path)
    done = run("diff", str(old), str(new), "--format", "markdown").stdout
    assert done.count("<details>") == done.count("</details>") == 1
    assert "\n  + dropout 0.1  ×57, conv1.dropout to inception5b.unit6.dropout\n" in done
