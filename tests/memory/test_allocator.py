"""What the allocator makes of tensors whose sizes are known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from archcalc.devices import find
from archcalc.memory.allocator import taken
from archcalc.memory.footprint import footprint
from tests.runs import run_of

H100 = find("h100")
KIB, MIB = 1024, 1024**2


@pytest.fixture
def made(graph):
    """A footprint of these tensors and nothing else."""
    whole = footprint(graph("4", "linear 2"), run_of())

    def of(*tensors):
        bytes = sum(size * count for size, count in tensors)
        return replace(whole, parts={"parameters": bytes}, tensors=tensors)

    return of


@pytest.mark.parametrize(
    ("tensors", "allocated", "reserved"),
    [
        ([(1, 1)], 512, 2 * MIB),
        ([(512, 3)], 1536, 2 * MIB),
        ([(513, 1)], 1024, 2 * MIB),
        ([(MIB, 2)], 2 * MIB, 2 * MIB),
        ([(MIB, 3)], 3 * MIB, 4 * MIB),
        ([(MIB + 1, 1)], MIB + 512, 20 * MIB),
        ([(9 * MIB, 3)], 27 * MIB, 40 * MIB),
        ([(10 * MIB, 1)], 10 * MIB, 10 * MIB),
        ([(11 * MIB, 2)], 22 * MIB, 24 * MIB),
        ([(1, 1), (2 * MIB, 1), (10 * MIB + 1, 1)], 512 + 2 * MIB + 10 * MIB + 512, (2 + 20 + 12) * MIB),
    ],
)
def test_segments(made, tensors, allocated, reserved):
    found = taken(made(*tensors), H100)
    assert (found.allocated, found.reserved) == (allocated, reserved)
    assert found.shown == reserved + H100.context_bytes
    assert found.room == H100.memory_bytes


def test_a_cpu_rounds_nothing(made):
    cpu = replace(H100, kind="cpu", context_bytes=1000)
    found = taken(made((1, 1), (513, 1)), cpu)
    assert (found.allocated, found.reserved, found.shown) == (514, 514, 1514)


def test_fits_to_the_byte(made):
    whole = made((20 * MIB, 1))
    for spare, fits in ((0, True), (-1, False)):
        device = replace(H100, memory_bytes=20 * MIB + H100.context_bytes + spare)
        assert taken(whole, device).fits is fits
