"""What surrounds a run: encodings, closed streams, pipes as files, a folder that is gone, settings of all kinds."""

from __future__ import annotations

import contextlib
import functools
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from archcalc.diagnostics import Source
from archcalc.memory.footprint import footprint
from archcalc.network.load import build_graph
from tests.conftest import ROOT
from tests.program import run, start
from tests.runs import run_of

SPEC = str(ROOT / "specs" / "alexnet.yaml")
VGG = str(ROOT / "specs" / "vgg16.yaml@bn")


def shell(line: str, folder=ROOT, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line of bash in which `archcalc` is the program."""
    line = line.replace("archcalc", f"{sys.executable} -m archcalc", 1)
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(["bash", "-c", line], capture_output=True, cwd=folder, env=variables, check=False)


@functools.cache
def said(line: str, encoding: str) -> subprocess.CompletedProcess[str]:
    return run(*shlex.split(line), env={"PYTHONIOENCODING": encoding})


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "koi8-r", "utf-16"])
@pytest.mark.parametrize("line", [f"shapes {SPEC}", f"memory {SPEC} --mode training", f"lint {VGG}", "rule PRM301",
                                  'explain "conv 2 kernel=3" --input 3x8x8', "shapes nothing.yaml"])  # fmt: skip
def test_every_encoding_can_say_it(encoding, line):
    done, plain = said(line, encoding), said(line, "utf-8")
    assert done.stdout or done.stderr
    assert done.returncode == plain.returncode
    assert done.stdout.count("\n") == plain.stdout.count("\n")


def test_signs_that_an_encoding_lacks_are_plain_ones():
    out = shell(f"archcalc shapes {SPEC}", PYTHONIOENCODING="ascii").stdout.decode("ascii")
    assert "input 3x224x224, batch 1" in out
    assert "FLOPs = 2 x MACs" in out


@pytest.mark.parametrize(("line", "status"), [
    ("archcalc shapes SPEC >&-", 0), ("archcalc shapes nothing.yaml 2>&-", 2), ("archcalc nothing 2>&- >&-", 2),
    ("archcalc lint - <&-", 2), ("archcalc shapes - <&-", 2), ("archcalc shapes - < SPEC", 0),
    ("archcalc lint <(cat SPEC)", 0), ("archcalc shapes <(cat SPEC)", 0), ("cat SPEC | archcalc lint /dev/stdin", 0),
])  # fmt: skip
def test_streams(line, status):
    run = shell(line.replace("SPEC", SPEC))
    assert b"Traceback" not in run.stderr
    assert run.returncode == status
    assert b"the file is empty" not in run.stdout


@pytest.mark.parametrize("command", ["shapes", "lint", "memory", "build", "lint --format github", "diff SPEC"])
def test_a_folder_that_is_gone(command, tmp_path):
    (tmp_path / "gone").mkdir()
    line = f"rmdir $PWD && archcalc {command} SPEC".replace("SPEC", SPEC)
    run = shell(line, tmp_path / "gone")
    assert (run.returncode, run.stderr) == (0, b"")
    assert run.stdout


@pytest.mark.skipif(sys.version_info < (3, 11), reason="settings in a file need Python 3.11")
@pytest.mark.parametrize(("name", "text"), [
    ("pyproject.toml", 'tool = "x"  # tool.archcalc'), ("pyproject.toml", "[tool]\narchcalc = 3"),
    ("archcalc.toml", "[" * 3000), ("archcalc.toml", "x = " + "[" * 3000), ("archcalc.toml", "x = " + "9" * 5000),
    ("archcalc.toml", "\ufeffjobs = 1"), ("archcalc.toml", "severity = 5"), ("archcalc.toml", "[lint]\nseverity = 5"),
    ("archcalc.toml", "lint = 3"), ("archcalc.toml", "[[lint]]\njobs = 1"), ("archcalc.toml", "[lint.x]\njobs = 1"),
    ("archcalc.toml", "[lnt]\njobs = 1"), ("archcalc.toml", "budgets = []"), ("archcalc.toml", "jobs = 1979-05-27"),
])  # fmt: skip
def test_settings_that_are_none(name, text, tmp_path):
    (tmp_path / name).write_text(text, encoding="utf-8")
    done = run("lint", SPEC, cwd=tmp_path)
    accepted = text.startswith(("\ufeff", "tool"))
    assert done.returncode == (0 if accepted else 2), done.stderr
    if not accepted:
        assert str(tmp_path / name) in done.stderr
    assert "did you mean `severity`" not in done.stderr


@pytest.mark.parametrize("command", ["shapes --expand", "shapes --expand --format csv", "build --format state-dict"])
def test_lists_of_every_copy_have_an_end(command, tmp_path):
    (tmp_path / "spec.yaml").write_text("model: m\ninput: [3]\nlayers: [{repeat: 1000000000, layers: [linear 3]}]\n")
    done = run(*command.split(), "spec.yaml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "spec.yaml: m has 1,000,000,000 layers with every copy, and --" in done.stderr
    assert run("build", "spec.yaml", cwd=tmp_path).stdout.count("\n") < 60


def test_memory_of_nested_repeats_is_drawn_with_a_bounded_number_of_moments():
    layers = "[linear 3]"
    for _ in range(7):
        layers = f"[{{repeat: 1000, layers: {layers}}}]"
    graph = build_graph(Source("t.yaml", f"model: m\ninput: [3]\nlayers: {layers}\n"))
    assert len(footprint(graph, run_of("train")).samples()) < 30_000


@pytest.mark.skipif(sys.platform != "linux", reason="finds processes as Linux shows them")
@pytest.mark.parametrize(
    ("end", "status"), [("terminated", -signal.SIGTERM), ("nobody reads", -signal.SIGTERM), ("pipe closed", 0)]
)
def test_a_stopped_run_leaves_no_process_behind(tmp_path, end, status):
    marker = f"{tmp_path.name}-{os.getpid()}.yaml"
    path = tmp_path / marker
    path.write_text("model: m\nhparams: {k: 1}\ninput: [4]\nlayers: [linear k]\n")
    line = ["sweep", str(path), "--set", "k=1..40000", "--jobs", "2", "--format", "jsonl"]
    command = [sys.executable, "-m", "archcalc", *line]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}) as run:
        assert run.stdout is not None
        assert run.stdout.read(1)  # it is at work
        assert len(running(marker)) == 3
        if end == "pipe closed":
            run.stdout.close()
        else:
            time.sleep(end == "nobody reads")  # a row waits to be written
            run.terminate()
        assert run.wait() == status
    for _ in range(100):  # a process that was told to end takes a moment
        if running(marker):
            time.sleep(0.1)
    assert running(marker) == []


def running(marker: str) -> list[int]:
    """The processes whose command line holds `marker`."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if marker.encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found


def test_a_program_keeps_its_own_way_to_end():
    """From Python a handler of SIGTERM stays, and the default one is back when the work is done."""
    code = (
        "import signal\nfrom archcalc.workers import each\n"
        "list(each(abs, range(-9, 0), 2))\n"
        "assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL\n"
        "own = lambda *_: None\nsignal.signal(signal.SIGTERM, own)\n"
        "found = each(abs, range(-9, 0), 2)\nassert signal.getsignal(signal.SIGTERM) is own\n"
        "assert list(found) == [9, 8, 7, 6, 5, 4, 3, 2, 1]\nassert signal.getsignal(signal.SIGTERM) is own"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=ROOT, check=False)
    assert (run.returncode, run.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("env", "colored"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "0"}, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ({"FORCE_COLOR": "3", "TERM": "dumb"}, True),
    ],
)
def test_colour_in_a_pipe(env, colored):
    assert ("\x1b[" in run("shapes", "specs/net.yaml", env=env).stdout) == colored
    assert "\x1b[" not in run("shapes", "specs/net.yaml", "--format", "json", env=env).stdout


def test_greek_letters_are_spelled_where_there_are_none():
    out = start("explain", "lstm 2", "--input", "3x2", env={"PYTHONIOENCODING": "ascii"}).stdout
    assert "\\u" not in out
