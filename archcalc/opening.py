"""From what a user names to the text of a spec: a file, standard input, a model of another kind, or one in Python."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from archcalc.diagnostics import RequestError, Source, cannot
from archcalc.project import contains
from archcalc.source import MAX_BYTES, decode

# Readers of models that are named as Python code, by name. Reading one runs it, so only callers that know the user
# named it add to this: the command line for its own words, and the Python interface.
NAMED: dict[str, Callable[[str], Source]] = {}
# Libraries whose models are named like `timm:resnet50`.
LIBRARIES = ("timm", "torchvision", "transformers")


def read(path: str, scale: str | None = None) -> Source:
    """Read a spec, or a model of another kind as one; `-` is standard input. Raises `RequestError` or `SpecError`.

    Args:
        scale: that of an Ultralytics model file, whatever its name says.
    """
    if path in NAMED:
        return NAMED[path](path)
    if path == "-":
        if sys.stdin is None:
            raise RequestError("cannot read standard input: it is closed")
        path, data = "<stdin>", sys.stdin.buffer.read(MAX_BYTES + 1)
    else:
        path = located(path)
        data = _bytes(path)
    if _has_model(data):
        return decode(path, data)
    model = _imported(path, data, scale)
    if model is None and os.path.islink(path) and not contains(os.path.dirname(path), path):
        # in somebody else's repository it may lead anywhere, and messages quote what they are about
        raise RequestError(f"cannot read {path!r}: it is a link out of its project, to a file that is not a spec")
    return model or decode(path, data)


def located(path: str) -> str:
    """The path of a file, or of the shipped spec of this name; a file always wins.

    Raises `RequestError` if it is neither.
    """
    if os.path.lexists(path):
        return path
    from archcalc import shipped  # most specs are files

    found = shipped.path_of(path)
    name = os.path.basename(path).removesuffix(shipped.ENDING)
    if found is None and (near := _twin(path)):
        raise RequestError(f"cannot read {path!r}: no such file: did you mean `{near}`?")
    if found is None and name != path and shipped.path_of(name) is not None:
        raise RequestError(f"cannot read {path!r}: no such file; the spec that ships with archcalc is `{name}`")
    if found is None and (near := shipped.nearest(path)):
        raise RequestError(
            f"cannot read {path!r}: no such file, and archcalc ships no spec of that name: did you mean `{near}`?"
        )
    if found is None and (near := _beside(path)):
        raise RequestError(f"cannot read {path!r}: no such file: did you mean `{near}`?")
    if found is None and os.path.basename(path) == path and "." not in path and path != "-":
        raise RequestError(
            f"cannot read {path!r}: no such file, and archcalc ships no spec of that name: `archcalc specs` lists them"
        )
    return found or path


def _twin(path: str) -> str | None:
    """The file of this name with the ending of a spec, for `net.yml` and `models/net`."""
    stem = os.path.splitext(path)[0]
    return next((stem + end for end in (".yaml", ".yml") if os.path.isfile(stem + end)), None)


def _beside(path: str) -> str | None:
    """The file in its folder that a path most likely means, among those with the same ending."""
    from archcalc.advice import suggest  # most files are there

    folder, name = os.path.split(path)
    end = os.path.splitext(name)[1]
    try:
        names = sorted(one for one in os.listdir(folder or ".") if end and one.endswith(end) and one.isprintable())
    except OSError:
        return None
    near = suggest(name, names)
    return None if near is None else os.path.join(folder, near)


def imported(path: str) -> Source | None:
    """The spec of a model that a file of another kind holds; None for any other file. Raises as `read`."""
    return _imported(path, _bytes(path))


def told_of(path: str) -> Any:
    """What a source says about a file besides its spec: a comparison and what it omits; None for other sources.

    Also None for what can be read only once, such as a pipe. Raises as `read`.
    """
    if path == "-" or path in NAMED or (os.path.exists(path) and not os.path.isfile(path)):
        return None
    from archcalc.sources import reader_of
    from archcalc.sources.file import File

    file = File(path, _bytes(located(path)))
    tell = getattr(reader_of(file), "told", None) if not _has_model(file.data) else None
    return tell(file) if tell is not None else None


def _bytes(path: str) -> bytes:
    """The contents of a file, or the beginning of a large one."""
    try:
        with open(path, "rb") as file:
            return file.read(MAX_BYTES + 1)
    except IsADirectoryError:
        raise RequestError(
            f"cannot read {path!r}, a folder: name the specs in it, e.g. {os.path.join(path, '*.yaml')}"
        ) from None
    except (OSError, ValueError) as error:
        raise cannot("read", path, error) from None


def _has_model(data: bytes) -> bool:
    """Whether there is a `model:` as in nearly every spec: then nothing else is considered."""
    return data.startswith(b"model:") or b"\nmodel:" in data


def _imported(path: str, data: bytes, scale: str | None = None) -> Source | None:
    from archcalc.sources import reader_of
    from archcalc.sources.file import File

    file = File(path, data, scale)
    reader = reader_of(file)
    return Source(path, reader.spec(file), reader.KIND) if reader else None
