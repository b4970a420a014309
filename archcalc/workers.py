"""Work over many pieces, on several processes if that pays; the results and their order are the same.

Each process has its own pipe and shares nothing: if the system kills one, for example for lack of memory, it is noticed
at once, and no lock is left for the others to wait for.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from archcalc.diagnostics import RequestError
from archcalc.records import NamedTuple

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

# More processes per core would only wait and take memory.
_MOST_PER_CORE = 4

# The results of a row of pieces, or what one of them raised.
_Answer = tuple[list[Any], Exception | None]
_T = TypeVar("_T")
_R = TypeVar("_R")


class _Worker(NamedTuple):
    process: BaseProcess
    pipe: Connection


def each(function: Callable[[_T], _R], pieces: Sequence[_T], processes: int, chunk: int = 8) -> Iterator[_R]:
    """`function` of every piece, in order; `function` and `pieces` must be picklable.

    Processes start with this call, not with the first result; if the system gives fewer, those do the work.
    """
    if processes <= 1:
        return map(function, pieces)
    import signal  # a single piece is not worth it
    import threading

    # A program that uses this one from Python may have its own handler, which stays.
    ours = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    if ours:
        signal.signal(signal.SIGTERM, _stop)
    # started here and not with the first result: the caller may show progress from a thread, which a fork loses
    workers: list[_Worker] = []
    with suppress(OSError):  # too few descriptors or processes
        while len(workers) < processes:
            workers.append(_started(function, [worker.pipe for worker in workers]))
    if workers:
        return _collected(function, workers, pieces, chunk, ours)
    if ours:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    return map(function, pieces)


def _started(function: Callable[[Any], Any], others: list[Connection]) -> _Worker:
    """A worker process; `others` are the pipes of those already running."""
    import multiprocessing

    context: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else None)
    ours, theirs = context.Pipe()
    with theirs:
        # a fork inherits all that is open here: left open there, it would keep the others from seeing an end
        inherited = [ours, *others] if context.get_start_method() == "fork" else []
        process = context.Process(target=_work, args=(function, theirs, inherited), daemon=True)
        try:
            process.start()
        except OSError:
            ours.close()
            raise
    return _Worker(process, ours)


def _work(function: Callable[[Any], Any], pipe: Connection, inherited: list[Connection]) -> None:
    """The loop of a worker: answers each row of pieces until there are no more."""
    import signal
    import threading

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then ends it
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for one in inherited:
        one.close()
    with suppress(RuntimeError):  # no thread is to be had: it ends after its row of pieces
        threading.Thread(target=_follow, daemon=True).start()
    with suppress(EOFError, OSError):  # whoever asked is gone
        while True:
            pieces = pipe.recv()
            try:
                answer: _Answer = [function(piece) for piece in pieces], None
            except Exception as error:
                answer = [], error
            try:
                pipe.send(answer)
            except RecursionError:  # it is nested too deeply to be sent: the parent computes it
                pipe.send(None)


def _follow() -> None:
    """End in the middle of a piece when the parent has ended without a chance to say so, as after SIGKILL or SIGHUP."""
    import multiprocessing

    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _stop(number: int, frame: object) -> None:
    """End at once as the signal would by itself, but first end the workers, which would wait for work forever."""
    import multiprocessing
    import signal

    _end(multiprocessing.active_children())
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _end(running: Iterable[BaseProcess]) -> None:
    for process in running:
        process.terminate()


@contextmanager
def _alive() -> Iterator[None]:
    """Handle requests to workers; one that does not answer was killed, for example because memory ran out."""
    try:
        yield
    except (EOFError, OSError):
        raise RequestError(
            "a worker process was killed from outside, perhaps for lack of memory: try --jobs 1"
        ) from None


def _collected(
    function: Callable[[Any], Any], workers: Sequence[_Worker], pieces: Sequence[Any], chunk: int, ours: bool
) -> Iterator[Any]:
    """The results; at the end the processes are gone, and SIGTERM means what it did before if its handler is `ours`.

    Raises `RequestError` if a process was killed from outside.
    """
    import signal
    from multiprocessing.connection import wait

    parts = enumerate(pieces[at : at + chunk] for at in range(0, len(pieces), chunk))
    idle: list[Any] = [worker.pipe for worker in workers]
    asked: dict[Any, int] = {}
    done: dict[int, _Answer] = {}
    turn = 0
    try:
        while True:
            with _alive():
                for pipe, (number, part) in zip(idle, parts):
                    asked[pipe] = number
                    pipe.send(part)
                idle = [*wait([*asked])] if asked else []
                answers = [pipe.recv() for pipe in idle]
            for pipe, answer in zip(idle, answers):
                number = asked.pop(pipe)
                part = pieces[number * chunk : (number + 1) * chunk]
                done[number] = ([function(piece) for piece in part], None) if answer is None else answer
            while turn in done:
                results, error = done.pop(turn)
                if error is not None:
                    raise error
                yield from results
                turn += 1
            if not idle:
                return
    finally:
        _end(worker.process for worker in workers)
        for worker in workers:
            worker.process.join()
            worker.pipe.close()
        if ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def processes(pieces: int, worth: int, jobs: int = 0) -> int:
    """How many processes to use: `jobs`, or for 0 the number of cores, each for at least `worth` pieces."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if jobs:
        return min(jobs, pieces, _MOST_PER_CORE * cores)
    return min(cores, pieces // worth)
