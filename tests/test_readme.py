"""What the README shows is what the program prints."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

import archcalc
from archcalc.layers import REGISTRY
from archcalc.network.load import load_graph
from tests.program import run

from .conftest import ROOT, SPECS

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
FILES = {
    match.group(1): match.group(0) for match in re.finditer(r"^# (\S+\.yaml)\n(?:.*\n)*?(?=```)", TEXT, re.MULTILINE)
}
SHOWN = re.findall(r"```console\n\$ archcalc (.*)\n((?:.*\n)*?)```", TEXT)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with specs/ and the README's own files."""
    (tmp_path / "specs").symlink_to(ROOT / "specs")
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def printed(command: str, folder: Path) -> str:
    done = run(*shlex.split(command), cwd=folder, env={"COLUMNS": "100"})
    return done.stdout + done.stderr


def test_there_is_something_shown():
    assert len(SHOWN) >= 4
    assert set(FILES) == {"mine.yaml", "tour.yaml"}


@pytest.mark.parametrize(("command", "output"), SHOWN, ids=[command for command, _ in SHOWN])
def test_output(command, output, folder):
    assert output == printed(command, folder)


def test_the_tour_runs(folder):
    assert load_graph(str(folder / "tour.yaml")).nodes
    assert load_graph(str(folder / "tour.yaml@large")).nodes


def test_python_example():
    code = re.search(r"```python\n((?:.*\n)*?)```", TEXT)
    assert code
    exec(code.group(1), {"archcalc": archcalc})


def test_counts():
    assert f"lists all {len(REGISTRY)};" in TEXT
    assert len(SPECS) > 48


def write() -> None:
    """Put what the program prints into the README: `python -m tests.test_readme`."""
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "specs").symlink_to(ROOT / "specs")
        for file, text in FILES.items():
            (folder / file).write_text(text, encoding="utf-8")
        text = TEXT
        for command, output in SHOWN:
            old = f"```console\n$ archcalc {command}\n{output}```"
            text = text.replace(old, f"```console\n$ archcalc {command}\n{printed(command, folder)}```")
    (ROOT / "README.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(write())
