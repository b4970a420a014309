"""The points of a grid: every combination of values, or those listed in a file, one JSON object per line."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

from archcalc import project
from archcalc.diagnostics import RequestError
from archcalc.network.load import split_variant
from archcalc.running import Running
from archcalc.running.texts import of_texts, of_values
from archcalc.sweep.axis import Axis

_KEYS = ("spec", "set", "batch", "run")
_FORM = '{"spec": "net.yaml", "set": {"width": 128}, "batch": 8}'


@dataclass(frozen=True)
class Point:
    """A network to compute: its spec, e.g. `net.yaml@large`, and the values of `--set` and `--batch`.

    Attributes:
        run: other run settings, each as one text: `archcalc.running.texts`.
    """

    spec: str
    settings: tuple[tuple[str, str], ...]
    batch: int = 1
    run: tuple[tuple[str, str], ...] = ()

    @property
    def said(self) -> Running:
        """The run settings of its own, besides the batch. Raises `RequestError`."""
        return of_texts(self.run)

    @property
    def line(self) -> str:
        """The point as a line of a grid file."""
        entry: dict[str, Any] = {"spec": self.spec, "set": dict(self.settings), "batch": self.batch}
        return json.dumps(entry | ({"run": dict(self.run)} if self.run else {}), ensure_ascii=False)


def grid(
    specs: Sequence[str], axes: Sequence[Axis], batches: Sequence[int], runs: Sequence[Axis] = ()
) -> Iterator[Point]:
    """All combinations; the last axis varies fastest, then the other axes, the batch, and the run settings."""
    names, said = [axis.name for axis in axes], [axis.name for axis in runs]
    for spec, run, batch in product(specs, product(*(axis.values for axis in runs)), batches):
        for values in product(*(axis.values for axis in axes)):
            yield Point(spec, tuple(zip(names, values)), batch, tuple(zip(said, run)))


def size(specs: Sequence[str], axes: Sequence[Axis], batches: Sequence[int], runs: Sequence[Axis] = ()) -> int:
    """The number of points in `grid`."""
    return len(specs) * len(batches) * prod(len(axis.values) for axis in (*axes, *runs))


def read_grid(lines: Iterable[str], path: str, spec: str | None) -> list[Point]:
    """The points in a grid file, whose lines may omit defaults.

    Args:
        path: the file, `-` for standard input.
        spec: the default for lines without one.

    Raises:
        RequestError: an invalid line, or one that names a spec outside the projects of the file and of
            the working directory, since the file may be untrusted.
    """
    name = "<stdin>" if path == "-" else path
    points = [_point(line, f"{name}:{number}", spec) for number, line in enumerate(lines, 1) if line.strip()]
    for named in {point.spec for point in points} - {spec}:
        file = split_variant(named)[0]
        if not any(project.contains(folder, file) for folder in (os.path.dirname(path), "")):
            raise RequestError(f"{name}: {named!r} is outside the project: name it on the command line")
    return points


def _point(line: str, place: str, spec: str | None) -> Point:
    try:
        entry: Any = json.loads(line)
    except (ValueError, RecursionError):
        raise RequestError(f"{place}: not JSON: each line must be a point, e.g. {_FORM}") from None
    if not isinstance(entry, dict) or not set(entry) <= set(_KEYS):
        raise RequestError(f"{place}: a point may have the keys {', '.join(_KEYS)}, e.g. {_FORM}")
    named = entry.get("spec", spec)
    if not isinstance(named, str):
        raise RequestError(f"{place}: no spec: name one on the command line, or in the line, e.g. {_FORM}")
    batch, settings = entry.get("batch", 1), entry.get("set", {})
    if isinstance(batch, bool) or not isinstance(batch, int) or not 1 <= batch < 2**40:
        raise RequestError(f"{place}: the batch must be a whole number from 1 to {2**40 - 1:,}, not {batch!r}")
    if not isinstance(settings, dict) or not all(isinstance(one, (str, int, float)) for one in settings.values()):
        raise RequestError(f"{place}: `set` must have a number or a word for each name, e.g. {_FORM}")
    run = entry.get("run", {})
    if not isinstance(run, dict):
        raise RequestError(f'{place}: `run` must have a value for each name, e.g. {{"precision": "bf16"}}')
    try:
        said = tuple(
            (name, of_values(name, value) if isinstance(value, list) else _text(value)) for name, value in run.items()
        )
        of_texts(said)
    except RequestError as error:
        raise RequestError(f"{place}: {error}") from None
    return Point(named, tuple((name, _text(value)) for name, value in settings.items()), batch, said)


def _text(value: Any) -> str:
    """A value as `--set` takes it."""
    return value if isinstance(value, str) else json.dumps(value)


def parse_part(text: str) -> tuple[int, int]:
    """`3/8` as the third of eight parts. Raises `RequestError`."""
    match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text, re.ASCII)
    part, parts = map(int, match.groups()) if match else (0, 0)
    if not 1 <= part <= parts:
        raise RequestError(f"--shard takes I/N with I from 1 to N, e.g. 3/8, not {text!r}")
    return part, parts


def shard(points: Sequence[Point], part: int, parts: int) -> Sequence[Point]:
    """Every `parts`-th point, from the `part`-th on (from 1), so that shards take similar time."""
    return points[part - 1 :: parts]
