"""What a spec cannot make the program read: files of others, devices, and more than a spec may hold."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from archcalc.diagnostics import SpecError
from archcalc.language.includes import MAX_INCLUDES
from archcalc.network.load import load_graph
from archcalc.reports.forms import forms

from .conftest import SPEC, Run

FORMS = forms("findings")
BLOCKS = "blocks:\n  b{0}(n): [linear n]\n"


def including(*names: str) -> str:
    return SPEC.replace("input:", f"include: [{', '.join(names)}]\ninput:")


def messages(path: Path) -> list[str]:
    with pytest.raises(SpecError) as caught:
        load_graph(str(path))
    return [one.message for one in caught.value.diagnostics]


OUTSIDE = ["/proc/self/environ", "../secret.yaml", "link.yaml", "folder/secret.yaml", "/etc/passwd", "/dev/zero", "no/../../secret.yaml", "../missing.yaml"]  # fmt: skip


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("form", FORMS)
def test_a_file_outside_is_not_read(clone: Path, run: Run, name: str, form: str) -> None:
    (clone / "link.yaml").symlink_to(clone.parent / "secret.yaml")
    (clone / "folder").symlink_to(clone.parent)
    (clone / "net.yaml").write_text(including(name), "utf-8")
    done = run("lint", ".", "--format", form, DEPLOY_TOKEN="hunter2")
    assert done.returncode == 1
    assert "hunter2" not in done.stdout + done.stderr
    assert re.search("is.outside.the.project", done.stdout)


@pytest.mark.parametrize(
    "command", ["shapes", "build", "memory", "lint", "verify", "predict --device h100", "sweep", "diff other.yaml"]
)
def test_no_command_reads_it(clone: Path, run: Run, command: str) -> None:
    (clone / "other.yaml").write_text(SPEC, "utf-8")
    (clone / "net.yaml").write_text(including("/proc/self/environ"), "utf-8")
    done = run(*command.split(), "net.yaml", DEPLOY_TOKEN="hunter2")
    assert done.returncode == 1
    assert "hunter2" not in done.stdout + done.stderr
    assert "outside the project" in done.stdout + done.stderr


# What a form that quotes lines would show, and what every form would tell in words.
QUOTED = ["[remote]\n\ttoken = hunter2\n", "token: hunter2\n", "- hunter2\n", "hunter2\n", "a: [hunter2\n", "x: &hunter2 1\n", "\ttoken: hunter2",
          "token: hunter2\xff", "%hunter2"]  # fmt: skip
TOLD = ["a: !hunter2 b\n", "hunter2: 1\nhunter2: 2\n"]


@pytest.mark.parametrize(
    ("form", "text"), [*(("full", text) for text in QUOTED), *((form, text) for form in FORMS for text in TOLD)]
)
def test_what_is_no_spec_is_not_quoted(clone: Path, run: Run, text: str, form: str) -> None:
    (clone / ".git" / "config").write_bytes(text.encode("latin-1"))
    (clone / "net.yaml").write_text(including(".git/config"), "utf-8")
    done = run("lint", "net.yaml", "--format", form)
    assert done.returncode == 1
    assert "hunter2" not in done.stdout + done.stderr
    assert "config" in done.stdout


def test_a_file_of_blocks_is_quoted(clone: Path, run: Run) -> None:
    (clone / "blocks.yaml").write_text("blocks:\n  b(n): [lineer n]\nother: 1\n", "utf-8")
    (clone / "net.yaml").write_text(including("blocks.yaml"), "utf-8")
    out = run("lint", "net.yaml").stdout
    assert "2 |   b(n): [lineer n]" in out
    assert "not `other:`" in out


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in files")
def test_special_files_are_refused(clone: Path) -> None:
    os.mkfifo(clone / "pipe.yaml")
    (clone / "net.yaml").write_text(including("pipe.yaml", ".git", "."), "utf-8")
    pipe, folder, root = messages(clone / "net.yaml")
    assert pipe.endswith("it is not a regular file")
    assert "cannot read" in folder
    assert "outside the project" in root


def test_links_inside_the_project_are_followed(clone: Path, run: Run) -> None:
    (clone / "shared").mkdir()
    (clone / "shared" / "b.yaml").write_text(BLOCKS.format(1), "utf-8")
    (clone / "deep" / "er").mkdir(parents=True)
    (clone / "deep" / "er" / "link.yaml").symlink_to("../../shared/b.yaml")
    (clone / "deep" / "er" / "net.yaml").write_text(including("link.yaml"), "utf-8")
    (clone / "deep" / "net.yaml").write_text(including("../shared/b.yaml"), "utf-8")
    assert run("lint", ".").returncode == 0
    assert run("lint", "net.yaml", cwd=clone / "deep").returncode == 0


def test_without_a_repository_the_project_is_where_one_stands(clone: Path, run: Run) -> None:
    (clone / ".git").rmdir()
    (clone / "deep").mkdir()
    (clone / "b.yaml").write_text(BLOCKS.format(1), "utf-8")
    (clone / "deep" / "c.yaml").write_text(BLOCKS.format(2), "utf-8")
    (clone / "deep" / "net.yaml").write_text(including("../b.yaml", "c.yaml"), "utf-8")
    assert run("lint", "deep").returncode == 0
    assert "`../b.yaml` is outside the project" in run("lint", ".", cwd=clone / "deep").stdout
    (clone / "archcalc.toml").write_text("", "utf-8")
    assert run("lint", ".", cwd=clone / "deep").returncode == 0


def test_a_home_is_no_project(clone: Path, run: Run) -> None:
    home = clone.parent
    (clone / ".git").rename(home / ".git")
    (clone / "net.yaml").write_text(including("../secret.yaml"), "utf-8")
    assert "outside the project" in run("lint", ".").stdout
    assert (
        "outside the project" in run("lint", "clone", cwd=home).stdout
        or "has none" in run("lint", "clone", cwd=home).stdout
    )


def test_specs_that_a_folder_holds_are_its_own(clone: Path, run: Run) -> None:
    (clone.parent / "other.yaml").write_text(SPEC.replace("linear 3", "hunter2"), "utf-8")
    (clone / "link.yaml").symlink_to("../other.yaml")
    (clone / "inner.yaml").symlink_to("net.yaml")
    done = run("lint", ".")
    assert done.returncode == 0
    assert "hunter2" not in done.stdout + done.stderr
    assert "hunter2" in run("lint", "link.yaml").stdout  # its user names it


def test_bounds(clone: Path) -> None:
    for number in range(MAX_INCLUDES + 5):
        (clone / f"{number}.yaml").write_text(BLOCKS.format(number), "utf-8")
    names = [f"{number}.yaml" for number in range(MAX_INCLUDES + 5)]
    (clone / "net.yaml").write_text(including(*names[:MAX_INCLUDES]), "utf-8")
    load_graph(str(clone / "net.yaml"))
    (clone / "net.yaml").write_text(including(*names), "utf-8")
    assert messages(clone / "net.yaml") == [f"a spec can include at most {MAX_INCLUDES} files"]


def test_a_file_is_read_once_and_all_together_are_bounded(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = BLOCKS.format("") + "#" * (2**21)
    for name in "abc":
        (clone / f"{name}.yaml").write_text(large.replace("b(", f"{name}("), "utf-8")
    (clone / "net.yaml").write_text(including(*["a.yaml", "./a.yaml"] * 50), "utf-8")
    found = messages(clone / "net.yaml")
    assert len(found) == 99
    assert all(re.fullmatch(r"`(\./)?a.yaml` is included already, at 2:11", one) for one in found)
    (clone / "net.yaml").write_text(including("a.yaml", "b.yaml", "c.yaml"), "utf-8")
    assert messages(clone / "net.yaml") == ["the files that a spec includes can have at most 4 MiB in total"]
    (clone / "net.yaml").write_text(including("net.yaml"), "utf-8")
    assert messages(clone / "net.yaml") == ["`net.yaml` is included by itself"]
