"""A git repository written object by object, so that it may hold what git itself would refuse to make."""

from __future__ import annotations

import hashlib
import os
import shutil
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from tests.draw.choices import Choices
from tests.fuzz.texts import spoilt

_FILE, _LINK, _MODULE, _FOLDER = "100644", "120000", "160000", "40000"
_RUNS = "touch ran; cat"
_CONFIG = f"""\
[core]
\trepositoryformatversion = 0
\tfsmonitor = {_RUNS}
\thooksPath = .
\tpager = {_RUNS}
\tattributesFile = .gitattributes
[filter "evil"]
\tsmudge = {_RUNS}
\tclean = {_RUNS}
\tprocess = {_RUNS}
\trequired = true
[diff "evil"]
\ttextconv = {_RUNS}
\tcommand = {_RUNS}
[remote "origin"]
\turl = ext::sh -c touch% ran
\tpromisor = true
[alias]
\tcat-file = !{_RUNS}
\trev-parse = !{_RUNS}
"""
_ATTRIBUTES = "* filter=evil diff=evil export-ignore\n*.yaml export-subst text eol=crlf working-tree-encoding=UTF-16\n"
# What stands in trees beside specs: names, modes and contents that lead elsewhere.
_ODD = (("up", _LINK, ".."), ("link.yaml", _LINK, "/etc/passwd"), ("loop.yaml", _LINK, "loop.yaml"), ("to.yaml", _LINK, "spec.yaml"),
        ("module", _MODULE, "0" * 40), ("module.yaml", _MODULE, "1" * 40), ("..", _FOLDER, "x.yaml"), (".git", _FOLDER, "config"),
        ("../x.yaml", _FILE, "model: m\n"), ("/tmp/x.yaml", _FILE, "model: m\n"), ("", _FILE, "model: m\n"), ("a\nb.yaml", _FILE, "model: m\n"),
        ("x.yaml/y.yaml", _FILE, "model: m\n"), ("spec.yaml", _FOLDER, "x.yaml"), ("gone.yaml", "0", ""), (".", _FOLDER, "x.yaml"),
        ("\udcff.yaml", _FILE, "model: m\n"), ("\x1b[2J.yaml", _FILE, "model: m\n"), ("long" * 60 + ".yaml", _FILE, "model: m\n"))  # fmt: skip
# Files of git that may be a pipe, a device or lead elsewhere; `{}` is the commit's own object.
_PLACES = ("HEAD", "config", "config.worktree", "packed-refs", "commondir", "index", "shallow", "refs", "objects", "{}", "objects/info/alternates",
           "objects/info/commit-graph", "info/grafts", "info/attributes", "refs/heads/x", "objects/pack/multi-pack-index")  # fmt: skip
_PIPE = "pipe"
_KINDS = (_PIPE, _PIPE, "/dev/zero", "/dev/null", "/dev/tty", "/etc/passwd", ".", "..", "HEAD", "none")


@dataclass
class Commit:
    """What HEAD holds.

    Attributes:
        entries: path, mode and contents of each, as they stand in its trees: a path with `/` inside a
            folder's name is a name that no file can have.
        missing: paths whose contents this clone lacks, or has spoilt.
        config: the repository's own configuration.
        head: what `.git/HEAD` says, with `{}` for the commit.
        odd: files of git that are none: `pipe`, or where a link leads instead.
    """

    entries: list[list[str]]
    missing: list[str] = field(default_factory=list)
    config: str = "[core]\n\trepositoryformatversion = 0\n"
    head: str = "{}\n"
    odd: dict[str, str] = field(default_factory=dict)


def drawn(choices: Choices, files: dict[str, str]) -> Commit:
    """The files as they were, mostly, beside what a hostile repository has."""
    entries = []
    for index, (name, text) in enumerate(files.items()):
        if not choices.chance(f"new {index}", 0.1):
            before = spoilt(choices / index, text) if choices.chance(f"other {index}", 0.6) else text
            entries.append([name, _FILE, before])
    draw = choices.random("odd")
    entries += [list(one) for one in _ODD if draw.random() < 0.06]
    if choices.chance("attributes", 0.3):
        entries.append([".gitattributes", _FILE, _ATTRIBUTES])
    missing = [name for name, _, _ in entries if draw.random() < 0.04]
    config = _CONFIG if choices.chance("config", 0.5) else "[core]\n\trepositoryformatversion = 0\n"
    if choices.chance("spoilt config", 0.05):
        config = spoilt(choices / "config", config)
    head = draw.choice(("ref: refs/heads/x\n", "{}", "x", "ref: ../../x\n")) if choices.chance("head", 0.05) else "{}\n"
    odd = {draw.choice(_PLACES): draw.choice(_KINDS)} if choices.chance("odd", 0.05) else {}
    return Commit(entries, missing, config, head, odd)


def write(commit: Commit, folder: Path) -> None:
    """Write the repository into the folder `.git`."""
    (folder / "objects").mkdir(parents=True)
    (folder / "refs" / "heads").mkdir(parents=True)
    lacking = set(commit.missing)
    tree: dict[str, tuple[str, object]] = {}
    for path, mode, text in commit.entries:
        *folders, name = path.split("/") if path[:1] not in ("/", ".") else [path]
        at = tree
        for inner in folders:
            there = at.setdefault(inner, (_FOLDER, {}))
            at = there[1] if isinstance(there[1], dict) else at
        if mode == _FOLDER:
            at[name] = (mode, {text: (_FILE, _blob(folder, "model: m\n"))})
        else:
            at[name] = (mode, text if mode == _MODULE else _blob(folder, text, path in lacking))
    root = _tree(folder, tree)
    person = b"a <a@b> 0 +0000"
    made = _object(folder, b"commit", b"tree %b\nauthor %b\ncommitter %b\n\nfirst\n" % (root.encode(), person, person))
    (folder / "HEAD").write_text(commit.head.replace("{}", made), "utf-8")
    (folder / "config").write_bytes(commit.config.encode("utf-8", "surrogateescape"))
    for name, kind in commit.odd.items():
        path = folder / name.replace("{}", f"objects/{made[:2]}/{made[2:]}")
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        if kind == _PIPE:
            os.mkfifo(path)
        else:
            path.symlink_to(kind)


def _tree(folder: Path, entries: dict[str, tuple[str, object]]) -> str:
    data = b""
    for name, (mode, of) in sorted(entries.items()):
        id = _tree(folder, of) if isinstance(of, dict) else str(of)
        data += f"{mode} {name}".encode("utf-8", "surrogateescape") + b"\0" + bytes.fromhex(id)
    return _object(folder, b"tree", data)


def _blob(folder: Path, text: str, lacking: bool = False) -> str:
    return _object(folder, b"blob", text.encode("utf-8", "surrogateescape"), lacking)


def _object(folder: Path, kind: bytes, data: bytes, lacking: bool = False) -> str:
    whole = kind + b" %d\0" % len(data) + data
    id = hashlib.sha1(whole).hexdigest()
    if lacking and len(data) % 2:
        return id
    path = folder / "objects" / id[:2] / id[2:]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(zlib.compress(whole, 1)[: len(whole) // 2 if lacking else None])
    return id
