"""Code of a named module that runs on and on is ended, in a sentence with its place."""

from __future__ import annotations

import signal

import pytest

pytest.importorskip("torch")

from archcalc.diagnostics import RequestError
from archcalc.pytorch.capture import bound, record
from archcalc.pytorch.capture.reading import read

CODE = """\
import torch
from torch import nn


class Wide(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(10**10**10, 4)


class Turns(nn.Module):
    def forward(self, x):
        while True:
            try:
                x.shape
            except Exception:
                pass


class Calls(nn.Module):
    def forward(self, x):
        while True:
            x = x + 1


def endless():
    while True:
        pass


class Mute(Exception):
    def __str__(self):
        raise self


class Beyond(BaseException):
    pass


class Raises(nn.Module):
    def __init__(self, what):
        super().__init__()
        self.what = {"mute": Mute, "beyond": Beyond}[what]

    def forward(self, x):
        raise self.what
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "slow.py").write_text(CODE, "utf-8")
    (tmp_path / "start.py").write_text("while True:\n    pass\n", "utf-8")
    monkeypatch.setattr(bound, "SECONDS", 0.1)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("slow.py:Wide", r"'slow.py:Wide' cannot be built: it is not done after 0.1 s of processor time \(slow.py:8\)"),
        ("slow.py:endless", r"cannot be built: it is not done after .* \(slow.py:2[678]\)"),
        ("slow.py:Turns", r"cannot be run: it is not done after .* \(slow.py:1[2-6]\)"),
        ("start.py:Net", r"cannot be built: it is not done after .* \(start.py:[12]\)"),
    ],
)
def test_time(file, name, says):
    before = signal.getsignal(signal.SIGVTALRM)
    with pytest.raises(RequestError, match=says):
        read(name, ["4"])
    assert signal.getsignal(signal.SIGVTALRM) == before
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)


def test_calls(file, monkeypatch):
    monkeypatch.setattr(bound, "SECONDS", 60)
    monkeypatch.setattr(record, "CALLS", 20)
    with pytest.raises(RequestError, match=r"cannot be run: it calls PyTorch more than 20 times \(slow.py:23\)"):
        read("slow.py:Calls", ["4"])


def test_errors_without_a_text_and_past_every_except(file):
    for what, kind in (("mute", "Mute"), ("beyond", "Beyond")):
        with pytest.raises(RequestError, match=rf"'raises' cannot be run: {kind} \(slow.py:\d+\)"):
            read("slow.py:Raises", ["4"], {"what": what})
