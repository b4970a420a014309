"""What a repository's git configuration, attributes, hooks, links and objects cannot do; and what is still read of it."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import SPEC, Run

LIMITED = SPEC + "growth: {params: 5%}\n"
WIDER = LIMITED.replace("linear 3", "linear 300")
Git = Callable[..., str]
# Every way to a spec of a revision.
WAYS = [
    ("diff", "HEAD:net.yaml", "net.yaml", "--max-growth", "params=5%"),
    ("diff", "HEAD:.", ".", "--max-growth", "params=5%"),
    ("lint", ".", "--base", "HEAD", "--select", "BUD905"),
    ("lint", "net.yaml", "--base", "HEAD", "--select", "BUD905"),
]
ways = pytest.mark.parametrize("way", WAYS, ids=" ".join)


@pytest.fixture
def git(clone: Path) -> Git:
    """`git("add", ".")` in a repository whose first commit has one spec, which is wider in the working tree."""
    (clone / ".git").rmdir()

    def run(*arguments: str, input: bytes | None = None) -> str:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        names = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "protocol.file.allow=always"]
        return subprocess.run(
            ["git", *names, *arguments], cwd=clone, env=environment, input=input, capture_output=True, check=True
        ).stdout.decode().strip()  # fmt: skip

    run("init", "-q")
    (clone / "net.yaml").write_text(LIMITED, "utf-8")
    run("add", ".")
    run("commit", "-q", "-m", "first")
    (clone / "net.yaml").write_text(WIDER, "utf-8")
    return run


def commit(git: Git, *more: str) -> None:
    git("add", ".")
    git("commit", "-q", "-m", "next", *more)


def grown(done: subprocess.CompletedProcess[str]) -> bool:
    return done.returncode == 1 and "the limit is 5" in done.stdout + done.stderr


def program(path: Path, marker: Path) -> str:
    """A program that leaves a file behind when it runs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\ntouch {marker}\ncat\n", "utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@ways
def test_nothing_that_is_configured_runs(clone: Path, git: Git, run: Run, way: tuple[str, ...]) -> None:
    marker = clone.parent / "ran"
    evil = program(clone.parent / "evil", marker)
    (clone / ".gitattributes").write_text("* filter=evil diff=evil merge=evil text=auto ident\n", "utf-8")
    for key in (
        "filter.evil.smudge", "filter.evil.clean", "filter.evil.process", "diff.evil.textconv", "diff.evil.command", "diff.external",
        "core.fsmonitor", "core.pager", "pager.cat-file", "pager.ls-tree", "core.sshCommand", "core.editor", "core.askPass",
        "uploadpack.packObjectsHook", "credential.helper", "gpg.program", "tar.tar.command", "archive.tar.command",
    ):  # fmt: skip
        git("config", key, evil)
    git("config", "alias.cat-file", f"!{evil}")
    git("config", "core.hooksPath", str(clone / "hooks"))
    for hook in ("post-checkout", "post-index-change", "reference-transaction", "fsmonitor-watchman", "pre-commit"):
        program(clone / "hooks" / hook, marker)
    marker.unlink(missing_ok=True)
    done = run(*way)
    assert grown(done), done.stderr
    assert not marker.exists()


