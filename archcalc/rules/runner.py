"""Checks many specs, over several processes where that pays; the result is the same."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from archcalc.diagnostics import RequestError
from archcalc.rules.base import Finding
from archcalc.rules.check import Budget, check
from archcalc.rules.selection import Selection

if TYPE_CHECKING:
    from multiprocessing.pool import Pool

# Starting a process costs as much as so many specs.
_WORTH = 40
_CHUNK = 8


class Task:
    """A spec to check, the budget that others set for it, and the spec as it was."""

    def __init__(self, spec: str, budget: Budget | None = None, base: str | None = None) -> None:
        self.spec = spec
        self.budget = budget
        self.base = base


class Outcome:
    """What came of a task: its findings, or why it could not run."""

    def __init__(self, spec: str, findings: list[Finding], error: str | None = None) -> None:
        self.spec = spec
        self.findings = findings
        self.error = error


def run(tasks: Sequence[Task], selection: Selection, jobs: int = 0) -> Iterator[Outcome]:
    """The outcome of every task, in their order. With `jobs` 0 as many processes as pay."""
    selection.rules()  # an unknown code is told before anything runs, and a child need not load them
    count = _processes(len(tasks), jobs, [task.spec for task in tasks])
    if count <= 1:
        return (_one(task, selection) for task in tasks)
    import multiprocessing  # one spec need not pay for it
    import signal

    context = multiprocessing.get_context("fork" if sys.platform == "linux" else None)
    # started here and not with the first outcome: the caller may show progress from a thread, which a fork loses
    pool = context.Pool(count, signal.signal, (signal.SIGINT, signal.SIG_IGN))
    return _collected(pool, tasks, selection)


def _collected(pool: Pool, tasks: Sequence[Task], selection: Selection) -> Iterator[Outcome]:
    from functools import partial

    with pool:
        yield from pool.imap(partial(_one, selection=selection), tasks, chunksize=_CHUNK)


def _processes(tasks: int, jobs: int, specs: Sequence[str]) -> int:
    if "-" in specs:  # only this process has the standard input
        return 1
    if jobs:
        return min(jobs, tasks)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, tasks // _WORTH)


def _one(task: Task, selection: Selection) -> Outcome:
    try:
        return Outcome(task.spec, check(task.spec, selection, task.budget, task.base))
    except RequestError as error:
        return Outcome(task.spec, [], str(error))
