"""Runs a case in a process of its own, with an end to its time and memory, and looks at what came out."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import traceback
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT
from tests.fuzz.case import Case

SECONDS, BYTES = 5, 2**30
# What a process has mapped before it reads a file is not the case's.
_CRASH = 99
_CONTROL = {chr(code) for code in (*range(32), 127) if chr(code) not in "\n\t"} - {"\r"}


@dataclass
class Met:
    """How the program met a case: its exit status, and what is wrong, in a line that is equal for equal faults."""

    status: int | None = None
    wrong: str | None = None


def meet(case: Case) -> Met:
    """Run the case. The program may refuse anything, but in a message: no traceback, within `SECONDS` of processor time and `BYTES`."""
    folder = Path(tempfile.mkdtemp())
    try:
        case.write(folder)
        if any("include" in text for text in case.files.values()):
            shutil.copytree(ROOT / "specs" / "blocks", folder / "blocks", dirs_exist_ok=True)
        return _looked_at(case, folder)
    except OSError as error:
        if error.filename is None:
            raise
        return Met()  # no file can have such a name here
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _looked_at(case: Case, folder: Path) -> Met:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            _run(case, folder, out.fileno(), err.fileno())
        _, state = os.waitpid(child, 0)
        out.seek(0)
        err.seek(0)
        printed, said = (stream.read().decode("utf-8", "replace") for stream in (out, err))
    if os.WIFSIGNALED(state):
        number = os.WTERMSIG(state)
        return Met(wrong=f"over {SECONDS} s" if number == signal.SIGXCPU else f"ended by {signal.Signals(number).name}")
    status = os.WEXITSTATUS(state)
    return Met(status, _wrong(case, status, printed, said))


def _wrong(case: Case, status: int, printed: str, said: str) -> str | None:
    if status == _CRASH or "Traceback (most recent call last)" in said:
        lines = [line for line in said.splitlines() if line.strip()]
        place = next((line.strip() for line in reversed(lines) if line.lstrip().startswith('File "')), "")
        return f"{lines[-1].partition(':')[0]} at {place.rpartition('/')[2]}"
    if status not in (0, 1, 2):
        return f"status {status}"
    if status == 2 and not said:
        return "status 2 without a word"
    shown = printed + said
    if "always" in case.words:  # asked to be coloured
        shown = re.sub(r"\x1b\[[0-9;]*m|\x1b\]8;[^\x1b]*\x1b\\\\", "", shown)
    if controls := _CONTROL & set(shown):
        return f"prints U+{ord(min(controls)):04X}"
    return _parsed(case, status, printed)


def _parsed(case: Case, status: int, printed: str) -> str | None:
    """What is meant for machines can be read by them."""
    words = case.words
    try:
        if status == 0 and words[0] == "build" and not {"-o", "--output", "state-dict", "--help"} & set(words):
            ast.parse(printed)
        if printed and "json" in words and words[words.index("json") - 1] == "--format":
            json.loads(printed)
    except (SyntaxError, ValueError) as error:
        return f"{type(error).__name__} in what {words[0]} prints"
    return None


def _run(case: Case, folder: Path, out: int, err: int) -> None:
    """The child: the program as it starts, with bounds. Does not return."""
    status = _CRASH
    try:
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.stdin, sys.stdout, sys.stderr = (
            open(number, mode, encoding="utf-8", errors=errors, closefd=False)  # noqa: SIM115
            for number, mode, errors in ((0, "r", None), (1, "w", "strict"), (2, "w", "backslashreplace"))
        )
        os.chdir(folder)
        os.environ.pop("GITHUB_STEP_SUMMARY", None)
        with open("/proc/self/statm") as file:
            mapped = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (mapped + BYTES, mapped + BYTES))
        used = int(sum(resource.getrusage(resource.RUSAGE_SELF)[:2]))
        resource.setrlimit(resource.RLIMIT_CPU, (used + SECONDS + 1, used + SECONDS + 3))
        sys.argv = ["archcalc", *case.words]
        from archcalc.cli import main

        main()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)
