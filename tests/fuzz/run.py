"""Runs cases in processes that are forked from this one, with an end to their time and memory."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import _lru_cache_wrapper
from pathlib import Path

import archcalc.git
import archcalc.hub
import archcalc.opening
from archcalc.commands import watch
from archcalc.diagnostics import RequestError
from archcalc.pytorch.capture import named
from tests.conftest import ROOT
from tests.fuzz.case import Case, data, drawn
from tests.fuzz.looks import CRASH, fault, judged, written
from tests.fuzz.sources import HUB

# Processor time and memory of a case; what waits longer than that hangs.
SECONDS, BYTES, WAITING = 5, 2**30, 120
# Hashes of texts whose source was looked at and is right, by one child or another: they are not built again.
_BUILT: set[int] = set()
# Those whose caches hold what the program's own files say, or follows from them.
_OF_FILES = ("archcalc.pytorch.library", "archcalc.shipped")
_FOLDER = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@dataclass
class Met:
    """How the program met a case: its exit status, and what is wrong; how many specs it was given and had accepted.

    Attributes:
        built: hashes of the texts whose source was looked at and is right.
    """

    status: int | None = None
    wrong: str | None = None
    specs: int = 0
    accepted: int = 0
    built: list[int] = field(default_factory=list)


def meet(case: Case) -> Met:
    """Run the case in a process of its own.

    The program may refuse anything, but in a message: no traceback, within `SECONDS` of processor
    time and `BYTES`; and it writes what it was asked to write.
    """
    (met,) = _forked([case])
    return met


def meet_all(seeds: Sequence[int]) -> Iterator[tuple[int, str, Met]]:
    """The cases of these seeds, run one after the other in one process; what fails there runs again alone."""
    cases = [drawn(seed) for seed in seeds]
    done = 0
    while done < len(cases):
        found = _forked(cases[done:])
        for met in found:
            if met.wrong is not None:
                met = meet(cases[done])
            yield seeds[done], cases[done].words[0], met
            done += 1


def _forked(cases: Sequence[Case]) -> list[Met]:
    """The cases, one after the other in a child; up to the one that ends it."""
    place = Path(tempfile.mkdtemp(dir=_FOLDER))
    with tempfile.TemporaryFile(dir=_FOLDER) as results:
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                _Child(place, results.fileno()).run(cases)
            os._exit(0)
        with contextlib.suppress(OSError):
            os.setpgid(child, child)
        _, state = os.waitpid(child, 0)
        with contextlib.suppress(OSError):
            os.killpg(child, signal.SIGKILL)  # processes that a case left behind
        results.seek(0)
        found = [Met(*json.loads(line)) for line in results.read().splitlines()]
    _BUILT.update(one for met in found for one in met.built)
    shutil.rmtree(place, ignore_errors=True)
    if len(found) < len(cases):
        found.append(Met(wrong=_ending(state)))
    return found


def _ending(state: int) -> str:
    if not os.WIFSIGNALED(state):
        return f"ended by itself with {os.WEXITSTATUS(state)}"
    number = os.WTERMSIG(state)
    if number in (signal.SIGPROF, signal.SIGXCPU):
        return f"over {SECONDS} s"
    return f"waits over {WAITING} s" if number == signal.SIGALRM else f"ended by {signal.Signals(number).name}"


def _of_hub(name: str) -> bytes:
    """What the Hub is said to have, a file of the case."""
    archcalc.hub._parts(name)
    try:
        return Path(HUB).read_bytes()
    except OSError:
        raise RequestError(f"{name}: the Hub does not answer") from None


class Saves:
    """The clock of `watch`: while it sleeps its file is saved with half of what it had, then as it was, and it is stopped."""

    strftime, localtime = staticmethod(time.strftime), staticmethod(time.localtime)

    def __init__(self, case: Case) -> None:
        self.files = {Path(name): data(text) for name, text in case.files.items()}
        self.left = 2

    def sleep(self, seconds: float) -> None:
        """Raises `KeyboardInterrupt` the third time."""
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        for path, whole in self.files.items():
            if path.is_file() and not path.is_symlink():
                path.write_bytes(whole[: len(whole) // 2] if self.left else whole)
                os.utime(path, (0, self.left))


class _Child:
    """The process that runs cases, each in a folder of its own, its streams in files that are emptied."""

    def __init__(self, place: Path, results: int) -> None:
        os.setpgid(0, 0)
        self.place = place
        self.results = results
        archcalc.git.SECONDS = 1  # what git waits for never comes here
        if "torch" in sys.modules:
            from archcalc.pytorch.capture import bound

            bound.SECONDS = 1  # modules that run on and on are ended soon
        archcalc.hub._config = _of_hub
        sys.dont_write_bytecode = True  # beside a module that is named
        self.modules, self.path = set(sys.modules), list(sys.path)
        self.streams = [os.memfd_create(name) for name in ("out", "err")]
        for number, stream in zip((1, 2), self.streams):
            os.dup2(stream, number)
        with open("/proc/self/statm") as file:
            mapped = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (mapped + BYTES, mapped + BYTES))
        os.environ.pop("GITHUB_STEP_SUMMARY", None)
        os.environ.update({"XDG_CONFIG_HOME": str(place / "home"), "HOME": str(place / "home")})
        self.environment = dict(os.environ)
        own = [module for name, module in sys.modules.items() if name.startswith("archcalc.") and name not in _OF_FILES]
        self.caches = {
            id(one): one for module in own for one in vars(module).values() if isinstance(one, _lru_cache_wrapper)
        }

    def run(self, cases: Sequence[Case]) -> None:
        for number, case in enumerate(cases):
            # A name that is the same for the same case: how long a path is changes what is printed.
            folder = self.place / f"{number:04}"
            try:
                os.mkdir(folder)
                case.write(folder)
            except (OSError, ValueError):
                met = Met()  # no file can have such a name here
            else:
                if any("include" in text for text in case.files.values()) and not (folder / "blocks").exists():
                    shutil.copytree(ROOT / "specs" / "blocks", folder / "blocks")
                met = self._met(case, folder)
            _BUILT.update(met.built)
            os.write(self.results, json.dumps([*vars(met).values()]).encode() + b"\n")
            os.chdir("/")
            shutil.rmtree(folder, ignore_errors=True)

    def _met(self, case: Case, folder: Path) -> Met:
        os.chdir(folder)
        for stream in self.streams:
            os.ftruncate(stream, 0)
            os.lseek(stream, 0, os.SEEK_SET)
        signal.setitimer(signal.ITIMER_PROF, SECONDS + 0.5)
        signal.alarm(WAITING)
        status = self._started(case)
        signal.setitimer(signal.ITIMER_PROF, 0)
        printed, said = (
            os.pread(stream, os.fstat(stream).st_size, 0).decode("utf-8", "replace") for stream in self.streams
        )
        wrong = fault(case, status, printed, said) or written(case, folder)
        if wrong:
            return Met(status, wrong)
        try:
            return Met(status, *judged(case, _BUILT))
        except Exception as error:
            return Met(status, f"{type(error).__name__} while it is built")

    def _forget_modules(self) -> None:
        """What cases before this one have named, and imported from their folders."""
        archcalc.opening.NAMED.clear()
        named._READ.clear()
        sys.path[:] = self.path
        for name in set(sys.modules) - self.modules:
            if str(getattr(sys.modules[name], "__file__", None)).startswith(str(self.place)):
                del sys.modules[name]

    def _started(self, case: Case) -> int:
        """The program as it starts; its exit status."""
        from archcalc.cli import main

        with tempfile.TemporaryFile(dir=_FOLDER) as typed:
            typed.write(case.typed.encode("utf-8", "surrogateescape"))
            typed.seek(0)
            os.dup2(typed.fileno(), 0)
        sys.stdin, sys.stdout, sys.stderr = (
            open(number, mode, encoding="utf-8", errors=errors, closefd=False)  # noqa: SIM115
            for number, mode, errors in ((0, "r", None), (1, "w", "strict"), (2, "w", "backslashreplace"))
        )
        os.environ.clear()
        os.environ.update(self.environment)
        for cache in self.caches.values():
            cache.cache_clear()
        self._forget_modules()
        watch.time = Saves(case)  # type: ignore[assignment]
        sys.argv = ["archcalc", *case.words]
        status = CRASH
        try:
            main()
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 0
        except BaseException:
            traceback.print_exc()
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        gc.enable()
        return status
