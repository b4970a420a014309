"""The program as its user runs it: a process of its own, with its own output, environment and folder.

To start Python for each, and read the program and PyTorch, takes longer than what most tests run. So
one process reads them once, and one is forked off it for each run: `python -m tests.program` is that process.
"""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import io
import json
import os
import pkgutil
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any
from unittest import mock

ROOT = Path(__file__).parent.parent
_STREAMS = ("stdin", "stdout", "stderr")
Done = subprocess.CompletedProcess[str]

# Not that of the test that starts the process: its imports leave files in the home, which a test may look at.
_AT_FIRST = dict(os.environ)


def run(
    *arguments: str, stdin: str = "", env: Mapping[str, str] | None = None, cwd: str | os.PathLike[str] = ROOT
) -> Done:
    """Exit status, stdout and stderr of `archcalc` with these arguments.

    Variables of `env` come on top of those there are, but for the width of the terminal. Those that
    Python itself reads as it starts are for `start`, but for the encoding of the streams.
    """
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in _STREAMS]
        environment = _environment(env)
        encoding, _ = _encoding(environment)
        for file, text in zip(files, (stdin, "", "")):
            file.write_text(text, encoding=encoding)
        server = _server()
        request = {
            "arguments": arguments, "files": [*map(str, files)], "environment": environment, "folder": str(cwd)
        }  # fmt: skip
        print(json.dumps(request), file=server.stdin, flush=True)
        status = int(server.stdout.readline())
        out, err = (file.read_text(encoding=encoding) for file in files[1:])
    assert "Traceback" not in err, err
    return subprocess.CompletedProcess(["archcalc", *arguments], status, out, err)


def start(
    *arguments: str, stdin: str = "", env: Mapping[str, str] | None = None, cwd: str | os.PathLike[str] = ROOT
) -> Done:
    """The same with a Python that is started for it: for what is about that start."""
    done = subprocess.run(
        [sys.executable, "-m", "archcalc", *arguments],
        input=stdin, capture_output=True, text=True, cwd=cwd, check=False,
        env=_environment({"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", **(env or {})}),
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done


def inside(*arguments: str, env: Mapping[str, str] | None = None) -> Done:
    """The same inside this process, in a fifth of the time: for what is not about a process, and leaves nothing behind."""
    from archcalc.cli import main

    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    status = 0
    with (
        mock.patch.object(sys, "argv", ["archcalc", *arguments]), mock.patch.object(sys, "stdin", io.StringIO()),
        mock.patch.dict(os.environ, _environment(env), clear=True), redirect_stdout(out), redirect_stderr(err),
    ):  # fmt: skip
        try:
            main()
        except SystemExit as end:
            status = int(end.code or 0)
    printed, complained = (_written(stream) for stream in (out, err))
    return subprocess.CompletedProcess(["archcalc", *arguments], status, printed, complained)


def _written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    stream.buffer.seek(0)
    return stream.buffer.read().decode("utf-8")


def here(*arguments: str) -> tuple[int, str]:
    """Its status, and all it wrote."""
    done = inside(*arguments)
    return done.returncode, done.stdout + done.stderr


def _environment(further: Mapping[str, str] | None) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "FORCE_COLOR")} | dict(
        further or {}
    )


def _encoding(environment: Mapping[str, str]) -> tuple[str, str]:
    """The encoding of the streams, and what is done with a sign that it lacks, as Python reads them from a variable."""
    encoding, _, errors = environment.get("PYTHONIOENCODING", "").partition(":")
    return encoding or "utf-8", errors or "strict"


@functools.cache
def _server() -> Any:
    """The process that others are forked off; it ends with this one."""
    command = [sys.executable, "-m", "tests.program"]
    server = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True, env=_AT_FIRST
    )

    def end() -> None:
        server.communicate()

    atexit.register(end)
    return server


def _serve() -> None:
    """Fork a process for each line of standard input, and write its exit status."""
    before = dict(os.environ)
    import archcalc
    from archcalc.__main__ import main

    with suppress(ModuleNotFoundError):  # without PyTorch the rest is served all the same
        import torch._dynamo  # noqa: F401  # what `meta` tensors and exports read as they are first used
        import torchinfo  # noqa: F401
    with suppress(ModuleNotFoundError):
        import matplotlib.backends.backend_svg
        import matplotlib.figure  # noqa: F401
    for module in pkgutil.walk_packages(archcalc.__path__, "archcalc."):
        with suppress(Exception):  # one that cannot be read fails where it is run, and says why there
            importlib.import_module(module.name)
    gc.freeze()
    set_by_program = {name: value for name, value in os.environ.items() if before.get(name) != value}
    for line in iter(sys.stdin.readline, ""):
        request = json.loads(line)
        child = os.fork()
        if not child:
            request["environment"] |= set_by_program
            _become(request)
            status = 1
            try:
                main()
            except SystemExit as end:
                status = int(end.code or 0)
            except BaseException:
                traceback.print_exc()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)  # not by the end of Python, which takes PyTorch apart for a second
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _become(request: dict[str, Any]) -> None:
    """Make this process the one that was asked for."""
    encoding, errors = _encoding(request["environment"])
    for number, (name, path) in enumerate(zip(_STREAMS, request["files"])):
        stream = open(path, encoding=encoding, mode="w" if number else "r")  # noqa: SIM115
        os.dup2(stream.fileno(), number)
        wrong = "backslashreplace" if name == "stderr" else errors
        setattr(sys, name, open(number, stream.mode, encoding=encoding, errors=wrong, closefd=False))  # noqa: SIM115
        stream.close()
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    tempfile.tempdir = None  # found anew, in this environment
    sys.argv = ["archcalc", *request["arguments"]]


if __name__ == "__main__":
    _serve()
