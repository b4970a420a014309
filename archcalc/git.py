"""git, asked for what is stored and for nothing else.

A repository may be somebody else's, its configuration too. Objects are read as they are stored
(`git cat-file`): nothing is checked out, so that no filter, hook, attribute or textconv has a part
in it, and what is missing is not fetched, which could run a program as well.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from typing import IO

from archcalc.diagnostics import RequestError

# What a repository's own configuration could run, and repositories that hide in the files of another one.
_CONFIGURATION = (
    "core.fsmonitor=false",
    f"core.hooksPath={os.devnull}",
    "protocol.allow=never",
    "safe.bareRepository=explicit",
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
# What `git cat-file --follow-symlinks` says of a link that it does not follow.
_LINKS = {
    b"symlink": "it is a link that leads out of the repository",
    b"dangling": "it is a link to what is not there",
    b"loop": "it is a link in a circle",
    b"notdir": "a folder on its way is a file",
}


def ask(*arguments: str) -> bytes:
    """What git answers. Raises `RequestError` with the reason when it refuses."""
    done = subprocess.run(_command(*arguments), capture_output=True, check=False, env={**os.environ, **_ENVIRONMENT})
    if done.returncode:
        reason = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise RequestError(f"git: {reason[0] if reason else 'it failed'}")
    return done.stdout


class Tree:
    """The files of one revision, read one by one.

    Raises `RequestError` when git does not know the revision.
    """

    def __init__(self, revision: str) -> None:
        if revision.startswith("-"):
            raise RequestError(f"{revision!r} is not a revision")
        try:
            self.id = ask("rev-parse", "--verify", f"{revision}^{{tree}}").decode().strip()
        except RequestError as error:
            raise RequestError(f"{error} (of {revision!r})") from None
        self._reader: subprocess.Popen[bytes] | None = None

    def files(self, folder: str) -> Iterator[str]:
        """The paths of all files below a folder, from the root of the repository."""
        listed = ask("ls-tree", "-r", "-z", "--full-tree", self.id, "--", *([folder] if folder else []))
        for entry in listed.split(b"\0"):
            facts, _, path = entry.partition(b"\t")
            if facts.split(b" ")[1:2] == [b"blob"]:
                yield os.fsdecode(path)

    def read(self, path: str, most: int) -> bytes | None:
        """The first bytes of a file, `most` of them, links inside the repository followed; None where there is none.

        Raises `RequestError` for a link out of the repository, and for an object that this clone lacks.
        """
        kind, data = self._entry(path, most)
        return data if kind == "blob" else None

    def is_folder(self, path: str) -> bool:
        """Whether there is a folder of this path; the root is one."""
        return self._entry(path, 0)[0] == "tree"

    def _entry(self, path: str, most: int) -> tuple[str, bytes]:
        """What stands at a path, `blob`, `tree` or nothing, and the first of its bytes."""
        if "\n" in path:  # not to be asked for, so nothing that a spec could name
            return "", b""
        asking, answer = self._pipes()
        asking.write(f"{self.id}:".encode() + os.fsencode(path) + b"\n")
        asking.flush()
        head = answer.readline().rstrip(b"\n")
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

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._reader is None:
            self._reader = subprocess.Popen(
                _command("cat-file", "--batch", "--follow-symlinks"),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, **_ENVIRONMENT},
            )  # fmt: skip
        assert self._reader.stdin is not None
        assert self._reader.stdout is not None
        return self._reader.stdin, self._reader.stdout

    def close(self) -> None:
        """End the process that reads."""
        if self._reader is not None:
            self._reader.kill()
            self._reader.communicate()
            self._reader = None


def _command(*arguments: str) -> list[str]:
    configuration = [word for setting in _CONFIGURATION for word in ("-c", setting)]
    return [_program(), "--no-pager", *configuration, *arguments]


def _program() -> str:
    """git from a folder that the system is told to search, never from the folder that one stands in."""
    name = "git.exe" if os.name == "nt" else "git"
    for folder in filter(os.path.isabs, os.get_exec_path()):
        found = os.path.join(folder, name)
        if os.path.isfile(found) and os.access(found, os.X_OK):
            return found
    raise RequestError("a revision needs git, which is not installed")
