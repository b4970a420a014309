"""How every file is written: whole or not at all, and never over what it was made from."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterable

from archcalc.diagnostics import RequestError, cannot

# A top-level key of every spec and every file of blocks, but of no report; in a device file `layers:` is a number.
_SPEC = rb"(?m)^(?:\xef\xbb\xbf)?[{ ]*[\"']?(?:layers|blocks)[\"']?[ \t]*:(?![ \t]*\d)"


def write_file(path: str, content: str | bytes, inputs: Iterable[str] = (), append: bool = False) -> None:
    """Write a report, a drawing or source to a file.

    An existing file keeps its mode and owner, and links still lead to it. If it cannot be written, for example on a
    full disk, it stays as it was.

    Args:
        path: the file; a device or pipe is written directly.
        inputs: what the content is made from.
        append: write after the existing contents.

    Raises:
        RequestError: it cannot be written, is one of the inputs or another spec.
    """
    if not append:
        _refuse_specs(path, inputs)
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    try:
        if append and os.path.isfile(path):
            with open(path, "rb") as file:
                data = file.read() + data
        if _is_stream(path):
            with open(path, "wb") as file:  # if it is a folder, the error says so
                file.write(data)
        else:
            _replace(os.path.realpath(path), data)
    except (OSError, ValueError) as error:
        raise cannot("write", path, error) from None


def rewrite(path: str, data: bytes) -> None:
    """Write a fixed spec, as `write_file` does. Raises `RequestError`."""
    try:
        _replace(os.path.realpath(path), data)
    except OSError as error:
        raise cannot("write", path, error) from None


def _refuse_specs(path: str, inputs: Iterable[str]) -> None:
    if not os.path.isfile(path):
        return
    same = any(os.path.exists(one) and os.path.samefile(path, one) for one in inputs)
    with contextlib.suppress(OSError), open(path, "rb") as file:
        same = same or re.search(_SPEC, file.read(2**20)) is not None
    if same:
        raise RequestError(f"{path!r} is a spec, which no output overwrites: write to another file")


def _is_stream(path: str) -> bool:
    """Whether it is a device, a pipe or one of the program's own streams."""
    own = os.path.abspath(path).startswith(("/dev/", "/proc/"))
    return os.path.exists(path) and (own or not stat.S_ISREG(os.stat(path).st_mode))


def _replace(path: str, data: bytes) -> None:
    """Put `data` into the file at `path`, which is not a link."""
    there = os.stat(path) if os.path.exists(path) else None
    if there is not None and not os.access(path, os.W_OK):
        raise PermissionError(13, "Permission denied")
    if there is not None and there.st_nlink > 1:
        _overwrite(path, data)  # a new file would lose the hard links
        return
    temporary = os.path.join(os.path.dirname(path), f".archcalc-{os.urandom(8).hex()}")
    try:
        handle = os.open(
            temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600 if there else 0o666
        )
    except PermissionError:
        if there is None:
            raise
        _overwrite(path, data)  # in a folder that does not allow new files
        return
    try:
        with open(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(handle)
        if there is not None and not _liken(temporary, path, there):
            os.unlink(temporary)
            _overwrite(path, data)
            return
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _settle(os.path.dirname(path))


def _liken(temporary: str, path: str, there: os.stat_result) -> bool:
    """Give a new file the mode, owner and attributes of the one it replaces; returns whether all could be given."""
    import shutil  # few runs overwrite a file

    shutil.copystat(path, temporary)
    os.utime(temporary)
    made = os.stat(temporary)
    if (made.st_uid, made.st_gid) != (there.st_uid, there.st_gid):
        try:
            os.chown(temporary, there.st_uid, there.st_gid)
            os.chmod(temporary, stat.S_IMODE(there.st_mode))  # which a new owner may have changed
        except (OSError, AttributeError):
            return False
    return True


def _overwrite(path: str, data: bytes) -> None:
    """Write into the file itself, once the disk is known to have room for all of it."""
    with open(path, "r+b") as file:
        if hasattr(os, "posix_fallocate") and data:
            os.posix_fallocate(file.fileno(), 0, len(data))
        file.write(data)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())


def _settle(folder: str) -> None:
    """Sync the folder to disk, with the file's new name."""
    with contextlib.suppress(OSError):
        handle = os.open(folder or ".", os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
