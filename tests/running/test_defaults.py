"""The table of defaults, without a device, on GPUs and on a CPU, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from archcalc.devices import find
from archcalc.diagnostics import RequestError
from archcalc.running import Running
from archcalc.running.defaults import settled


@pytest.mark.parametrize(
    ("device", "mode", "line"),
    [
        ("", "train", "train, batch 1, fp32, adamw, auto attention, 2 threads"),
        ("", "inference", "inference, batch 1, fp32, auto attention, 2 threads"),
        ("", "generate", "generate, batch 1, fp32, auto attention, 2 threads"),
        ("rtx4090", "train", "train, batch 1, autocast bf16, adamw, auto attention, on rtx4090"),
        ("rtx4090", "inference", "inference, batch 1, bf16, auto attention, on rtx4090"),
        ("v100", "train", "train, batch 1, autocast fp16, adamw, auto attention, on v100"),
        ("v100", "generate", "generate, batch 1, fp16, auto attention, on v100"),
    ],
)
def test_the_table(device: str, mode: str, line: str) -> None:
    run = settled(Running(device=device or None), mode)
    assert str(run) == line
    assert set(run.assumed) == set(run.said) - {"device"}
    assert Running.parse(line) == run


def test_a_cpu_has_its_threads() -> None:
    chip = replace(find("h100"), name="cpu", kind="cpu", processors=7, peaks={"bf16": 1e9, "fp32": 1e9})
    assert str(settled(Running(), "train", chip)) == "train, batch 1, fp32, adamw, auto attention, 7 threads, on cpu"


def test_a_device_that_was_measured_in_one_type() -> None:
    chip = replace(find("h100"), peaks={"fp32": 1e9}, calibration={"dtype": "fp32"})
    assert settled(Running(), "train", chip).precision == "fp32"


def test_defaults_that_are_said_are_no_news() -> None:
    said = Running(accumulate=1, execution="eager", memory_format="contiguous", new_tokens=1)
    assert settled(said, "train") == settled(Running(), "train")


def test_options_come_before_the_spec() -> None:
    run = settled(Running(batch=8), "train", None, [Running(batch=2, optimizer="sgd")])
    assert (run.batch, run.optimizer) == (8, "sgd")
    assert "optimizer" not in run.assumed


@pytest.mark.parametrize(
    ("said", "mode", "message"),
    [
        ({"precision": "bf16", "device": "t4"}, "train", "NVIDIA T4 16 GB has no bf16: it computes in"),
        ({"precision": "autocast-bf16"}, "generate", "generate in bf16"),
        ({"attention": "efficient"}, "train", "a GPU kernel"),
        (
            {"attention": "flash", "precision": "fp32", "device": "a100"},
            "train",
            "flash attention does not support fp32",
        ),
        ({"length": 4, "new_tokens": 4}, "generate", "for a prompt"),
        ({"threads": 4, "device": "a100"}, "train", "threads apply to CPUs"),
        ({"device": "h1000"}, "train", "did you mean `h100`"),
    ],
)
def test_what_does_not_go_together(said: dict[str, object], mode: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        settled(Running(**said), mode)
