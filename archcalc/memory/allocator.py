"""PyTorch's CUDA allocator: what it counts as allocated, and what it reserves from the driver.

Source: c10/core/AllocatorConfig.h and CUDACachingAllocator of PyTorch 2.13, its default settings.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass

from archcalc.devices import Device
from archcalc.memory.footprint import Footprint

_MIB = 1024**2
# Every tensor takes a multiple of this.
_BLOCK = 512
# Tensors up to this size share segments of `_SMALL_SEGMENT`; those up to `_ALONE` share segments of `_LARGE_SEGMENT`.
_SMALL, _SMALL_SEGMENT = _MIB, 2 * _MIB
_ALONE, _LARGE_SEGMENT = 10 * _MIB, 20 * _MIB
# Larger tensors each have a segment, whose size is a multiple of this.
_STEP = 2 * _MIB


@dataclass(frozen=True)
class Taken:
    """The device memory of a run, in bytes. On a CPU all three are the peak plus the process's own memory.

    Attributes:
        allocated: in tensors, as the allocator counts them; a rule.
        reserved: reserved from the driver; an estimate.
        shown: what nvidia-smi shows for the process; an estimate.
        room: the device's memory.
    """

    allocated: int
    reserved: int
    shown: int
    room: int

    @property
    def fits(self) -> bool:
        """Whether it fits on the device."""
        return self.shown <= self.room


def taken(found: Footprint, device: Device) -> Taken:
    """The memory that the peak of `found` takes on `device`."""
    return Blocks(found.tensors, device).taken(found.peak)


def needed(found: Footprint) -> int:
    """The bytes compared with a limit: what nvidia-smi shows if there is a device, else the peak."""
    return found.peak if found.running.chip is None else taken(found, found.running.chip).shown


class Blocks:
    """The tensors that persist from step to step, as a device's allocator holds them.

    Args:
        tensors: for each size, the bytes of a tensor and the number of them.
    """

    def __init__(self, tensors: Iterable[tuple[int, int]], device: Device) -> None:
        self.device = device
        self._bytes = self._allocated = 0
        self._parts = (0, 0, 0)
        self._add(tensors)

    def _add(self, tensors: Iterable[tuple[int, int]]) -> None:
        for bytes, count in tensors:
            self._bytes += bytes * count
            self._allocated += _up(bytes, _BLOCK) * count
            self._parts = _added(self._parts, bytes, count)

    def plus(self, tensors: Iterable[tuple[int, int]]) -> Blocks:
        """These tensors and other persistent ones."""
        other = copy(self)
        other._add(tensors)
        return other

    def taken(self, peak: int) -> Taken:
        """What a peak of this many bytes takes, if everything but the persistent tensors is one block."""
        device = self.device
        if device.kind == "cpu":
            return Taken(peak, peak, peak + device.context_bytes, device.memory_bytes)
        rest = max(0, peak - self._bytes)
        allocated = rest + self._allocated
        reserved = max(_segments(_added(self._parts, rest, 1)), allocated)
        return Taken(allocated, reserved, reserved + device.context_bytes, device.memory_bytes)

    def largest_peak(self, room: int) -> int:
        """The largest peak that fits into `room`."""
        low, high = 0, room + 1  # a peak of `room` is shown as more than `room`
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.taken(middle).shown <= room else (low, middle)
        return low


def _added(parts: tuple[int, int, int], bytes: int, count: int) -> tuple[int, int, int]:
    """Bytes in small segments, in shared large ones and in segments of one tensor, with this many more tensors."""
    small, shared, alone = parts
    block = _up(bytes, _BLOCK)
    if block <= _SMALL:
        return small + block * count, shared, alone
    if block < _ALONE:
        return small, shared + block * count, alone
    return small, shared, alone + _up(block, _STEP) * count


def _segments(parts: tuple[int, int, int]) -> int:
    """Bytes of the segments that hold tensors, if no room is lost between them."""
    small, shared, alone = parts
    return _up(small, _SMALL_SEGMENT) + _up(shared, _LARGE_SEGMENT) + alone


def _up(bytes: int, unit: int) -> int:
    return -(-bytes // unit) * unit
