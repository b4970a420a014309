"""Which files of two folders are compared, for `archcalc diff`."""

from __future__ import annotations

import os
from collections.abc import Iterator

from archcalc.diagnostics import Findings, SpecError
from archcalc.network.load import parsed
from archcalc.rules.paths import specs_of
from archcalc.source import read

Pair = tuple["str | None", "str | None"]


def pairs(base: str, head: str) -> Iterator[Pair]:
    """The specs of both folders that are the same one, by their path; None where one has it not.

    A spec that only one folder has is paired with one that only the other has and that has the name
    of the same model: its file was renamed.
    """
    before, after = _by_path(base), _by_path(head)
    gone = {path: _name(before[path]) for path in before if path not in after}
    new = {path: _name(after[path]) for path in after if path not in before}
    renamed = {}
    for path, name in gone.items():
        same = [other for other, theirs in new.items() if theirs == name is not None]
        if len(same) == 1 and list(gone.values()).count(name) == 1:
            renamed[same[0]] = path
    for path in sorted({*before, *after} - set(renamed.values())):
        yield before.get(renamed.get(path, path)), after.get(path)


def _by_path(folder: str) -> dict[str, str]:
    return {os.path.relpath(spec, folder): spec for spec in specs_of(folder)}


def _name(spec: str) -> str | None:
    try:
        return parsed(read(spec), Findings()).model.text
    except SpecError:
        return None  # told when it is compared
