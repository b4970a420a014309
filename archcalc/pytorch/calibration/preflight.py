"""Warnings, before a measurement starts, about what on this machine would spoil it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys

# glibc's mallopt parameters: when to give memory back, how much more to take at once, how many blocks to map apart.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
_QUOTA_FILES = ("/sys/fs/cgroup/cpu.max", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
# A machine counts as busy when other programs take this share of the processors asked for.
_BUSY = 0.25


def processors() -> int:
    """How many processors this process may use, by its affinity and its control group's quota."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = quota()
    return allowed if limit is None else max(1, min(allowed, int(limit)))


def quota() -> float | None:
    """Processors that the control group lets this process use; None without a limit."""
    for path in _QUOTA_FILES:
        with contextlib.suppress(OSError, ValueError):
            with open(path, encoding="ascii") as file:
                words = file.read().split()
            if path.endswith("cpu.max"):
                return None if words[0] == "max" else int(words[0]) / int(words[1])
            with open(path.replace("quota", "period"), encoding="ascii") as file:
                period = int(file.read())
            return None if int(words[0]) < 0 else int(words[0]) / period
    return None


def warnings(threads: int, dtype: str, device: str = "cpu") -> list[str]:
    """What to warn about before measuring with this many threads."""
    if device != "cpu":
        return []
    found = []
    usable = processors()
    if threads > usable:
        found.append(
            f"{threads} threads share {usable} processors (affinity and control-group quota) "
            f"and wait for each other; use --threads {usable}"
        )
    with contextlib.suppress(OSError, AttributeError):
        load = os.getloadavg()[0]
        free = (os.cpu_count() or 1) - load
        if free < min(threads, usable) - _BUSY:
            timed = (
                "one thread is measured in processor time, which leaves out waiting but not shared caches"
                if threads == 1
                else "several threads are measured by the wall clock"
            )
            found.append(f"the machine is busy: load {load:.1f} on {os.cpu_count()} processors; {timed}")
    if dtype == "fp16":
        found.append("fp16 on a CPU runs PyTorch's reference kernels, often a hundred times slower than fp32")
    return found


def keep_freed_memory() -> bool:
    """Have the C library keep freed memory, so that no page faults are timed; returns whether it does.

    Otherwise large tensors, and large amounts freed at once, go back to the system, and every page of the next
    tensor is faulted in and cleared.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    settings = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, (1 << 31) - 1), (_TOP_PAD, 64 << 20))
    return all(mallopt(name, value) == 1 for name, value in settings)
