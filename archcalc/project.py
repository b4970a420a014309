"""What belongs to a project: files that a spec or its settings may name, and how they are read.

Specs and settings may come from somebody else's repository. So what they name must lie in that repository, with links
followed, and be a regular file: no device, pipe or system file.
"""

from __future__ import annotations

import os
import stat
from functools import cache

from archcalc.diagnostics import RequestError, cannot

SETTINGS = ("archcalc.toml", "pyproject.toml")


def contains(folder: str, path: str) -> bool:
    """Whether `path`, with links followed, lies in the project of a file in `folder`."""
    real = _real(path)
    return any(_holds(root, real) for root in roots(folder or ".", working_folder()))


def working_folder() -> str:
    """The working directory; empty if it has been deleted meanwhile."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return ""


def is_in(path: str, folder: str) -> bool:
    """Whether `path`, with links followed, lies in `folder` or below it."""
    return _holds(os.path.realpath(folder), _real(path))


@cache
def roots(folder: str, working: str) -> tuple[str, ...]:
    """The folders that are the project of a file in `folder`, with links followed.

    The repository around it; else the folder of the nearest settings; else `folder` and `working`,
    the folder that the program runs in.
    """
    here = os.path.realpath(folder)
    for marks in ((".git",), SETTINGS):
        top = here
        while not _is_everything(top):
            if any(os.path.exists(os.path.join(top, mark)) for mark in marks):
                return (top,)
            top = os.path.dirname(top)
    return (here, os.path.realpath(working)) if working else (here,)


def _is_everything(folder: str) -> bool:
    """Whether a folder is too wide for a project: the root of the file system, or somebody's home."""
    return folder in (os.path.dirname(folder), os.path.realpath(os.path.expanduser("~")))


def _real(path: str) -> str:
    """The path with links followed; empty, which lies nowhere, for what cannot be a path."""
    try:
        return os.path.realpath(path)
    except ValueError:  # a NUL in it
        return ""


def _holds(root: str, path: str) -> bool:
    folder = os.path.dirname(path)
    return folder == root if _is_everything(root) else path.startswith(os.path.join(root, ""))


def read_file(path: str, most: int, name: str = "") -> bytes:
    """The bytes of a regular file. Raises `RequestError` for anything else, and for more than `most` bytes.

    Args:
        name: what the file is called in messages, if not by its path.
    """
    name = name or path
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise RequestError(f"cannot read {name!r}: it is not a regular file")
            data = file.read(most + 1)
    except (OSError, ValueError) as error:
        raise cannot("read", name, error) from None
    if len(data) > most:
        raise RequestError(f"cannot read {name!r}: it is larger than {most // 2**20} MiB")
    return data
