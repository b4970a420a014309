"""What this machine is, and its measured peaks: matrix products and copies."""

from __future__ import annotations

import contextlib
import functools
import glob
import os
import platform
import time
from collections.abc import Callable

import torch

from archcalc.pytorch.calibration.measure import Stopwatch
from archcalc.pytorch.setup import DTYPES

# Sides of the square matrices whose product is timed, while one takes less than `_SECONDS`: GPUs are at their best with
# the largest. Then the bytes that are copied.
_SIDES = (512, 1024, 2048, 4096, 8192)
_COPIED = 128 << 20
_REPEAT = 5
_SECONDS = 0.4
# Used where the size of the largest cache cannot be read.
_CACHE = 32 << 20


def processor_name() -> str:
    """What the maker calls the processor."""
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine() or "CPU"


def memory_bytes(device: torch.device) -> int:
    """All memory of the device."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return 1 << 33


def cache_bytes(device: torch.device) -> int:
    """Bytes of the last cache before memory."""
    if device.type == "cuda":
        return int(getattr(torch.cuda.get_device_properties(device), "L2_cache_size", 0)) or _CACHE
    return max(_caches().values(), default=_CACHE)


def near_cache_bytes(device: torch.device) -> int:
    """Bytes of the second-level cache, which a core has to itself; 0 on a GPU and where it cannot be read."""
    return _caches().get(2, 0) if device.type == "cpu" else 0


def _caches() -> dict[int, int]:
    """Bytes of this machine's largest cache of each level."""
    sizes: dict[int, int] = {}
    for folder in glob.glob("/sys/devices/system/cpu/cpu0/cache/index*"):
        with contextlib.suppress(OSError, ValueError, KeyError):
            level, text = (_read(os.path.join(folder, name)) for name in ("level", "size"))
            size = int(text[:-1]) * {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}[text[-1]]
            sizes[int(level)] = max(size, sizes.get(int(level), 0))
    return sizes


def _read(path: str) -> str:
    with open(path, encoding="ascii") as file:
        return file.read().strip()


def peak_flops(device: torch.device, dtype: str, watch: Stopwatch) -> float:
    """FLOP/s of the best square matrix product."""
    best = 0.0
    for side in _SIDES:
        if best and 2 * side**3 / best > _SECONDS:
            break
        a, b = (torch.randn(side, side, device=device, dtype=DTYPES[dtype]) for _ in range(2))
        best = max(best, 2 * side**3 / _least(watch, functools.partial(torch.matmul, a, b)))
    return best


def bandwidth(device: torch.device, watch: Stopwatch) -> float:
    """Bytes per second, read and written, of a copy too large for any cache."""
    source = torch.rand(_COPIED // 4, device=device)
    target = torch.rand(_COPIED // 4, device=device)
    return 2 * _COPIED / _least(watch, lambda: target.copy_(source))


def _least(watch: Stopwatch, call: Callable[[], object]) -> float:
    """The shortest time of several runs: noise only adds time."""
    call()
    end = time.perf_counter() + _SECONDS
    times = [watch(call)[0]]
    while len(times) < _REPEAT and time.perf_counter() < end:
        times.append(watch(call)[0])
    return max(min(times), 1e-9)
