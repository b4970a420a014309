"""Specs as they were in a revision: `REV:path` read through git, with the files they include.

They are copied to a folder of their own for as long as they are compared, with what is stored in
the revision and nothing else; folders are laid out as in the repository.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from archcalc import project
from archcalc.diagnostics import RequestError, SpecError
from archcalc.git import Tree, ask
from archcalc.language.includes import MAX_INCLUDES
from archcalc.network.load import split_variant
from archcalc.opening import LIBRARIES, NAMED
from archcalc.rules.paths import is_spec, is_walked
from archcalc.source import MAX_BYTES, Mapping, Scalar, Sequence, decode, parse

# Limits on what is read and copied in all: in git, a few objects can stand for millions of files.
_MOST_BYTES, _MOST_FILES = 2**30, 10_000

# Prefixes of models; anything else before a colon may be a revision.
_LIBRARIES = (*LIBRARIES, "hf")


class _TooMuchError(RequestError):
    """The limit on copies is reached."""


class Revision:
    """Files of one revision in a folder, copied there when asked for.

    Attributes:
        unread: why specs of folders could not be read, by their path in the repository.

    Raises `RequestError` when git does not know the revision.
    """

    def __init__(self, name: str, place: str) -> None:
        self.name = name
        self.place = place
        self.unread: dict[str, str] = {}
        self._tree = Tree(name)
        self._here = os.fsdecode(ask("rev-parse", "--show-prefix").removesuffix(b"\n"))
        self._files = self._bytes = 0
        os.mkdir(os.path.join(place, ".git"))  # the copies are a project of their own

    def inside(self, path: str) -> str:
        """A path from the root of the repository. Raises `RequestError` for one that lies outside."""
        found = _normal(os.path.join(self._here, path))
        if found is None:
            raise RequestError(f"{path!r} lies outside the repository")
        return found

    def told(self, path: str) -> str:
        """What the user would write for a copy, or for a path in the repository."""
        inside = os.path.relpath(path, self.place) if os.path.isabs(path) else path
        return f"{self.name}:{os.path.relpath(inside or '.', self._here or '.')}"

    def is_folder(self, inside: str) -> bool:
        """Whether it is a folder there."""
        return self._tree.is_folder(inside)

    def copy(self, inside: str, folder: bool = False) -> str | None:
        """Where a file is copied to, with what it includes; None if there is no such file.

        Args:
            folder: whether it was found in a folder; then it is copied only if it is a spec.

        Raises `RequestError` when it cannot be read.
        """
        data = self._read(inside)
        if data is None or (folder and not is_spec(data)):
            return None
        if len(data) > MAX_BYTES:
            raise RequestError(f"it is larger than {MAX_BYTES // 2**20} MiB")
        self._write(inside, data)
        for name in _includes(data):
            included = _normal(os.path.join(os.path.dirname(inside), name))
            try:
                if included and (data := self._read(included)) is not None:
                    self._write(included, data)
            except RequestError:
                pass  # reported where it is included
        return self._path(inside)

    def copy_folder(self, inside: str) -> str:
        """Where the specs of a folder are copied to."""
        for path in self._tree.files(inside):
            if is_walked(os.path.relpath(path, inside or ".")):
                try:
                    self.copy(path, folder=True)
                except _TooMuchError:
                    raise
                except RequestError as error:
                    self.unread[path] = str(error)
        os.makedirs(self._path(inside), exist_ok=True)
        return self._path(inside)

    def _read(self, inside: str) -> bytes | None:
        data = self._tree.read(inside, MAX_BYTES + 1)
        self._bytes += len(data or b"")
        if self._files > _MOST_FILES or self._bytes > _MOST_BYTES:
            raise _TooMuchError(
                f"the specs of {self.name!r} and what they include are more than {_MOST_FILES:,} files or {_MOST_BYTES // 2**30} GiB"
            )
        return data

    def _path(self, inside: str) -> str:
        return os.path.join(self.place, *inside.split("/"))

    def _write(self, inside: str, data: bytes) -> None:
        path = self._path(inside)
        try:
            if project.is_in(path, self.place) and not os.path.exists(path):
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "xb") as file:
                    file.write(data)
                self._files += 1
        except (OSError, ValueError) as error:
            raise RequestError(f"it cannot be copied: {error}") from None

    def close(self) -> None:
        """Stop reading."""
        self._tree.close()


@contextmanager
def revision(name: str) -> Iterator[Revision]:
    """The files of a revision while they are read. Raises `RequestError` if git does not know it."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="archcalc-")
    except OSError as error:
        raise RequestError(
            f"cannot create a temporary folder for a copy of {name!r}: {(error.strerror or str(error)).lower()}"
        ) from None
    with folder as place:
        made = Revision(name, os.path.realpath(place))
        try:
            yield made
        finally:
            made.close()


