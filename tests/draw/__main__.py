"""`python -m tests.draw --minutes 10`: draw fresh networks, and keep those that fail a check."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path

from tests.draw.checks import CHECKS
from tests.draw.kept import FOLDER
from tests.draw.session import Session, one_thread


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.draw", description=__doc__)
    parser.add_argument("--minutes", type=float, help="how long to draw; 10 unless --seeds is given")
    parser.add_argument("--seeds", type=int, help="how many networks to draw")
    parser.add_argument("--check", default=",".join(CHECKS), help="checks, comma separated; all: %(default)s")
    parser.add_argument("--first", type=int, help="the first seed; from the clock unless given")
    parser.add_argument("--jobs", type=int, default=1, help="processes; %(default)s unless given")
    parser.add_argument("--into", type=Path, default=FOLDER, help="where specs that fail are written")
    given = parser.parse_args()
    checks = given.check.split(",")
    if unknown := [name for name in checks if name not in CHECKS]:
        parser.error(f"no check is named {', '.join(unknown)}: there are {', '.join(CHECKS)}")
    minutes = 10 if given.minutes is None and given.seeds is None else given.minutes
    first = int(time.time()) if given.first is None else given.first
    session = Session(
        checks, first, given.jobs, None if minutes is None else 60 * minutes, given.seeds, given.into.resolve()
    )
    print(f"first seed {first}", flush=True)
    one_thread()
    # A shell that starts this in the background has it ignore the key that interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        session.run(lambda text: print(text, flush=True))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
    print("\n".join(session.summary()))
    return 1 if session.failed else 0


if __name__ == "__main__":
    sys.exit(main())
