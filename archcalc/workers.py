"""Work over many pieces, on several processes where that pays; the results and their order are the same."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from multiprocessing.pool import Pool

# More processes for each core only wait for it, and take memory.
_MOST_PER_CORE = 4

_T = TypeVar("_T")
_R = TypeVar("_R")


def each(function: Callable[[_T], _R], pieces: Sequence[_T], processes: int, chunk: int = 8) -> Iterator[_R]:
    """`function` of every piece, in their order; `function` and `pieces` can be pickled.

    Processes start with this call and not with the first result.
    """
    if processes <= 1:
        return map(function, pieces)
    import multiprocessing  # one piece need not pay for it
    import signal
    import threading

    context = multiprocessing.get_context("fork" if sys.platform == "linux" else None)
    # A program that uses this one from Python may have a handler of its own, which stays.
    ours = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    if ours:
        signal.signal(signal.SIGTERM, _stop)
    # started here and not with the first result: the caller may show progress from a thread, which a fork loses
    pool = context.Pool(processes, _begin)
    return _collected(pool, function, pieces, chunk, ours)


def _begin() -> None:
    """A process that works: Ctrl-C is for the one that started it, which then ends it."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _stop(number: int, frame: object) -> None:
    """End at once as the signal does by itself, and the processes first, which would wait for work forever."""
    import multiprocessing
    import signal

    for process in multiprocessing.active_children():
        process.terminate()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _collected(pool: Pool, function: Callable[[_T], _R], pieces: Sequence[_T], chunk: int, ours: bool) -> Iterator[_R]:
    """The results; at the end the processes are gone, and SIGTERM means what it did where its handler is `ours`."""
    import signal

    try:
        with pool:
            yield from pool.imap(function, pieces, chunksize=chunk)
    finally:
        if ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def processes(pieces: int, worth: int, jobs: int = 0) -> int:
    """How many processes to use: `jobs`, or with 0 as many cores as there are, each for at least `worth` pieces."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if jobs:
        return min(jobs, pieces, _MOST_PER_CORE * cores)
    return min(cores, pieces // worth)
