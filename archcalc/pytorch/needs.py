"""What it takes to run PyTorch: that it is installed, and that there is the memory to load it."""

from __future__ import annotations

import importlib.util
import sys

from archcalc.diagnostics import RequestError

# With less, its libraries kill the process while they load, when it is too late for a message.
_LOADED = 2**30


def require(command: str) -> None:
    """Raise `RequestError` if PyTorch cannot be used by `command`."""
    if importlib.util.find_spec("torch") is None:
        raise RequestError(f"{command} needs PyTorch: pip install 'archcalc[torch]'")
    left = mappable_bytes()
    if left is not None and left < _LOADED and "torch" not in sys.modules:
        raise RequestError(
            f"{command} needs {_LOADED // 2**20:,} MiB of memory to load PyTorch, "
            f"and this process may map {left // 2**20:,} MiB more: raise the limit, see ulimit -v"
        )


def mappable_bytes() -> int | None:
    """How many more bytes this process may map; None if there is no limit, or if that cannot be determined."""
    try:
        import resource

        most, _ = resource.getrlimit(resource.RLIMIT_AS)
        if most == resource.RLIM_INFINITY:
            return None
        with open("/proc/self/statm", encoding="ascii") as file:
            return max(0, most - int(file.read().split()[0]) * resource.getpagesize())
    except (ImportError, OSError):
        return None
