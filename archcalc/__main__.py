"""The program's entry point and exit: `archcalc`, or `python -m archcalc`."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress

from archcalc.patterns import imported

# Python's messages when it lacks the memory even for a MemoryError.
_LOST = ("without setting an exception", "without exception set")


def main() -> None:
    """Run the command line as a whole process, and end it.

    A run is short, and its data lives until the end. So garbage collection would find nothing, least of all during
    imports. Tearing everything down at the end takes Python as long as checking a network, so it is left to the system.
    """
    _forget_working_folder()
    gc.set_threshold(10_000_000, 50, 50)  # more objects than the largest network has
    try:
        imported("click")  # with its own imports, whose patterns are mostly never used
        from archcalc.cli import main as run

        run()
    except (MemoryError, SystemError) as error:
        if isinstance(error, SystemError) and not any(words in str(error) for words in _LOST):
            raise
        os.write(2, b"archcalc: out of memory\n")
        os._exit(2)
    except OSError as error:  # the program's own files cannot be opened
        os.write(
            2,
            f"archcalc: cannot open {error.filename!r}: {str(error.strerror).lower()}\n".encode(
                "utf-8", "backslashreplace"
            ),
        )
        os._exit(2)
    except SystemExit as end:
        if "torch" in sys.modules or not isinstance(end.code, int) or _has_children():  # more has to be shut down
            raise
        with suppress(OSError):  # the disk is full
            sys.stderr.flush()
        os._exit(end.code)


def _has_children() -> bool:
    """Whether child processes still run: a run that was stopped midway leaves them waiting."""
    multiprocessing = sys.modules.get("multiprocessing")
    return multiprocessing is not None and bool(multiprocessing.active_children())


def _forget_working_folder() -> None:
    """Import nothing from the working directory, where `python -m` looks first: it may be somebody else's."""
    first = sys.path[0] if sys.path else ""
    home = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    try:
        here = os.getcwd()
    except OSError:
        return
    if first in ("", here) and os.path.realpath(here) != os.path.realpath(home):
        del sys.path[0]


if __name__ == "__main__":
    main()
