"""Which files of two folders are compared, for `archcalc diff`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from archcalc.diagnostics import Findings, SpecError
from archcalc.network.load import parsed
from archcalc.opening import read
from archcalc.rules.paths import specs_of


class Files(NamedTuple):
    """A file in both folders; None where one does not have it. `name` is its path in them, or both paths."""

    name: str
    base: str | None
    head: str | None


def pairs(base: str, head: str) -> Iterator[Files]:
    """The specs of both folders that are the same one, by their path.

    A spec that only one folder has is paired with one that only the other has and that has the name
    of the same model: its file was renamed.
    """
    before, after = _by_path(base), _by_path(head)
    gone = _by_model({path: before[path] for path in before if path not in after})
    new = _by_model({path: after[path] for path in after if path not in before})
    renamed = {new[model][0]: paths[0] for model, paths in gone.items() if len(paths) == len(new.get(model, ())) == 1}
    for path in sorted({*before, *after} - set(renamed.values())):
        old = renamed.get(path, path)
        name = path if old == path else f"{old} → {path}"
        yield Files(name, before.get(old), after.get(path))


def _by_path(folder: str) -> dict[str, str]:
    return {os.path.relpath(spec, folder): spec for spec in specs_of(folder)}


def _by_model(specs: Mapping[str, str]) -> dict[str, list[str]]:
    """The paths of specs by the name of their model; those that are not valid are told when they are compared."""
    found: dict[str, list[str]] = {}
    for path, spec in specs.items():
        with suppress(SpecError):
            found.setdefault(parsed(read(spec), Findings()).model.text, []).append(path)
    return found
