"""`python -m tests.fuzz --minutes 10`: hostile input for every command, and what fails is kept."""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from tests.fuzz.case import drawn, read
from tests.fuzz.run import Met, meet
from tests.fuzz.shrink import shrunk

FOLDER = Path(__file__).parent / "regressions"


def tried(seed: int) -> tuple[int, str, Met]:
    """The command of a seed, and how it was met."""
    case = drawn(seed)
    return seed, case.words[0], meet(case)


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
    first = int(time.time()) if given.first is None else given.first
    print(f"first seed {first}", flush=True)
    ran: Counter[str] = Counter()
    statuses: Counter[int | None] = Counter()
    known: Counter[str] = Counter()
    try:
        with multiprocessing.get_context("fork").Pool(given.jobs) as pool:
            for seed, command, met in pool.imap_unordered(tried, _seeds(first, given.cases, given.minutes), 4):
                ran[command] += 1
                statuses[met.status] += 1
                if wrong := met.wrong:
                    known[f"{command}: {wrong}"] += 1
                    if known[f"{command}: {wrong}"] == 1:
                        print(_keep(seed, wrong), flush=True)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
    print(
        f"{sum(ran.values()):,} cases: " + ", ".join(f"{command} {number:,}" for command, number in ran.most_common())
    )
    print("exit status: " + ", ".join(f"{status} {number:,} times" for status, number in statuses.most_common()))
    print("\n".join(f"{number} × {wrong}" for wrong, number in known.most_common()) or "nothing failed")
    return 1 if known else 0


def _seeds(first: int, cases: int | None, minutes: float | None) -> Iterator[int]:
    end = time.monotonic() + 60 * (minutes or 10)
    for seed in count(first):
        if seed - first >= cases if cases is not None else time.monotonic() > end:
            return
        yield seed


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
