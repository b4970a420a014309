"""What the tests of the linter share: a folder to work in, and the program run in this process."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from archcalc.cli import group
from archcalc.diagnostics import RequestError

BIASED = """\
model: biased
input: [3, 32, 32]
layers:
  - conv 64 kernel=3  # keep this
  - batchnorm
  - relu
"""
CLEAN = BIASED.replace("kernel=3", "kernel=3 bias=false")


@dataclass
class Done:
    status: int
    out: str
    err: str


class _Stdin(io.TextIOWrapper):
    def __init__(self, text: str) -> None:
        super().__init__(io.BytesIO(text.encode()), encoding="utf-8")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty working directory, without the variables of a CI system or of the user."""
    for name in os.environ:
        if name.startswith(("ARCHCALC_", "GITHUB_", "CI_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def archcalc(capsys, monkeypatch) -> Callable[..., Done]:
    def run(*arguments: str, stdin: str | None = None) -> Done:
        if stdin is not None:
            monkeypatch.setattr(sys, "stdin", _Stdin(stdin))
        capsys.readouterr()
        try:
            status = group.main(list(arguments), prog_name="archcalc", standalone_mode=False)
        except RequestError as error:
            print(f"archcalc: {error}", file=sys.stderr)
            status = 2
        except Exception as error:
            if not hasattr(error, "exit_code"):
                raise
            print(f"{type(error).__name__}: {error.format_message()}", file=sys.stderr)
            status = error.exit_code
        told = capsys.readouterr()
        return Done(status or 0, told.out, told.err)

    return run


@pytest.fixture
def lint(archcalc) -> Callable[..., Done]:
    return lambda *arguments, **more: archcalc("lint", *arguments, **more)


@pytest.fixture
def write(folder) -> Callable[..., str]:
    """`write("a.yaml", text)`: a file in the working directory, byte for byte; its path."""

    def put(path: str, text: str | bytes) -> str:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return put
