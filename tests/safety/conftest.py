"""A repository of somebody else, and the program run in it as its user would."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

SPEC = "model: m\ninput: [4]\nlayers:\n  - linear 3 name=first\n  - [relu, linear 2]\n"
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The folder of a repository that holds one spec, in a folder with files that are none of its business."""
    made = tmp_path / "home" / "clone"
    (made / ".git").mkdir(parents=True)
    (made / "net.yaml").write_text(SPEC, "utf-8")
    (tmp_path / "home" / "secret.yaml").write_text("token: hunter2\n", "utf-8")
    return made


@pytest.fixture
def run(clone: Path) -> Run:
    """`run("lint", ".")`: the program as a process of its own, in the repository."""

    def start(
        *arguments: str, cwd: Path = clone, stdin: IO[str] | int = subprocess.DEVNULL, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("ARCHCALC_", "GITHUB_", "CI_"))
        }
        environment |= {"HOME": str(clone.parent), "XDG_CONFIG_HOME": str(clone.parent / ".config"), **variables}
        return subprocess.run(
            [sys.executable, "-m", "archcalc", *arguments],
            cwd=cwd, env=environment, capture_output=True, encoding="utf-8", errors="surrogateescape", stdin=stdin, check=False,
        )  # fmt: skip

    return start