class Place:
    """Where a spec or a folder can be read: itself, or a copy from a revision."""

    def __init__(self, path: str, of: Revision | None = None) -> None:
        self.path = path
        self.of = of

    def told(self, path: str) -> str:
        """A path in it as the user would write it."""
        of = self.of
        return of.told(path) if of is not None and os.path.isabs(path) and project.is_in(path, of.place) else path

    def unread(self) -> list[str]:
        """What exists but could not be read, with the reason."""
        return [f"cannot read {self.of.told(path)!r}: {why}" for path, why in self.of.unread.items()] if self.of else []


@contextmanager
def checked_out(spec: str) -> Iterator[Place]:
    """Where `spec` can be read: itself, or for `REV:path` a copy of what that revision has there.

    Raises `RequestError` when git does not know the revision or the path, or cannot read it.
    """
    name, colon, path = spec.partition(":")
    if not colon or os.path.exists(split_variant(spec)[0]) or spec == "-" or (len(name) < 2 and os.name == "nt"):
        yield Place(spec)
        return
    if spec in NAMED and _is_module(name):
        yield Place(spec)
        return
    with revision(name) as was:
        yield Place(_copied(was, path), was)


def is_revision_alone(spec: str) -> bool:
    """Whether it is the name of a revision, with no path, and nothing else that can be read."""
    from archcalc import shipped  # in most calls there is a file

    if ":" in spec or spec == "-" or os.path.lexists(split_variant(spec)[0]) or shipped.path_of(split_variant(spec)[0]):
        return False
    try:
        Tree(spec)
    except RequestError:
        return False
    return True


def _is_module(name: str) -> bool:
    """Whether what stands before the colon is a module's name and not a revision.

    A plain word such as `main` is a revision wherever there is a repository: even if this clone lacks it, or git
    refuses the repository, the folder's own `main.py` is not run. Raises `RequestError` then.
    """
    try:
        Tree(name)
    except RequestError as error:
        if name.isidentifier() and name not in _LIBRARIES and _in_repository():
            raise RequestError(f"{error}; a module is named by its file here: {name}.py:NAME") from None
        return True
    return False


def _in_repository() -> bool:
    """Whether a folder around the working directory is a repository, including one that git refuses."""
    folder = project.working_folder()
    above = [folder]
    while (folder := os.path.dirname(above[-1])) != above[-1]:
        above.append(folder)
    return any(os.path.lexists(os.path.join(one, ".git")) for one in above)


def _copied(was: Revision, path: str) -> str:
    start, at, variant = path.rpartition("@")
    for file, end in ((path, ""), (start, f"@{variant}")) if at and start else ((path, ""),):
        inside = was.inside(file)
        try:
            if was.is_folder(inside):
                return was.copy_folder(inside)
            found = was.copy(inside)
        except RequestError as error:
            raise RequestError(f"cannot read {was.told(inside)!r}: {error}") from None
        if found is not None:
            return found + end
    raise RequestError(f"there is no {path!r} in {was.name!r}")


def _normal(path: str) -> str | None:
    """A path from the root of the repository, with `/`; None for one that leads out of it."""
    found = os.path.normpath(path).replace(os.sep, "/")
    if os.path.isabs(found) or found.split("/")[0] == "..":
        return None
    return "" if found == "." else found


def _includes(data: bytes) -> Iterator[str]:
    """The files that a spec says it includes; errors in it are reported when it is compared."""
    if b"include" not in data:
        return
    try:
        root = parse(decode("", data))
    except (SpecError, RequestError):
        return
    for key, node in root.pairs if isinstance(root, Mapping) else ():
        if key.text == "include" and isinstance(node, Sequence):
            yield from (
                entry.text
                for entry in node.items[:MAX_INCLUDES]
                if isinstance(entry, Scalar) and "\0" not in entry.text
            )
