"""How files are written: whole or not at all, with the mode, owner and links they had, and never over a spec."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from archcalc.output import write_file

from .conftest import SPEC, Run

UNIX = pytest.mark.skipif(os.name == "nt", reason="modes and links are those of Unix")
BIASED = "model: m\ninput: [3, 8, 8]\nlayers:\n  - conv 4 kernel=3 bias=true\n  - batchnorm\n"
# Each command that writes a file, to {0}, from the spec {1}.
WRITERS = {
    "lint": "lint {1} --output json={0}",
    "build": "build {1} --force -o {0}",
    "memory": "memory {1} -o {0}",
    "sweep": "sweep {1} --set w=1,2 --plot macs,params -o {0}",
}
if find_spec("matplotlib") is None:
    del WRITERS["sweep"]
WIDE = SPEC.replace("input:", "hparams: {w: 3}\ninput:").replace("linear 3", "linear w")
writers = pytest.mark.parametrize("writer", WRITERS)


def command(writer: str, output: str, spec: str = "net.yaml") -> list[str]:
    return WRITERS[writer].format(output, spec).split()


@writers
@pytest.mark.parametrize("name", ["net.svg", "./net.svg", "link.svg", "hard.svg", "folder/../net.svg"])
def test_the_input_is_not_overwritten(clone: Path, run: Run, writer: str, name: str) -> None:
    (clone / "net.svg").write_text(WIDE, "utf-8")
    (clone / "folder").mkdir()
    (clone / "link.svg").symlink_to("net.svg")
    os.link(clone / "net.svg", clone / "hard.svg")
    done = run(*command(writer, name, "net.svg"))
    assert done.returncode == 2
    assert done.stderr.endswith(f"archcalc: {name!r} is a spec, which no output overwrites: write to another file\n")
    assert (clone / "net.svg").read_text("utf-8") == WIDE


@writers
def test_no_other_spec_is_overwritten(clone: Path, run: Run, writer: str) -> None:
    texts = {
        "blocks.svg": "blocks:\n  b(n): [linear n]\n",
        "flow.svg": "{blocks: {b(n): [linear n]}}\n",
        "other.svg": WIDE,
    }
    for name, text in texts.items():
        (clone / name).write_text(text, "utf-8")
    (clone / "net.yaml").write_text(WIDE.replace("input:", "include: [blocks.svg]\ninput:"), "utf-8")
    for name, text in texts.items():
        assert run(*command(writer, name)).returncode == 2
        assert (clone / name).read_text("utf-8") == text


@UNIX
@writers
@pytest.mark.parametrize("there", [True, False])
def test_a_full_disk_leaves_the_old_file(clone: Path, run: Run, writer: str, there: bool) -> None:
    (clone / "net.yaml").write_text(WIDE, "utf-8")
    if there:
        (clone / "out.svg").write_text("as it was", "utf-8")
    before = sorted(os.listdir(clone))
    script = 'ulimit -f 0; exec "$@"'
    done = subprocess.run(
        ["bash", "-c", script, "bash", sys.executable, "-m", "archcalc", *command(writer, "out.svg")],
        cwd=clone, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == 2
    assert "archcalc: cannot write 'out.svg': file too large" in done.stderr
    assert sorted(os.listdir(clone)) == before
    assert not there or (clone / "out.svg").read_text("utf-8") == "as it was"


@UNIX
def test_a_full_disk_leaves_the_spec(clone: Path) -> None:
    (clone / "net.yaml").write_text(BIASED, "utf-8")
    done = subprocess.run(
        ["bash", "-c", 'ulimit -f 0; exec "$@"', "bash", sys.executable, "-m", "archcalc", "lint", "net.yaml", "--fix"],
        cwd=clone, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert (clone / "net.yaml").read_text("utf-8") == BIASED
    assert sorted(os.listdir(clone)) == [".git", "net.yaml"]


@UNIX
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755, 0o604])
def test_mode_and_links_stay(tmp_path: Path, mode: int) -> None:
    file, link, hard = tmp_path / "a" / "file", tmp_path / "link", tmp_path / "hard"
    file.parent.mkdir()
    file.write_text("old", "utf-8")
    file.chmod(mode)
    link.symlink_to("a/file")
    write_file(str(link), "new")
    assert link.is_symlink()
    assert file.read_text("utf-8") == "new"
    assert stat.S_IMODE(file.stat().st_mode) == mode
    os.link(file, hard)
    for text in ("newer and longer", "new"):
        write_file(str(file), text)
        assert hard.read_text("utf-8") == text
        assert hard.samefile(file)
    assert stat.S_IMODE(file.stat().st_mode) == mode
    assert sorted(os.listdir(file.parent)) == ["file"]


@UNIX
def test_a_new_file_is_as_others_are(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_file(str(tmp_path / "file"), "new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_the_owner_stays(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old", "utf-8")
    os.chown(file, 12345, 54321)
    file.chmod(0o644)
    write_file(str(file), "new")
    assert (file.stat().st_uid, file.stat().st_gid, stat.S_IMODE(file.stat().st_mode)) == (12345, 54321, 0o644)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everything")
def test_what_may_not_be_written_is_not(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old", "utf-8")
    tmp_path.chmod(0o555)
    write_file(str(file), "new")  # the file may be written, the folder takes no other
    tmp_path.chmod(0o755)
    assert file.read_text("utf-8") == "new"
    file.chmod(0o444)
    with pytest.raises(Exception, match="permission denied"):
        write_file(str(file), "newer")


@UNIX
def test_a_device_or_pipe_is_written_as_it_stands(clone: Path, run: Run) -> None:
    assert '"findings": []' in run("lint", "net.yaml", "--output", "json=/dev/stdout").stdout.replace('":[', '": [')
    assert run("lint", "net.yaml", "--output", "json=/dev/null").returncode == 0
    assert "is a directory" in run("lint", "net.yaml", "--output", "json=.git").stderr


def test_what_is_appended_comes_after(clone: Path, run: Run) -> None:
    (clone / "net.yaml").write_text(BIASED, "utf-8")
    (clone.parent / "summary.md").write_text("layers:\n", "utf-8")
    done = run("lint", "net.yaml", "--format", "github", GITHUB_STEP_SUMMARY=str(clone.parent / "summary.md"))
    assert done.returncode == 0
    text = (clone.parent / "summary.md").read_text("utf-8")
    assert text.startswith("layers:\n")
    assert "PRM301" in text


@pytest.mark.skipif(find_spec("matplotlib") is None, reason="matplotlib is not installed")
def test_a_drawing_follows_no_settings_of_the_folder(clone: Path, fresh: Run) -> None:
    (clone / "net.yaml").write_text(WIDE, "utf-8")
    for name in ("latex", "dvipng"):
        program = clone / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\ntouch {clone.parent}/ran\n", "utf-8")
        program.chmod(0o755)
    (clone / "matplotlibrc").write_text("text.usetex: True\nbackend: module://evil\n", "utf-8")
    (clone / "evil.py").write_text(f"open({str(clone.parent / 'ran')!r}, 'w')\n", "utf-8")
    done = fresh(*command("sweep", "out.svg"), PATH=f"{clone / 'bin'}{os.pathsep}{os.environ['PATH']}")
    assert done.returncode == 0, done.stderr
    assert not (clone.parent / "ran").exists()


def test_nothing_is_imported_from_the_folder(clone: Path, fresh: Run) -> None:
    for name in (
        "yaml",
        "click",
        "rich",
        "torch",
        "tomllib",
        "matplotlib",
        "torchinfo",
        "sitecustomize",
        "json",
        "sympy",
    ):
        (clone / f"{name}.py").write_text(f"open({str(clone.parent / 'ran')!r}, 'w')\nraise SystemExit\n", "utf-8")
    (clone / "archcalc.toml").write_text("", "utf-8")
    for words in ("shapes net.yaml", "lint .", "verify net.yaml", "shapes net.yaml --symbolic"):
        assert fresh(*words.split()).returncode == 0
    assert not (clone.parent / "ran").exists()
