"""What ever failed is met, a few fresh cases are, and the fuzzing itself can fail."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.conftest import ROOT
from tests.fuzz.case import Case, drawn, read
from tests.fuzz.repository import Commit
from tests.outcome import TIMES

# Each case is a fork of a process that has only read the program, with no thread and no PyTorch in it.
_FUZZ = [sys.executable, "-m", "tests.fuzz"]


def fuzz(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*_FUZZ, *words], capture_output=True, text=True, cwd=ROOT, check=False)


def test_cases():
    run = fuzz("--cases", str(20 * TIMES), "--first", "1")
    assert (run.returncode, run.stderr) == (0, ""), run.stdout
    assert "nothing failed" in run.stdout


def test_what_was_kept():
    run = fuzz("--kept")
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


# Each is met as the program would be, by a process that has read it once.
_FAULTS = """
import json, os, sys
import archcalc.cli
from tests.fuzz import run
from tests.fuzz.case import Case
run.SECONDS = 1
for program in json.load(sys.stdin):
    def main():
        exec(program)
    archcalc.cli.main = main
    print(json.dumps(run.meet(Case({'net.yaml': 'model: m'}, ['build'])).wrong), flush=True)
"""


def test_every_fault_is_seen():
    faults = {
        "raise KeyError(3)": "KeyError at", "while True: pass": "over 1 s", "print('\\x1b[2J')": "prints U+001B",
        "sys.exit(7)": "status 7", "sys.exit(2)": "status 2 without a word", "bytearray(2**33)": "MemoryError at",
        "os.kill(os.getpid(), 11)": "ended by SIGSEGV", "print('x = (')": "SyntaxError in what build prints",
        "open('x.yaml', 'w')": "build leaves a file behind", "open('net.yaml', 'w')": "build changes a file",
    }  # fmt: skip
    command = [sys.executable, "-c", _FAULTS]
    run = subprocess.run(command, input=json.dumps([*faults]), capture_output=True, text=True, cwd=ROOT, check=True)
    found = [json.loads(line) for line in run.stdout.splitlines()]
    assert len(found) == len(faults)
    for wrong, (program, expected) in zip(found, faults.items()):
        assert (wrong or "").startswith(expected), program


def test_what_pytorch_runs_is_small(monkeypatch):
    """Also what is typed: a published U-Net takes it far more than five seconds."""
    asked = []
    monkeypatch.setattr("tests.fuzz.case.arguments", lambda *_: ["profile", "-", "spec.yaml"])
    monkeypatch.setattr("tests.fuzz.case.spec", lambda choices, seed, small, *_: str(asked.append(small)))
    for seed in range(20):
        drawn(seed)
    assert len(asked) >= 20
    assert all(asked)


def test_a_case_is_that_of_its_seed():
    assert drawn(8) == drawn(8)
    commit = Commit([["a", "100644", "\udcff"]], ["a"])
    case = Case({"a": "\udcff"}, ["lint"], "why", "-", {"b": "a"}, commit)
    assert read(case.json()) == case
