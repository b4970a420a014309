"""A hostile clone: everything at once, and the commands that one runs in it first."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from .conftest import SPEC, Run


@pytest.fixture
def hostile(clone: Path) -> Path:
    """A repository whose names, includes, links, filters, hooks and modules all try to get out."""
    ran = clone.parent / "ran"
    (clone / ".git").rmdir()

    def git(*words: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=clone, check=True, capture_output=True
        )

    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    evil = clone / "evil"
    evil.write_text(f"#!/bin/sh\ntouch {ran}\ncat\n", "utf-8")
    evil.chmod(evil.stat().st_mode | stat.S_IXUSR)
    (clone / "git").write_bytes(evil.read_bytes())
    (clone / "git").chmod(0o755)
    (clone / ".gitattributes").write_text("* filter=evil diff=evil export-ignore\n", "utf-8")
    for key in (
        "filter.evil.smudge",
        "filter.evil.clean",
        "diff.evil.textconv",
        "core.fsmonitor",
        "core.pager",
        "core.sshCommand",
    ):
        git("config", key, str(evil))
    hook = clone / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_bytes(evil.read_bytes())
    hook.chmod(0o755)
    code = f'import os;os.system("touch {ran}")'
    names = {
        "quotes.yaml": f'\'""""""""";{code};"""""""""\'',
        "command.yaml": "'::error::x'",
        "bidi.yaml": "'a\u202eb ##[add-matcher]x'",
        "a\n::error::b.yaml": "m",
        "\udcff\x1b[2J.yaml": "m",
        f'""""""""";{code.replace("/", "_")};""""""""".yaml': "m",
    }
    for name, model in names.items():
        (clone / name).write_text(SPEC.replace("model: m", f"model: {model}"), "utf-8")
    for number, path in enumerate(
        ("/proc/self/environ", "../secret.yaml", "/dev/zero", "link.txt", ".git/config", "pipe")
    ):
        (clone / f"include{number}.yaml").write_text(SPEC.replace("input:", f"include: [{path}]\ninput:"), "utf-8")
    (clone / "link.txt").symlink_to("../secret.yaml")
    (clone / "link.yaml").symlink_to("../secret.yaml")
    (clone / "loop.yaml").symlink_to("loop.yaml")
    (clone / "up").symlink_to("..")
    os.mkfifo(clone / "pipe")
    os.mkfifo(clone / "pipe.yaml")
    for module in ("yaml", "click", "torch", "sitecustomize"):
        (clone / f"{module}.py").write_text(f"{code}\n", "utf-8")
    (clone / "matplotlibrc").write_text("text.usetex: True\n", "utf-8")
    return clone


def everything(folder: Path) -> dict[str, tuple[int, bytes]]:
    """All files below a folder: their mode, and what they hold."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return {str(path): (path.stat().st_mode, path.read_bytes()) for path in files}


@pytest.mark.skipif(os.name == "nt", reason="such names and pipes are those of Unix")
@pytest.mark.parametrize(
    "words",
    ["lint .", "lint . --format github", "lint . --base HEAD", "diff HEAD:. .", "diff HEAD:net.yaml net.yaml",
     "build quotes.yaml", "verify quotes.yaml command.yaml bidi.yaml", "shapes quotes.yaml bidi.yaml"],
)  # fmt: skip
def test_nothing_is_written_read_elsewhere_or_run(hostile: Path, fresh: Run, words: str) -> None:
    before = everything(hostile.parent)
    done = fresh(*words.split(), DEPLOY_TOKEN="hunter2", PATH=os.pathsep.join([".", os.environ["PATH"]]))
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr
    told = done.stdout + done.stderr
    assert "hunter2" not in told
    assert "core.fsmonitor" not in told
    assert all(one.isprintable() or one in "\n\t" for one in told)
    assert everything(hostile.parent) == before
    if words.startswith(("build", "lint . --format")):
        return
    assert not any(line.lstrip().startswith("::") for line in told.split("\n"))


@pytest.mark.parametrize(
    "text", ['[lint]\noutput = ["full=../.bashrc"]\n', "[build]\nforce = true\n", '[lint]\ndevice = "/dev/zero"\n']
)
def test_its_settings_are_refused(hostile: Path, fresh: Run, text: str) -> None:
    (hostile / "archcalc.toml").write_text(text, "utf-8")
    before = everything(hostile.parent)
    assert fresh("lint", ".").returncode == 2
    assert everything(hostile.parent) == before
