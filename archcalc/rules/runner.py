"""Checks many specs, in several processes if that is faster; the result is the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain, groupby

from archcalc.diagnostics import RequestError
from archcalc.expectations import Met
from archcalc.network.load import Networks, split_variant
from archcalc.rules.base import Finding
from archcalc.rules.before import Before
from archcalc.rules.check import Budget, check, opened
from archcalc.rules.selection import Selection
from archcalc.workers import each, processes

# Starting a process takes as long as this many specs.
_WORTH = 40


class Task:
    """A spec to check, the budget set for it elsewhere, its earlier version, and the batch, by default the spec's own."""

    def __init__(
        self, spec: str, budget: Budget | None = None, base: Before | None = None, batch: int | None = None
    ) -> None:
        self.spec = spec
        self.budget = budget
        self.base = base
        self.batch = batch


class Outcome:
    """The result of a task: its findings, or why it could not run; without findings, the expectations that it meets."""

    def __init__(self, spec: str, findings: list[Finding], error: str | None = None, met: Sequence[Met] = ()) -> None:
        self.spec = spec
        self.findings = findings
        self.error = error
        self.met = met


def run(tasks: Sequence[Task], selection: Selection, jobs: int = 0) -> Iterator[Outcome]:
    """The outcome of every task, in order. With `jobs` 0 the number of processes is chosen automatically."""
    selection.check()  # an unknown code is reported before anything runs
    # only this process has standard input
    count = 1 if any(task.spec == "-" for task in tasks) else processes(len(tasks), _WORTH, jobs)
    if count > 1:
        selection.rules()  # so that children need not load them
    files = [list(group) for _, group in groupby(tasks, lambda task: split_variant(task.spec)[0])]
    most = max(_WORTH, -(-len(tasks) // max(1, count)))  # many variants are shared among the processes
    pieces = [file[start : start + most] for file in files for start in range(0, len(file), most)]
    return chain.from_iterable(each(partial(_of_file, selection=selection, alone=len(tasks) == 1), pieces, count))


def _of_file(tasks: Sequence[Task], selection: Selection, alone: bool) -> list[Outcome]:
    """The outcomes of a spec and its variants."""
    try:
        found = opened(split_variant(tasks[0].spec)[0])
    except RequestError as error:
        return [Outcome(task.spec, [], str(error)) for task in tasks]
    return [_outcome(task, found, selection, alone) for task in tasks]


def _outcome(task: Task, found: Networks | list[Finding], selection: Selection, alone: bool) -> Outcome:
    if isinstance(found, list):
        return Outcome(task.spec, found)
    met: list[Met] | None = [] if alone else None
    try:
        variant = split_variant(task.spec)[1]
        findings = check(found, selection, variant, task.budget, task.base, task.batch, met)
        return Outcome(task.spec, findings, met=met or ())
    except RequestError as error:
        return Outcome(task.spec, [], str(error))