@ways
def test_a_missing_object_is_not_fetched(clone: Path, git: Git, run: Run, way: tuple[str, ...]) -> None:
    marker = clone.parent / "ran"
    evil = program(clone.parent / "evil", marker)
    blob = git("rev-parse", "HEAD:net.yaml")
    git("config", "remote.origin.url", f"ext::{evil}")
    git("config", "remote.origin.promisor", "true")
    git("config", "remote.origin.partialclonefilter", "blob:none")
    git("config", "extensions.partialClone", "origin")
    git("config", "protocol.ext.allow", "always")
    (clone / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    done = run(*way)
    assert done.returncode in (1, 2)
    assert "this clone lacks its contents: fetch them first" in done.stdout + done.stderr
    assert not marker.exists()


def test_git_is_not_taken_from_the_repository(clone: Path, git: Git, run: Run) -> None:
    marker = clone.parent / "ran"
    program(clone / "git", marker)
    program(clone / "bin" / "git", marker)
    assert grown(run(*WAYS[0], PATH=os.pathsep.join([".", "", "bin", os.environ["PATH"]])))
    assert not marker.exists()
    assert "needs git, which is not installed" in run(*WAYS[0], PATH=".").stderr


def test_a_repository_in_files_of_another_is_none(clone: Path, git: Git, run: Run) -> None:
    marker = clone.parent / "ran"
    inner = clone / "inner"
    subprocess.run(["git", "init", "-q", "--bare", str(inner)], check=True, capture_output=True)
    (inner / "net.yaml").write_text(SPEC, "utf-8")
    with (inner / "config").open("a", encoding="utf-8") as file:
        file.write(f"[core]\n\tbare = false\n\tworktree = .\n\tfsmonitor = {program(clone.parent / 'evil', marker)}\n")
    assert run("diff", "HEAD:net.yaml", "net.yaml", cwd=inner).returncode == 2
    assert not marker.exists()


def test_a_repository_of_another_user_is_refused(clone: Path, git: Git, run: Run) -> None:
    for way in WAYS:
        done = run(*way, GIT_TEST_ASSUME_DIFFERENT_OWNER="1")
        assert done.returncode == 2
        assert "dubious ownership" in done.stderr


@ways
def test_attributes_hide_nothing(clone: Path, git: Git, run: Run, way: tuple[str, ...]) -> None:
    (clone / "net.yaml").write_text(LIMITED, "utf-8")
    (clone / ".gitattributes").write_text("* export-ignore\n*.yaml export-subst\n", "utf-8")
    commit(git)
    (clone / "net.yaml").write_text(WIDER, "utf-8")
    assert grown(run(*way))


@ways
def test_includes_above_the_folder_and_links_inside_the_repository(
    clone: Path, git: Git, run: Run, way: tuple[str, ...]
) -> None:
    (clone / "shared").mkdir()
    (clone / "shared" / "blocks.txt").write_text("blocks:\n  b(n): [linear n]\n", "utf-8")
    (clone / "nets" / "deep").mkdir(parents=True)
    (clone / "nets" / "deep" / "real.yaml").write_text(
        LIMITED.replace("input:", "include: [../../shared/blocks.txt]\ninput:").replace("linear 3", "b 3"), "utf-8"
    )
    (clone / "nets" / "deep" / "link.yaml").symlink_to("real.yaml")
    (clone / "net.yaml").unlink()
    commit(git)
    (clone / "shared" / "blocks.txt").write_text("blocks:\n  b(n): [linear 100*n]\n", "utf-8")
    deep = [word.replace("net.yaml", "real.yaml") for word in way]
    assert grown(run(*deep, cwd=clone / "nets" / "deep"))
    linked = [word.replace("net.yaml", "link.yaml") for word in way]
    assert grown(run(*linked, cwd=clone / "nets" / "deep"))


@ways
@pytest.mark.parametrize("target", ["/etc/passwd", "../secret.yaml", "net.yaml", "none.yaml", "/proc/self/environ"])
def test_links_out_of_the_repository_are_told(
    clone: Path, git: Git, run: Run, way: tuple[str, ...], target: str
) -> None:
    (clone / "net.yaml").unlink()
    (clone / "net.yaml").symlink_to(target)
    commit(git)
    (clone / "net.yaml").unlink()
    (clone / "net.yaml").write_text(WIDER, "utf-8")
    done = run(*way)
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stdout + done.stderr
    assert "it is a link" in done.stdout + done.stderr
    assert "HEAD:net.yaml" in done.stdout + done.stderr


@ways
@pytest.mark.parametrize(
    "text",
    [
        "model: [\n",
        SPEC.replace("linear 3", "lineer 3"),
        SPEC.replace("input:", "include: [gone.yaml]\ninput:"),
        "\xff",
    ],
)
def test_a_base_that_is_not_valid_is_told(clone: Path, git: Git, run: Run, way: tuple[str, ...], text: str) -> None:
    (clone / "net.yaml").write_bytes(("model: m\n" if text == "\xff" else "").encode() + text.encode("latin-1"))
    commit(git)
    (clone / "net.yaml").write_text(WIDER, "utf-8")
    done = run(*way)
    assert done.returncode == 1, done.stderr
    assert "HEAD:net.yaml" in done.stdout + done.stderr
    assert "archcalc-" not in done.stdout + done.stderr


@ways
def test_a_spec_that_is_new_has_no_growth(clone: Path, git: Git, run: Run, way: tuple[str, ...]) -> None:
    git("rm", "-q", "-f", "net.yaml")
    (clone / "x.yaml").write_text(SPEC, "utf-8")
    commit(git)
    (clone / "net.yaml").write_text(WIDER, "utf-8")
    done = run(*way)
    assert done.returncode == {"HEAD:net.yaml": 2, "HEAD:.": 1}.get(way[1], 0), done.stdout + done.stderr
    assert "base is not valid" not in done.stderr


def test_standard_input_has_no_path_in_a_base(clone: Path, git: Git, fresh: Run) -> None:
    with (clone / "net.yaml").open(encoding="utf-8") as typed:
        done = fresh("lint", "-", "--base", "HEAD", stdin=typed)
    assert done.returncode == 1
    assert "growth is unknown: `HEAD` cannot be read: standard input has no path in it" in done.stdout
    (clone / "before.txt").write_text(LIMITED, "utf-8")
    with (clone / "net.yaml").open(encoding="utf-8") as typed:
        assert grown(fresh("lint", "-", "--base", "before.txt", stdin=typed))


def test_a_link_of_a_name_that_git_is_not_asked_for(clone: Path, git: Git, run: Run) -> None:
    (clone / "a\nb.yaml").symlink_to("net.yaml")
    commit(git)
    done = run("lint", "a\nb.yaml", "--base", "HEAD")
    assert done.returncode == 1
    assert "it is a link" in done.stdout


def test_a_variant_that_is_new_has_no_growth(clone: Path, git: Git, run: Run) -> None:
    (clone / "net.yaml").write_text(LIMITED + "hparams: {w: 1}\nvariants: {large: {w: 2}}\n", "utf-8")
    assert run("lint", "net.yaml@large", "--base", "HEAD", "--select", "BUD905").returncode == 0


NAMES = [
    "a@b.yaml",
    "a b.yaml",
    "ä.yaml",
    "-x.yaml",
    "a'\"$(touch ran).yaml",
    "x:y.yaml",
    "*.yaml",
    "[a].yaml",
    "a\\b.yaml",
    "a\nb.yaml",
]


@pytest.mark.parametrize("name", NAMES)
def test_names(clone: Path, git: Git, run: Run, name: str) -> None:
    (clone / name).write_text(LIMITED + "hparams: {w: 1}\nvariants: {large: {w: 2}}\n", "utf-8")
    (clone / "net.yaml").unlink()
    commit(git)
    (clone / name).write_text(WIDER + "hparams: {w: 1}\nvariants: {large: {w: 2}}\n", "utf-8")
    assert grown(run("diff", f"HEAD:{name}", f"./{name}", "--max-growth", "params=5%"))
    assert grown(run("diff", f"HEAD:{name}@large", f"./{name}@large", "--max-growth", "params=5%"))
    assert grown(run("diff", "HEAD:.", ".", "--max-growth", "params=5%"))
    assert grown(run("lint", f"./{name}", "--base", "HEAD", "--select", "BUD905"))
    assert not (clone / "ran").exists()


def test_a_revision_is_no_option(clone: Path, git: Git, run: Run) -> None:
    for revision in ("--output=x", "-c", "--help", "HEAD --", ""):
        assert run("diff", f"{revision}:net.yaml", "net.yaml").returncode == 2
        assert run("lint", ".", f"--base={revision}").returncode == 2 or not revision
    assert not (clone / "x").exists()


def test_paths_above_the_repository_are_refused(clone: Path, git: Git, run: Run) -> None:
    for path in ("../secret.yaml", "/etc/passwd", "x/../../secret.yaml"):
        done = run("diff", f"HEAD:{path}", "net.yaml")
        assert done.returncode == 2
        assert "lies outside the repository" in done.stderr


def test_trees_that_lead_elsewhere(clone: Path, git: Git, run: Run) -> None:
    blob = bytes.fromhex(git("rev-parse", "HEAD:net.yaml"))
    make = ("hash-object", "-t", "tree", "-w", "--stdin", "--literally")
    inner = bytes.fromhex(git(*make, input=b"100644 planted.yaml\0" + blob))
    names = [b"..", b".", b"../../planted", b"/tmp/planted"]
    nameless = git(*make, input=b"100644 \0" + blob + b"100644 net.yaml\0" + blob)
    git("update-ref", "refs/heads/nameless", git("commit-tree", nameless, "-m", "nameless"))
    done = run("diff", "nameless:", ".")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("archcalc: cannot read 'nameless:.': git: ")
    top = git(
        *make,
        input=b"".join(b"40000 " + name + b"\0" + inner for name in names)
        + b"100644 net.yaml\0"
        + blob
        + b"100644 ../../planted.yaml\0"
        + blob,
    )
    git("update-ref", "refs/heads/evil", git("commit-tree", top, "-m", "evil"))
    done = run("diff", "evil:.", ".", TMPDIR=str(clone.parent))
    assert "Traceback" not in done.stderr
    assert not [*clone.parent.rglob("planted*")]


def test_what_is_large_and_no_spec_is_not_read(clone: Path, git: Git, run: Run) -> None:
    (clone / "net.yaml").write_text(LIMITED, "utf-8")
    (clone / "data.bin").write_bytes(bytes(9 * 2**20))
    (clone / "data.yaml").write_text("a: b\n" * 2**20, "utf-8")
    commit(git)
    (clone / "net.yaml").write_text(WIDER, "utf-8")
    assert grown(run(*WAYS[1]))
    (clone / "net.yaml").write_text(LIMITED + "#" * 2**22, "utf-8")
    commit(git)
    (clone / "net.yaml").write_text(WIDER, "utf-8")
    for way in WAYS:
        done = run(*way)
        assert done.returncode in (1, 2)
        assert "it is larger than 4 MiB" in done.stdout + done.stderr


def test_nothing_is_left_behind(clone: Path, git: Git, run: Run) -> None:
    before = set(clone.rglob("*"))
    scratch = clone.parent / "scratch"
    scratch.mkdir()
    for way in WAYS:
        run(*way, TMPDIR=str(scratch))
    assert set(clone.rglob("*")) == before
    assert not [*scratch.iterdir()]
