"""The program, from its first line to its last: `archcalc`, or `python -m archcalc`."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Run the command line as a process of its own, and end it.

    A run is short and its data lives until the end. So collecting garbage finds none, least of all
    while modules are read, and taking everything apart at the end, which takes Python as long as
    checking a network, is left to the system.
    """
    gc.set_threshold(100_000, 50, 50)
    from archcalc.cli import main as run

    try:
        run()
    except SystemExit as end:
        if "torch" in sys.modules or not isinstance(end.code, int):  # torch has threads and processes to end
            raise
        sys.stderr.flush()
        os._exit(end.code)


if __name__ == "__main__":
    main()
