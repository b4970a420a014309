"""`archcalc predict`: what it prints, and what it refuses."""

from __future__ import annotations

import json

import pytest

from tests.commands.test_shapes import run


def answer(*arguments: str) -> dict:
    return json.loads(run("predict", *arguments, "--format", "json").stdout)


def test_the_total_is_the_sum_of_its_layers():
    found = answer("specs/alexnet.yaml", "--device", "a100")
    assert found["version"] == 1
    assert found["seconds"] > 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--device", "v100", "--dtype", "bf16"], "has no bf16"),
        (["--device", "h1000"], "did you mean `h100`"),
        (["--device", "./none.json"], "No such file"),
    ],
)
def test_refusals(arguments, says):
    done = run("predict", "specs/gpt2.yaml", *arguments)
    assert done.returncode == 2
    assert says in done.stderr


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_widths(columns):
    done = run("predict", "specs/gpt2.yaml", "--device", "h100", env={"COLUMNS": str(columns)})
    assert done.returncode == 0
    assert "gpt2 on NVIDIA H100" in done.stdout


def test_a_larger_batch_takes_longer():
    one, four = (answer("specs/gpt2.yaml", "--device", "a100", "--batch", batch)["seconds"] for batch in ("1", "4"))
    assert one < four < 5 * one


def test_formats():
    for format in ("csv", "markdown"):
        assert run("predict", "specs/lenet.yaml", "--device", "a40", "--format", format).stdout.count("\n") > 5
