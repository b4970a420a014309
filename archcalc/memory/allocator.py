"""What PyTorch's CUDA allocator makes of tensors: how much it counts, and how much it takes from the driver.

Source: c10/core/AllocatorConfig.h and CUDACachingAllocator of PyTorch 2.13, its default settings.
"""

from __future__ import annotations

from dataclasses import dataclass

from archcalc.devices import Device
from archcalc.memory.footprint import Footprint

_MIB = 1024**2
# Every tensor takes a multiple of this.
_BLOCK = 512
# Tensors up to here share segments of `_SMALL_SEGMENT`; those up to `_ALONE` segments of `_LARGE_SEGMENT`.
_SMALL, _SMALL_SEGMENT = _MIB, 2 * _MIB
_ALONE, _LARGE_SEGMENT = 10 * _MIB, 20 * _MIB
# Larger ones have one of their own, in steps of this.
_STEP = 2 * _MIB


@dataclass(frozen=True)
class Taken:
    """What a run takes of a device, in bytes; on a CPU all three are the peak and what the process takes.

    Attributes:
        allocated: in tensors, as the allocator counts; a rule.
        reserved: taken from the driver; an estimate.
        shown: what nvidia-smi shows for the process; an estimate.
        room: what the device has.
    """

    allocated: int
    reserved: int
    shown: int
    room: int

    @property
    def fits(self) -> bool:
        """Whether the device has so much."""
        return self.shown <= self.room


def taken(found: Footprint, device: Device) -> Taken:
    """What the peak of `found` takes of `device`."""
    if device.kind == "cpu":
        return Taken(found.peak, found.peak, found.peak + device.context_bytes, device.memory_bytes)
    counted = sum(bytes * count for bytes, count in found.tensors)
    rest = max(0, found.peak - counted)
    allocated = rest + sum(_up(bytes, _BLOCK) * count for bytes, count in found.tensors)
    reserved = max(_segments([*found.tensors, (rest, 1)]), allocated)
    return Taken(allocated, reserved, reserved + device.context_bytes, device.memory_bytes)


def _segments(tensors: list[tuple[int, int]]) -> int:
    """Bytes of the segments that hold so many tensors of each size, without room lost between them."""
    small = middle = alone = 0
    for bytes, count in tensors:
        block = _up(bytes, _BLOCK)
        if block <= _SMALL:
            small += block * count
        elif block < _ALONE:
            middle += block * count
        else:
            alone += _up(block, _STEP) * count
    return _up(small, _SMALL_SEGMENT) + _up(middle, _LARGE_SEGMENT) + alone


def _up(bytes: int, unit: int) -> int:
    return -(-bytes // unit) * unit
