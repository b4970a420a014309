"""How oneDNN's threads share the gradient of a convolution's weights, and the memory that takes.

Threads that get samples of their own each sum up weights of their own, which are added at the end.
Source: jit_avx512_common_conv_kernel.cpp, cpu_reducer.cpp, cpu_barrier.hpp and memory_tracking.hpp of oneDNN 3.12.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

BLOCK = 16
_FLOAT = 4
# What a piece of scratch memory is aligned to, and one that threads wait at, or that is shared by pages.
ALIGNED, _PAGE = 128, 4096
_BARRIER = 2 * _PAGE
# Rows of an output below which they are not shared out.
ROWS = 9
# How much more it costs to write a weight than to read an input.
_WRITTEN = 8


class Shared(NamedTuple):
    """The gradient of the weights of one convolution, in blocks of channels.

    Attributes:
        threads: that there are; samples: in the batch; groups, inputs, outputs: how many groups, and blocks of channels in each.
        block: channels of a block of inputs; taps: of the window.
        before, after: rows and columns of input and output; stride: of both together; by_rows: whether rows are
            shared out.
    """

    threads: int
    samples: int
    groups: int
    inputs: int
    outputs: int
    block: int
    taps: int
    before: tuple[int, int]
    after: tuple[int, int]
    stride: int
    by_rows: bool

    def scratch(self, biased: bool, padded: bool) -> int:
        """Bytes for the sums of the threads; `padded`: the bias is no whole number of blocks."""
        samples = self._divide()[1]
        found = 0
        if samples > 1:
            weights = self.groups * self.outputs * BLOCK * (self.inputs * self.block * self.taps + 1)
            found += (samples - 1) * weights * _FLOAT + ALIGNED + _BARRIER
        if biased and padded:
            found += self.groups * self.outputs * BLOCK * _FLOAT + ALIGNED
        return found + (self._of_bias() if biased else 0)

    def _of_bias(self) -> int:
        """Blocks of the bias are dealt to teams of threads; those of a team share the samples."""
        jobs, threads = self.groups * self.outputs, self._divide()[0]
        least, first = jobs * self.samples, max(1, jobs // threads)
        teams, members, most = self._teams(jobs // first, threads)
        for each in range(first, jobs):
            found = self._teams(jobs // each, threads)
            work = found[2] * (-(-self.samples // found[1]) + (found[1] > 1))
            if work < least:
                (teams, members, most), least = found, work
        if members == 1:
            return 0
        return teams * ((members - 1) * most * BLOCK * _FLOAT + _PAGE) + 2 * _PAGE

    def _teams(self, wanted: int, threads: int) -> tuple[int, int, int]:
        """How many teams of how many threads, and the most blocks that one of them has."""
        teams = min(wanted, threads)
        return teams, min(threads // teams, self.samples), -(-self.groups * self.outputs // teams)

    def _divide(self) -> tuple[int, int]:
        """How many threads work, and among how many of them the samples are divided."""
        if self.threads < self.groups:
            return self.threads, 1
        there = self.threads // self.groups
        parts = self.samples * max(1, self.after[0] // ROWS if self.by_rows else 1)
        ways = list(self._ways(there, min(there, parts)))
        best = (1, 1, 1)
        for way in ways:
            if self._memory(*way) <= self._memory(*best):
                best = way
        least = self._memory(*best)
        for way in ways:
            work, known = self._work(*way), self._work(*best)
            if (work <= known and self._memory(*way) < 1.1 * least) or 4 * work <= 3 * known:
                best = way
        samples, outputs, inputs = best
        if self.threads // 2 < samples < self.threads:
            samples = min(parts, self.threads)
        return samples * self.groups * outputs * inputs, samples

    def _ways(self, threads: int, most: int) -> Iterator[tuple[int, int, int]]:
        """Threads for samples, for blocks of outputs and for blocks of inputs."""
        for samples in range(1, most + 1):
            for outputs in range(1, min(threads // samples, self.outputs) + 1):
                yield samples, outputs, min(threads // samples // outputs, self.inputs)

    def _memory(self, samples: int, outputs: int, inputs: int) -> int:
        """Numbers that one thread reads and writes."""
        (height, width), (rows, columns) = self.before, self.after
        if self.by_rows:
            read = -(-self.samples * height // samples) * width
            written = -(-self.samples * rows // samples) * columns
        else:
            read = -(-self.samples // samples) * height * width
            written = -(-self.samples // samples) * rows * columns
        of_inputs, of_outputs = -(-self.inputs // inputs), -(-self.outputs // outputs)
        return (
            read * of_inputs * self.block // self.stride
            + written * of_outputs * BLOCK
            + _WRITTEN * of_outputs * of_inputs * self.taps * self.block * BLOCK
        )

    def _work(self, samples: int, outputs: int, inputs: int) -> int:
        parts = self.samples * (self.after[0] if self.by_rows else 1)
        return -(-parts // samples) * -(-self.outputs // outputs) * -(-self.inputs // inputs)
