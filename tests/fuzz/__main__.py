"""`python -m tests.fuzz --minutes 10`: hostile input for every command, and what fails is kept."""

from __future__ import annotations

import argparse
import contextlib
import gc
import hashlib
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from importlib import import_module
from itertools import count, islice
from pathlib import Path
from pkgutil import walk_packages

import archcalc
from tests.fuzz.case import drawn, read
from tests.fuzz.run import Met, meet, meet_all
from tests.fuzz.shrink import shrunk

FOLDER = Path(__file__).parent / "regressions"
_READ = (
    "torch",
    "torch._dynamo",
    "torchinfo",
    "huggingface_hub.hf_api",
    "tomllib",
    "tests.sources.test_ultralytics",
    "sympy",
    "matplotlib.figure",
    "matplotlib.backends.backend_svg",
    "rich.table",
)


# So many cases are met in one process that is forked; how many seeds share a drawn network divides it.
_TOGETHER = 192


def tried(first: int, count: int) -> list[tuple[int, str, Met]]:
    """How the cases of some seeds were met, with the seed and the command of each."""
    return [*meet_all(range(first, first + count))]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, help="how long; 10 unless --cases is given")
    parser.add_argument("--cases", type=int, help="how many cases")
    parser.add_argument("--first", type=int, help="the first seed; from the clock unless given")
    parser.add_argument("--jobs", type=int, default=1, help="processes; %(default)s unless given")
    parser.add_argument("--kept", action="store_true", help="run what was kept, and nothing else")
    given = parser.parse_args()
    if given.kept:
        wrong = {
            path.name: meet(read(path.read_text(encoding="utf-8"))).wrong for path in sorted(FOLDER.glob("*.json"))
        }
        print("".join(f"{name}: {what}\n" for name, what in wrong.items() if what), end="")
        return 1 if any(wrong.values()) else 0
    os.environ["HF_HUB_OFFLINE"] = "1"
    own = [module.name for module in walk_packages(archcalc.__path__, "archcalc.") if "__main__" not in module.name]
    for name in (*_READ, *own):  # what commands import when they need it: here once, for all cases
        with contextlib.suppress(ImportError):
            import_module(name)
    gc.freeze()  # no collection in a case looks at all of that again
    first = int(time.time()) if given.first is None else given.first
    print(f"first seed {first}", flush=True)
    told = Told()
    try:
        for seed, command, met in _met(_parts(first, given.cases, given.minutes), given.jobs):
            told.take(seed, command, met)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
    print(told.text())
    return 1 if told.wrong else 0


def _met(parts: Iterator[tuple[int, int]], jobs: int) -> Iterator[tuple[int, str, Met]]:
    """What came of every case, in the order of their ends; no part waits in a queue, so that it ends with the time."""
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        running = {pool.submit(tried, *part) for part in islice(parts, jobs)}
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            running |= {pool.submit(tried, *part) for part in islice(parts, len(done))}
            for one in done:
                yield from one.result()


def _parts(first: int, cases: int | None, minutes: float | None) -> Iterator[tuple[int, int]]:
    """Runs of seeds, each by its first one and how many they are, until there are enough or the time is over."""
    end = time.monotonic() + 60 * (minutes or 10)
    for start in count(first, _TOGETHER):
        left = _TOGETHER if cases is None else min(_TOGETHER, first + cases - start)
        if left <= 0 or (cases is None and time.monotonic() > end):
            return
        yield start, left


class Told:
    """What came of all cases so far."""

    def __init__(self) -> None:
        self.commands: Counter[str] = Counter()
        self.statuses: Counter[int | None] = Counter()
        self.wrong: Counter[str] = Counter()
        self.specs = self.accepted = 0

    def take(self, seed: int, command: str, met: Met) -> None:
        """Count a case; the first of those that fail in the same way is kept."""
        self.commands[command] += 1
        self.statuses[met.status] += 1
        self.specs += met.specs
        self.accepted += met.accepted
        if met.wrong:
            fault = f"{command}: {met.wrong}"
            self.wrong[fault] += 1
            if self.wrong[fault] == 1:
                print(_keep(seed, met.wrong), flush=True)
        if (done := sum(self.commands.values())) % 1_000 == 0:
            print(f"{done:,} cases, the last of seed {seed}", flush=True)

    def text(self) -> str:
        """The sums, and what failed how often."""
        commands = ", ".join(f"{command} {number:,}" for command, number in self.commands.most_common())
        statuses = ", ".join(f"{status} {number:,} times" for status, number in self.statuses.most_common())
        share = f"{self.accepted:,} of {self.specs:,} specs accepted ({self.accepted / max(1, self.specs):.0%})"
        faults = "\n".join(f"{number} × {wrong}" for wrong, number in self.wrong.most_common())
        total = sum(self.commands.values())
        return f"{total:,} cases: {commands}\nexit status: {statuses}\n{share}\n{faults or 'nothing failed'}"


def _keep(seed: int, wrong: str) -> str:
    """Write a case that failed, as small as it comes out; where it is."""
    case = shrunk(drawn(seed), wrong)
    case.why = f"seed {seed}: {wrong}"
    text = case.json()
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{case.words[0]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.json"
    path.write_text(text, encoding="utf-8")
    return f"{wrong} ({' '.join(case.words)!r}), kept as {path.name}"


if __name__ == "__main__":
    sys.exit(main())
