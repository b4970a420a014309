"""`archcalc lint --base`: limits of growth against the specs as they were."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from .conftest import CLEAN

LIMITED = CLEAN + "growth: {params: 5%, depth: 0%}\n"
WIDER = LIMITED.replace("conv 64", "conv 80")


def git(*arguments: str) -> None:
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], check=True, capture_output=True)


def told(lint, *arguments: str) -> list[tuple[str, int]]:
    found = json.loads(lint("--select", "BUD905", "--format", "json", *arguments).out)["findings"]
    return [(finding["path"], finding["data"]["after"]) for finding in found]


@pytest.fixture
def repository(write, folder):
    for name in ("nets/a.yaml", "nets/deep/b.yaml"):
        write(name, LIMITED)
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    write("nets/a.yaml", WIDER)
    write("nets/new.yaml", WIDER)
    return folder


GROWN = [("nets/a.yaml", 80 * 27 + 160)]


@pytest.mark.parametrize("path", ["nets", "nets/a.yaml", "."])
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_revision(lint, repository, path, jobs):
    assert told(lint, path, "--base", "HEAD", "--jobs", jobs) == GROWN


def test_a_folder(lint, repository):
    git("worktree", "add", "-q", "before", "HEAD")
    assert told(lint, "nets", "--base", "before/nets") == GROWN
    assert told(lint, "nets/a.yaml", "--base", "before/nets/deep/b.yaml") == GROWN


def test_without_a_base_nothing_grew(lint, repository):
    assert told(lint, "nets") == []


def test_the_message(lint, repository):
    out = lint("nets/a.yaml", "--base", "HEAD", "--select", "BUD905").out
    assert "2,320 parameters, 25.0 % more than the 1,856 of the base: the limit is 5%" in out


def test_a_base_that_does_not_exist(lint, repository):
    done = lint("nets", "--base", "nowhere")
    assert done.status == 2
    assert "nowhere" in done.err


def test_a_base_that_is_not_valid_is_told(lint, write, repository):
    done = lint("nets/a.yaml", "--base", write("broken.yaml", "model: ["), "--select", "BUD905")
    assert "growth is unknown: `broken.yaml` is not valid, at 1:9: not valid YAML" in done.out


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in files")
def test_a_pipe_in_a_base_is_not_waited_for(lint, folder, repository):
    (folder / "before").mkdir()
    os.mkfifo(folder / "before" / "a.yaml")
    done = lint("nets/a.yaml", "--base", "before", "--select", "BUD905")
    assert done.status == 1
    assert "cannot be read: it is not a regular file" in done.out


def test_limits_by_glob(lint, write, repository):
    write("nets/a.yaml", WIDER.partition("growth:")[0])
    write("archcalc.toml", '[growth."nets/*"]\nparams = "5%"\n')
    assert told(lint, "nets", "--base", "HEAD") == GROWN
    write("archcalc.toml", '[growth."nets/*"]\nparams = "50%"\n')
    assert told(lint, "nets/a.yaml", "--base", "HEAD") == []
    write("archcalc.toml", '[growth."nets/*"]\nparams = "much"\n')
    assert 'params of "nets/*" must be a percentage, e.g. "5%", not \'much\'' in lint("nets").err
