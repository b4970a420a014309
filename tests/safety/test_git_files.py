"""Files of `.git` that are none, or never end, and trees that a few objects make as large as one likes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from archcalc.diagnostics import RequestError
from archcalc.revision import checked_out, revision

from .conftest import SPEC

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="pipes and limits of memory are set as on Linux")
SILENT = "no answer for 0.2 s; it may wait for a pipe or a device: `find .git -not -type f -not -type d` lists those"


def git(*words: str, input: bytes | None = None) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words]
    return subprocess.run(command, input=input, check=True, capture_output=True).stdout.decode().strip()


@pytest.fixture
def stored(clone: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder `.git` with one commit, and little patience."""
    monkeypatch.chdir(clone)
    monkeypatch.setattr("archcalc.git.SECONDS", 0.2)
    (clone / ".git").rmdir()
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    return clone / ".git"


def place(stored: Path, name: str) -> Path:
    """A file of git by its name, or that of the object of a revision; taken away."""
    id = git("rev-parse", name) if name.startswith("HEAD") and name != "HEAD" else ""
    path = stored / (f"objects/{id[:2]}/{id[2:]}" if id else name)
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    return path


@pytest.mark.parametrize(
    "name",
    ["HEAD", "config", "packed-refs", "commondir", "shallow", "objects/info/alternates", "objects/info/commit-graph",
     "HEAD^{commit}", "HEAD^{tree}", "HEAD:net.yaml"],
)  # fmt: skip
def test_a_pipe_is_not_waited_for(stored: Path, name: str) -> None:
    os.mkfifo(place(stored, name))
    with pytest.raises(RequestError) as caught, checked_out("HEAD:net.yaml"):
        pass
    assert SILENT in str(caught.value)


def test_what_is_silent_is_waited_for_once(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        (stored.parent / f"n{number}.yaml").write_text(f"{SPEC}# {number}\n", "utf-8")
    git("add", ".")
    git("commit", "-q", "-m", "more")
    for number in range(3):
        os.mkfifo(place(stored, f"HEAD:n{number}.yaml"))
    waited = []
    with revision("HEAD") as was:
        before = was._tree.close
        monkeypatch.setattr(was._tree, "close", lambda: waited.append(before()))
        was.copy_folder("")
        assert [*was.unread] == ["n0.yaml", "n1.yaml", "n2.yaml", "net.yaml"]
        assert all(SILENT in why for why in was.unread.values())
        assert len(waited) == 1


@pytest.mark.parametrize("name", ["commondir", "info/grafts"])
def test_a_device_does_not_fill_the_memory(stored: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archcalc.git.SECONDS", 30)
    monkeypatch.setattr("archcalc.git._MEMORY", 2**25)
    place(stored, name).symlink_to("/dev/zero")
    with pytest.raises(RequestError, match="git: fatal: Out of memory"), checked_out("HEAD:net.yaml"):
        pass


def bomb(levels: int) -> str:
    """The commit of a tree that holds itself ten times on each level, with specs at the bottom."""
    id, mode, end = git("hash-object", "-w", "--stdin", input=SPEC.encode()), "100644", ".yaml"
    for _ in range(levels):
        entries = [f"{mode} {number}{end}\0".encode() + bytes.fromhex(id) for number in range(10)]
        id, mode, end = git("hash-object", "-w", "-t", "tree", "--stdin", input=b"".join(entries)), "40000", ""
    return git("commit-tree", id, "-m", "bomb")


def test_trees_that_hold_themselves(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archcalc.git.SECONDS", 30)
    monkeypatch.setattr("archcalc.revision._MOST_FILES", 50)
    few, many, endless = bomb(1), bomb(2), bomb(12)
    with checked_out(f"{few}:") as found:
        assert len([*Path(found.path).rglob("*.yaml")]) == 10
    with (
        pytest.raises(RequestError, match="and what they include are more than 50 files or 1 GiB"),
        checked_out(f"{many}:"),
    ):
        pass
    monkeypatch.setattr("archcalc.git._MOST_SAID", 2**20)
    with pytest.raises(RequestError, match="git: its answer is larger than 1 MiB"), checked_out(f"{endless}:"):
        pass
