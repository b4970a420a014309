"""Makes a case that fails small: words, files, lines and characters go while it fails the same way."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from tests.fuzz.case import Case
from tests.fuzz.run import meet

_MOST_TRIES, _MOST_SECONDS = 400, 60


def shrunk(case: Case, wrong: str) -> Case:
    """The smallest found that fails as `wrong` says."""
    tries, end = _MOST_TRIES, time.monotonic() + _MOST_SECONDS

    def fails(one: Case) -> bool:
        nonlocal tries
        tries -= 1
        return tries > 0 and time.monotonic() < end and meet(one).wrong == wrong

    for name in list(case.files):
        less = replace(case, files={other: text for other, text in case.files.items() if other != name})
        if fails(less):
            case = less
    case = replace(
        case,
        words=[
            case.words[0],
            *_fewer(case.words[1:], lambda words: fails(replace(case, words=[case.words[0], *words]))),
        ],
    )
    for name in list(case.files):
        for split in (lambda text: text.splitlines(keepends=True), list):
            case = _with_less(case, name, split, fails)
    return case


def _with_less(case: Case, name: str, split: Callable[[str], list[str]], fails: Callable[[Case], bool]) -> Case:
    """The case with as little of one of its files as still fails."""

    def of(parts: Sequence[str]) -> Case:
        return replace(case, files={**case.files, name: "".join(parts)})

    parts = split(case.files[name])
    return of(_fewer(parts, lambda less: fails(of(less)))) if len(parts) <= 400 else case


def _fewer(parts: Sequence[str], fails: Callable[[list[str]], bool]) -> list[str]:
    """A part of `parts`, in order, that still fails: halves are tried first, then smaller runs."""
    kept, run = list(parts), max(1, len(parts) // 2)
    while True:
        at = 0
        while at < len(kept):
            less = kept[:at] + kept[at + run :]
            if fails(less):
                kept = less
            else:
                at += run
        if run == 1:
            return kept
        run //= 2
