"""A time limit for foreign code that does not end while its module is imported, built or run."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, NoReturn

from archcalc.diagnostics import RequestError
from archcalc.pytorch.capture.building import Endless, told

# Seconds of processor time for one step: large models take a minute.
SECONDS = 300
# A network with more calls than this has more layers than a spec may have.
CALLS = 2**17


class EndlessError(RequestError):
    """Code that does not end, or that ends by what no `except Exception` catches: it is not tried in other ways."""


@contextmanager
def bounded(name: str, doing: str) -> Iterator[None]:
    """Raises `EndlessError` if the body does not end in time, or raises what is neither an `Exception` nor an interrupt.

    The time is only measured where Python can be interrupted: in the main thread, and not on Windows.

    Args:
        name: the name of the module.
        doing: what cannot be done with it, e.g. "cannot be run".
    """
    try:
        with _timed() if _can_be_interrupted() else nullcontext():
            yield
    except (KeyboardInterrupt, GeneratorExit, Exception):
        raise
    except BaseException as error:  # such as `Endless`, or one that is meant to pass `except Exception`
        raise EndlessError(f"{name!r} {doing}: {told(error)}") from None


def _can_be_interrupted() -> bool:
    return hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()


@contextmanager
def _timed() -> Iterator[None]:
    before = signal.signal(signal.SIGVTALRM, _end)
    timer = signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS, 1)  # again each second, in case the first was caught
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, *timer)
        signal.signal(signal.SIGVTALRM, before)


def _end(number: int, frame: Any) -> NoReturn:
    raise Endless(f"it is not done after {SECONDS} s of processor time")
