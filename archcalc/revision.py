"""Specs as they were: `REV:path` read through git, with the files they include."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from archcalc.diagnostics import RequestError


@contextmanager
def checked_out(spec: str) -> Iterator[str]:
    """A path to `spec` that can be read: itself, or for `REV:path` a copy of that revision's folder.

    Raises `RequestError` when git does not know the revision or the path.
    """
    revision, colon, path = spec.partition(":")
    if not colon or os.path.exists(spec) or spec == "-" or (len(revision) < 2 and os.name == "nt"):
        yield spec
        return
    if revision.startswith("-"):
        raise RequestError(f"{revision!r} is not a revision")
    prefix = _git("rev-parse", "--show-prefix").decode().strip()
    inside = os.path.normpath(os.path.join(prefix, path.partition("@")[0]))
    folder = os.path.dirname(inside)
    top = _git("rev-parse", "--show-toplevel").decode().rstrip("\n")
    archive = _git("-C", top, "archive", "--format=tar", revision, "--", folder or ".")
    with tempfile.TemporaryDirectory() as place, tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(place, filter="data")
        found = os.path.join(place, inside)
        if not os.path.exists(found):
            raise RequestError(f"there is no {path!r} in {revision!r}")
        variant = path.partition("@")[2]
        yield found + (f"@{variant}" if variant else "")


def _git(*arguments: str) -> bytes:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        raise RequestError("REV:path needs git, which is not installed") from None
    if done.returncode:
        reason = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise RequestError(f"git: {reason[0] if reason else 'it failed'}")
    return done.stdout
