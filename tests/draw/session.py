"""Draws seed after seed, checks each, shrinks what fails and keeps it."""

from __future__ import annotations

import multiprocessing
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from tests.draw import kept
from tests.draw.case import Case
from tests.draw.checks import CHECKS, Skipped, Wrong
from tests.draw.draw import case
from tests.draw.shrink import shrink


@dataclass
class Failure:
    """A case that failed a check, as small as it came out."""

    check: str
    case: Case
    wrong: Wrong


@dataclass
class Checked:
    """What came of one seed: the checks that ran, those that had nothing to say, and what failed."""

    seed: int
    ran: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


def check_seed(seed: int, names: list[str], shrinking: bool = True) -> Checked:
    """Draw the network of a seed and run checks on it."""
    warnings.simplefilter("ignore")
    result = Checked(seed)
    drawn = case(seed)
    for name in names:
        check = CHECKS[name]
        try:
            found = [(one, wrong) for one in check.cases(drawn) if (wrong := check(one))][:1]
        except Skipped:
            result.skipped.append(name)
            continue
        result.ran.append(name)
        for one, wrong in found:
            small = shrink(check, one, wrong.kind) if shrinking else one
            result.failures.append(Failure(name, small, check(small) or wrong))
    return result


@dataclass
class Session:
    """Drawing for some time: what to run, and what came of it so far."""

    checks: list[str]
    first: int
    jobs: int = 1
    seconds: float | None = None
    seeds: int | None = None
    folder: Path = kept.FOLDER
    ran: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    last: int | None = None

    def run(self, say: Callable[[str], None]) -> None:
        """Draw until the time or the seeds are over; `say` tells each failure."""
        for checked in self._checked():
            self.last = max(checked.seed, self.last or checked.seed)
            self.ran.update(checked.ran)
            self.skipped.update(checked.skipped)
            for failure in checked.failures:
                self.failed[failure.check] += 1
                path = kept.keep(failure.check, failure.case, failure.wrong, self.folder)
                where = f"kept as {path}" if path else "its spec is kept already"
                say(f"seed {checked.seed}: {failure.check}: {failure.wrong.detail}\n{failure.case.text}{where}\n")

    def summary(self) -> list[str]:
        """A line for each check."""
        reach = f"{self.first} to {self.last}" if self.last is not None else f"from {self.first}, none done"
        return [
            f"seeds {reach}",
            *(
                f"{name}: {self.ran[name]:,} seeds, {self.failed[name]} failed"
                + (f", {self.skipped[name]} had nothing to check" if self.skipped[name] else "")
                for name in self.checks
            ),
        ]

    def _seeds(self) -> Iterator[int]:
        end = None if self.seconds is None else time.monotonic() + self.seconds
        for number in count():
            if (self.seeds is not None and number >= self.seeds) or (end is not None and time.monotonic() > end):
                return
            yield self.first + number

    def _checked(self) -> Iterator[Checked]:
        if self.jobs == 1:
            for seed in self._seeds():
                yield check_seed(seed, self.checks)
            return
        with ProcessPoolExecutor(self.jobs, multiprocessing.get_context("spawn"), one_thread) as pool:
            pending: set[Future[Checked]] = set()
            try:
                for seed in self._seeds():
                    pending.add(pool.submit(check_seed, seed, self.checks))
                    if len(pending) >= 2 * self.jobs:
                        done, pending = wait(pending, return_when=FIRST_COMPLETED)
                        yield from (future.result() for future in done)
                yield from (future.result() for future in wait(pending).done)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def one_thread() -> None:
    """Let PyTorch use one thread: the networks are small, and the processes many."""
    import torch

    torch.set_num_threads(1)
