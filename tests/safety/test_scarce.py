"""A system that gives little: few descriptors, little memory, full disks, processes that it ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from archcalc.diagnostics import RequestError
from archcalc.workers import each

from .conftest import SPEC

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="such limits are set as on Linux")
WIDE = SPEC.replace("input:", "hparams: {w: 3}\ninput:").replace("linear 3", "linear w")
# Every command that reads or writes more than its own program, with a file it writes.
COMMANDS = [
    "shapes net.yaml", "shapes net.yaml --symbolic", "lint .", "lint . --output json=out.svg", "lint net.yaml --fix", "lint . --base HEAD",
    "memory net.yaml -o out.svg", "predict net.yaml --device h100", "diff other.yaml net.yaml", "diff HEAD:net.yaml net.yaml",
    "sweep net.yaml --set w=1..300 --jobs 2", "fit net.yaml --vary w --max params=1K", "build net.yaml --force -o out.svg",
    "explain net.yaml first", "sweep net.yaml --set w=1,2 --plot macs,params -o out.svg",
]  # fmt: skip
if find_spec("matplotlib") is None:
    COMMANDS.pop()


@pytest.fixture
def folder(clone: Path) -> Path:
    (clone / ".git").rmdir()
    (clone / "net.yaml").write_text(WIDE, "utf-8")
    (clone / "other.yaml").write_text(WIDE.replace("w: 3", "w: 4"), "utf-8")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *words], cwd=clone, check=True, capture_output=True)
    (clone / "out.svg").write_text("as it was", "utf-8")
    return clone


def bash(script: str, words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The program as `script` starts it, with `"$@"` for its command line.

    What is installed beside it may run code when Python starts, which is not ours: it is left out.
    """
    command = ["bash", "-c", script, "bash", sys.executable, "-S", "-m", "archcalc", *words.split()]
    given = {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"}
    environment = {**os.environ, **given, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("most", [4, 8, 20])
def test_few_descriptors(folder: Path, most: int) -> None:
    """Three are the streams; what starts processes takes the most."""
    for words in COMMANDS if most == 4 else [one for one in COMMANDS if "HEAD" in one or "--jobs" in one]:
        done = bash(f'ulimit -n {most}; exec "$@"', words, folder)
        assert done.returncode in (0, 1) or "too many open files" in done.stderr, (words, done.stderr)
        assert "Traceback" not in done.stderr, words
        assert done.returncode != 2 or (folder / "out.svg").read_text("utf-8") == "as it was"
        assert (folder / "net.yaml").read_text("utf-8") == WIDE
        (folder / "out.svg").write_text("as it was", "utf-8")
        assert most < 20 or done.returncode == 0, (words, done.stderr)


@pytest.mark.parametrize("words", COMMANDS)
def test_a_full_disk(folder: Path, words: str) -> None:
    """Nothing can be written anywhere, temporary files included."""
    before = sorted(os.listdir(folder))
    done = bash('ulimit -f 0; exec "$@"', words, folder)
    assert "Traceback" not in done.stderr
    writes, copies = "-o " in words or "--output" in words, "HEAD" in words
    assert done.returncode == 2 if writes or copies else done.returncode in (0, 1), done.stderr
    assert not writes or "cannot write 'out.svg': file too large" in done.stderr
    assert not copies or "cannot create a temporary folder for a copy of 'HEAD'" in done.stderr
    assert sorted(os.listdir(folder)) == before
    assert (folder / "out.svg").read_text("utf-8") == "as it was"


@pytest.mark.parametrize("words", ["shapes net.yaml", "lint .", "schema", "rule", "diff HEAD:net.yaml net.yaml"])
def test_an_output_that_takes_nothing(folder: Path, words: str) -> None:
    done = bash('exec "$@" > /dev/full', words, folder)
    assert "Traceback" not in done.stderr
    assert done.stderr.endswith("archcalc: cannot write the output: no space left on device\n")
    assert done.returncode == 2


@pytest.mark.parametrize("words", ["shapes none.yaml", "shapes --nothing", "import net.yaml", "watch none.yaml"])
def test_a_message_that_cannot_be_written(folder: Path, words: str) -> None:
    """The exit status says it alone."""
    done = bash('exec "$@" 2> /dev/full', words, folder)
    assert (done.returncode, done.stdout) == (2, "")


_NONE_LEFT = """
import os, resource, sys
import archcalc.commands.diff, archcalc.configuration
from archcalc.__main__ import main
taken = os.open(os.devnull, os.O_RDONLY)
resource.setrlimit(resource.RLIMIT_NOFILE, (taken + 1, taken + 1))
main()
"""


def test_no_descriptor_is_left(folder: Path) -> None:
    """Whoever started the program left others open: even what names a module cannot be read."""
    done = subprocess.run(
        [sys.executable, "-c", _NONE_LEFT, "diff", "HEAD:net.yaml", "net.yaml"],
        cwd=folder, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"archcalc: cannot open '.*': too many open files\n", done.stderr), done.stderr


_LITTLE = """
import resource, sys
from archcalc.__main__ import main
import archcalc.commands.{0}, archcalc.configuration, archcalc.reports.diagnostics
with open("/proc/self/statm") as file:
    mapped = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (mapped + 2**20, mapped + 2**20))
main()
"""


@pytest.mark.parametrize("command", ["shapes", "lint", "memory", "build"])
def test_little_memory(clone: Path, command: str) -> None:
    layers = "".join(f"  - linear {number % 7 + 2}\n" for number in range(5000))
    (clone / "large.yaml").write_text(f"model: m\ninput: [4]\nlayers:\n{layers}", "utf-8")
    done = subprocess.run(
        [sys.executable, "-c", _LITTLE.format(command), command, "large.yaml"],
        cwd=clone, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "archcalc: out of memory\n")


def test_an_exception_that_had_no_memory() -> None:
    """Python tells of it in words of its own; any other error of Python's is not hidden."""
    code = "import archcalc.cli\nfrom archcalc.__main__ import main\ndef run(): raise SystemError({!r})\narchcalc.cli.main = run\nmain()"
    lost = "<method 'append' of 'list' objects> returned NULL without setting an exception"
    for said, shown in ((lost, "archcalc: out of memory\n"), ("bad argument", "SystemError: bad argument\n")):
        done = subprocess.run([sys.executable, "-c", code.format(said)], capture_output=True, text=True, check=False)
        assert done.stderr.endswith(shown)
        assert ("Traceback" in done.stderr) == (said != lost)


@pytest.mark.skipif(find_spec("torch") is None, reason="without PyTorch it is not loaded")
@pytest.mark.parametrize("words", ["verify net.yaml", "profile net.yaml", "calibrate"])
def test_too_little_memory_for_pytorch(clone: Path, words: str) -> None:
    done = bash('ulimit -v 500000; exec "$@"', words, clone)
    assert (done.returncode, done.stdout) == (2, "")
    said = rf"archcalc: {words.split()[0]} needs 1,024 MiB of memory to load PyTorch, and this process may map 4\d\d MiB more: raise the limit, see ulimit -v\n"
    assert re.fullmatch(said, done.stderr)


def ended(number: int) -> int:
    if number == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def waiting(number: int) -> int:
    time.sleep(0.001 * (number % 3))
    if number == 50:
        raise KeyError(number)
    return number


def test_a_process_that_is_ended_is_told() -> None:
    with pytest.raises(RequestError, match="was killed from outside"):
        list(each(ended, range(1000), 2))


_ABANDONED = """\
import multiprocessing, time
from archcalc.workers import each
rest = each(time.sleep, [60] * 3, 2)
print(*(one.pid for one in multiprocessing.active_children()), flush=True)
next(rest)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGHUP])
def test_workers_end_with_a_process_that_cannot_tell_them(how: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", _ABANDONED], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        workers = [Path("/proc", number) for number in parent.stdout.readline().split()]
        assert len(workers) == 2
        assert all(one.exists() for one in workers)
        parent.send_signal(how)
    end = time.monotonic() + 30
    while any(is_running(one) for one in workers):  # far less than the minute that each sleeps
        assert time.monotonic() < end
        time.sleep(0.02)


def is_running(process: Path) -> bool:
    try:
        return " Z " not in (process / "stat").read_text()
    except OSError:
        return False


def deep(number: int) -> list[object]:
    found: list[object] = []
    for _ in range(5000 if number == 5 else 1):
        found = [found]
    return found


def test_what_is_nested_too_deeply_to_be_sent_is_worked_out_here(capfd: pytest.CaptureFixture[str]) -> None:
    found = list(each(deep, range(20), 2, 4))
    assert [bool(one and one[0]) for one in found] == [number == 5 for number in range(20)]
    assert capfd.readouterr().err == ""


def test_results_come_in_order_up_to_an_error() -> None:
    assert list(each(waiting, range(50), 3, 4)) == list(range(50))
    found = each(waiting, range(100), 3, 4)
    assert [next(found) for _ in range(48)] == list(range(48))
    with pytest.raises(KeyError, match="50"):
        list(found)
