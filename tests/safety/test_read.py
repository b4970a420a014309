"""Files that the command line names, and somebody else wrote: grids, saved networks, devices."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from archcalc.devices import find
from archcalc.diagnostics import RequestError
from archcalc.difference.saved import side_of_json

from .conftest import SPEC, Run


@pytest.mark.parametrize(
    "named", ["/proc/self/environ", "../secret.yaml", "link.yaml", "up/secret.yaml", "/etc/passwd", "/dev/zero"]
)
def test_a_grid_names_specs_of_its_project(clone: Path, run: Run, named: str) -> None:
    (clone / "link.yaml").symlink_to("../secret.yaml")
    (clone / "up").symlink_to("..")
    (clone / "grid.jsonl").write_text(json.dumps({"spec": named}) + "\n", "utf-8")
    done = run("sweep", "--grid", "grid.jsonl", DEPLOY_TOKEN="hunter2")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == f"archcalc: grid.jsonl: {named!r} is outside the project: name it on the command line\n"


def test_a_grid_may_stand_elsewhere(clone: Path, run: Run) -> None:
    grid, line = clone.parent / "grid.jsonl", json.dumps({"spec": "net.yaml", "batch": 2}) + "\n"
    grid.write_text(line, "utf-8")
    assert run("sweep", "--grid", "../grid.jsonl", "--format", "jsonl").returncode == 0
    outside = clone.parent / "net.yaml"
    outside.write_text(SPEC, "utf-8")
    (clone / "grid.jsonl").write_text(json.dumps({"spec": str(outside)}) + "\n", "utf-8")
    assert run("sweep", str(outside), "--grid", "grid.jsonl").returncode == 0


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ({"set": {"w": 3}}, "no hparam or dim is named `w`"), ({"spec": "none.yaml"}, "cannot read 'none.yaml'"),
        ({"spec": "net.yaml@large"}, "no variant is named `large`"),
    ],
)  # fmt: skip
def test_what_a_grid_names_exists(clone: Path, run: Run, line: dict[str, Any], says: str) -> None:
    lines = [{"batch": 2}, line]
    (clone / "grid.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines), "utf-8")
    done = run("sweep", "net.yaml", "--grid", "grid.jsonl")
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr


@pytest.mark.parametrize("words", [["sweep", "net.yaml", "--grid", "/dev/zero"], ["diff", "zero.json", "net.yaml"],
                                   ["diff", "net.yaml", "zero.json"]], ids=" ".join)  # fmt: skip
def test_what_is_read_has_an_end(clone: Path, run: Run, words: list[str]) -> None:
    (clone / "zero.json").symlink_to("/dev/zero")
    done = run(*words)
    assert done.returncode == 2
    assert "at most 128 MiB" in done.stderr or "it is not a regular file" in done.stderr


def saved(run: Run) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(run("shapes", "net.yaml", "--format", "json").stdout)
    return document


ODD = [None, True, -1, 1.5, 10**400, 10**40, float("inf"), "x", [], {}, [[1]], "\x1b[2J"]


def test_saved_networks_of_any_kind(clone: Path, run: Run) -> None:
    """Each value replaced by each odd one: it is taken or refused in a sentence."""
    document = saved(run)
    path = clone / "saved.json"
    taken = 0
    for holder in (document, document["totals"], document["layers"][0]):
        for key, value in list(holder.items()):
            for odd in ODD:
                holder[key] = odd
                path.write_text(json.dumps(document), "utf-8")
                with contextlib.suppress(RequestError):
                    side_of_json(str(path))
                    taken += 1
            holder[key] = value
    assert taken
    path.write_text("[" * 100_000, "utf-8")
    with pytest.raises(RequestError, match="is not what"):
        side_of_json(str(path))
    path.write_text(json.dumps(document), "utf-8")
    assert run("diff", "saved.json", "net.yaml").returncode == 0


def test_a_device_file_has_an_end(clone: Path) -> None:
    (clone / "deep.json").write_text("[" * 100_000, "utf-8")
    with pytest.raises(RequestError, match="it is not JSON"):
        find(str(clone / "deep.json"))


@pytest.mark.skipif(os.name == "nt", reason="links there need a privilege")
@pytest.mark.parametrize("target", ["../secret.yaml", "/proc/self/environ", "../secret.json"])
@pytest.mark.parametrize("command", ["shapes", "lint", "explain", "build", "diff"])
def test_a_link_to_what_is_no_spec_is_not_quoted(clone: Path, run: Run, command: str, target: str) -> None:
    """Whoever names all files of a pull request names its links too."""
    (clone.parent / "secret.json").write_text('{"hunter2": 1}', "utf-8")
    (clone / "link.yaml").symlink_to(target)
    done = run(command, "link.yaml", *["net.yaml"][: command == "diff"], DEPLOY_TOKEN="hunter2")
    assert done.returncode == 2
    assert "it is a link out of its project, to a file that is not a spec" in done.stderr
    assert "hunter2" not in done.stdout + done.stderr


@pytest.mark.skipif(os.name == "nt", reason="links there need a privilege")
def test_a_link_to_a_spec_is_followed(clone: Path, run: Run) -> None:
    (clone.parent / "net.yaml").write_text(SPEC.replace("linear 3", "lineer 3"), "utf-8")
    (clone / "link.yaml").symlink_to("../net.yaml")
    assert "lineer 3 name=first" in run("shapes", "link.yaml").stderr
