"""Asks git for what is stored, and for nothing else.

A repository and its configuration may be somebody else's. Objects are read as stored (`git cat-file`): nothing is
checked out, so no filter, hook, attribute or textconv is involved, and missing objects are not fetched, since that
could also run a program.
"""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import IO

from archcalc.diagnostics import RequestError

# What a repository's own configuration could run, and repositories hidden in the files of another.
_CONFIGURATION = (
    "core.fsmonitor=false",
    f"core.hooksPath={os.devnull}",
    "protocol.allow=never",
    "safe.bareRepository=explicit",
    "core.bigFileThreshold=4m",  # larger files are not held in memory
)
_ENVIRONMENT = {
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    "LC_ALL": "C",
}
# How long git may be silent, how large an answer may be, and how much memory git may use: its files may be pipes,
# devices, or trees that contain themselves a million times.
SECONDS = 30
_MOST_SAID, _MEMORY = 2**27, 2**30
# What `git cat-file --follow-symlinks` says about a link that it does not follow.
_LINKS = {
    b"symlink": "it is a link that leads out of the repository",
    b"dangling": "it is a link to nothing",
    b"loop": "it is a link in a circle",
    b"notdir": "a folder on its way is a file",
}


class SilentError(RequestError):
    """git is waiting for something that never comes."""


def ask(*arguments: str) -> bytes:
    """git's answer. Raises `RequestError` with the reason if it refuses, or if its answer does not end."""
    with _started(*arguments, stderr=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            said = bytearray()
            while part := _ready(process.stdout).read1():  # type: ignore[attr-defined]
                said += part
                if len(said) > _MOST_SAID:
                    raise RequestError(f"git: its answer is larger than {_MOST_SAID // 2**20} MiB")
            reason = process.stderr.read().decode("utf-8", "replace").strip().splitlines()
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        fatal = [line for line in reason if line.startswith("fatal: ")] or reason  # hints may come first
        raise RequestError(f"git: {fatal[0] if fatal else 'it failed'}")
    return bytes(said)


class Tree:
    """The files of one revision, read one by one.

    Raises `RequestError` if git does not know the revision.
    """

    def __init__(self, revision: str) -> None:
        if revision.startswith("-"):
            raise RequestError(f"{revision!r} is not a revision")
        try:
            self.id = ask("rev-parse", "--verify", f"{revision}^{{tree}}").decode().strip()
        except RequestError as error:
            if "Needed a single revision" in str(error):
                raise RequestError(
                    f"git knows no revision {revision!r} here: `git fetch` gets those of others"
                ) from None
            raise RequestError(f"{error} (of {revision!r})") from None
        self._reader: subprocess.Popen[bytes] | None = None
        self._silent: SilentError | None = None

    def files(self, folder: str) -> Iterator[str]:
        """The paths of all files below a folder, from the root of the repository."""
        listed = ask("ls-tree", "-r", "-z", "--full-tree", self.id, "--", *([folder] if folder else []))
        for entry in re.finditer(rb"[^\0]+", listed):
            facts, _, path = entry.group().partition(b"\t")
            if facts.split(b" ")[1:2] == [b"blob"]:
                yield os.fsdecode(path)

    def read(self, path: str, most: int) -> bytes | None:
        """The first `most` bytes of a file, following links inside the repository; None if there is no such file.

        Raises `RequestError` for a link out of the repository, and for an object that this clone lacks.
        """
        kind, data = self._entry(path, most)
        return data if kind == "blob" else None

    def is_folder(self, path: str) -> bool:
        """Whether there is a folder of this path; the root is one."""
        return self._entry(path, 0)[0] == "tree"

    def _entry(self, path: str, most: int) -> tuple[str, bytes]:
        """What is at a path, `blob`, `tree` or nothing, and its first bytes."""
        if self._silent:  # waiting once is enough
            raise self._silent
        try:
            return self._read(path, most)
        except SilentError as error:
            self.close()
            self._silent = error
            raise

    def _read(self, path: str, most: int) -> tuple[str, bytes]:
        wanted = os.fsencode(f"{self.id}:{path}")
        if "\n" in path:  # git would read it as two questions
            kind, wanted = self._listed(path)
            if not wanted:
                return kind, b""
        asking, answer = self._pipes()
        asking.write(wanted + b"\n")
        asking.flush()
        head = _ready(answer).readline().rstrip(b"\n")
        if head.endswith(b" missing"):
            if path and ask("ls-tree", "-z", "--full-tree", self.id, "--", path):
                raise RequestError("this clone lacks its contents: fetch them first")
            return "", b""
        words = head.split(b" ")
        if len(words) == 2 and words[0] in _LINKS:
            answer.read(int(words[1]) + 1)
            raise RequestError(_LINKS[words[0]])
        if len(words) != 3 or not words[2].isdigit():
            raise RequestError("git does not say what it is")
        kind, size = words[1].decode(), int(words[2])
        if size <= most:
            return kind, answer.read(size + 1)[:-1]
        data = answer.read(most)
        self.close()  # rather than to read on
        return kind, data

    def _listed(self, path: str) -> tuple[str, bytes]:
        """What is at a path according to the tree that lists it, and its object if that is a file."""
        entry = ask("ls-tree", "-z", "--full-tree", self.id, "--", path)
        mode, kind, id, *_ = [*entry.partition(b"\t")[0].split(b" "), b"", b"", b""]
        if mode == b"120000":
            raise RequestError("it is a link, and git is not asked about names like its own")
        return kind.decode(), id if kind == b"blob" else b""

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._reader is None:
            self._reader = _started(
                "cat-file", "--batch", "--follow-symlinks", stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        assert self._reader.stdin is not None
        assert self._reader.stdout is not None
        return self._reader.stdin, self._reader.stdout

    def close(self) -> None:
        """End the process that reads."""
        if self._reader is not None:
            self._reader.kill()
            self._reader.communicate()
            self._reader = None


def _started(*arguments: str, stderr: int, stdin: int | None = None) -> subprocess.Popen[bytes]:
    """git with its output in a pipe, and with a memory limit if the system supports one for other processes."""
    configuration = [word for setting in _CONFIGURATION for word in ("-c", setting)]
    process = subprocess.Popen(
        [_program(), "--no-pager", *configuration, *arguments],
        stdin=stdin, stdout=subprocess.PIPE, stderr=stderr, env={**os.environ, **_ENVIRONMENT},
    )  # fmt: skip
    if sys.platform == "linux":
        import resource

        with suppress(OSError, ValueError):  # it has ended, or already has a lower limit
            resource.prlimit(process.pid, resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
    return process


def _ready(answer: IO[bytes]) -> IO[bytes]:
    """The pipes that have something to read or have ended. Raises `SilentError` if there are none."""
    if os.name != "nt" and not select.select([answer], [], [], SECONDS)[0]:
        raise SilentError(
            f"git: no answer for {SECONDS} s; it may wait for a pipe or a device: `find .git -not -type f -not -type d` lists those"
        )
    return answer


def _program() -> str:
    """git from a folder on the system's search path, never from the working directory."""
    name = "git.exe" if os.name == "nt" else "git"
    for folder in filter(os.path.isabs, os.get_exec_path()):
        found = os.path.join(folder, name)
        if os.path.isfile(found) and os.access(found, os.X_OK):
            return found
    raise RequestError("a revision needs git, which is not installed")
