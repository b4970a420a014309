"""Pairs the files of two folders for `archcalc diff`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress

from archcalc.diagnostics import Findings, SpecError
from archcalc.network.load import parsed
from archcalc.opening import read
from archcalc.records import NamedTuple
from archcalc.rules.paths import specs_of


class Files(NamedTuple):
    """A pair of files; None for a folder that lacks it. `name` is the path in both folders, or both paths."""

    name: str
    base: str | None
    head: str | None


def pairs(base: str, head: str) -> Iterator[Files]:
    """Pairs the specs of both folders by path.

    Unpaired specs with the same model name are treated as renamed files.
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
    """The paths of specs by model name; invalid specs are reported when they are compared."""
    found: dict[str, list[str]] = {}
    for path, spec in specs.items():
        with suppress(SpecError):
            found.setdefault(parsed(read(spec), Findings()).model.text, []).append(path)
    return found
