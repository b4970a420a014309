"""How oneDNN's threads divide the gradient of a convolution's weights, and the memory that takes.

Threads with samples of their own each sum gradients of their own, which are added up at the end.
Source: jit_avx512_common_conv_kernel.cpp, cpu_reducer.cpp, cpu_barrier.hpp and memory_tracking.hpp of oneDNN 3.12.
"""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.records import NamedTuple

BLOCK = 16
_FLOAT = 4
# Bytes that scratch memory is aligned to: usually, and for a barrier or memory shared between threads.
ALIGNED, PAGE = 128, 4096
_BARRIER = 2 * PAGE
# With fewer rows of output, the rows are not divided among threads.
ROWS = 9
# How many times more it costs to write a weight than to read an input; for 1×1 kernels.
_WRITTEN, _WRITTEN_AT_ONE = 8, 12
# The most numbers per thread for the sums of a bias.
_MOST_OF_BIAS = 3 * 5 * 5 * 16 * 16
# The most positions that a 1×1 kernel processes at once.
_MOST_AT_ONCE = 256


def up(size: int, unit: int = BLOCK) -> int:
    """`size` rounded up to a multiple of `unit`."""
    return -(-size // unit) * unit


def reduced(threads: int, length: int, jobs: int, samples: int, most: int) -> int:
    """Bytes of the partial sums of `jobs` jobs, which teams of threads divide; the threads of a team divide the samples.

    Args:
        length: numbers that one job sums.
        most: the most numbers that all threads may hold.
    """
    first, most_jobs = max(1, jobs // threads), max(1, most // (threads * length))

    def teams(wanted: int) -> tuple[int, int, int]:
        """How many teams there are, how many threads each has, and the most jobs of one team."""
        there = min(wanted, threads)
        return there, min(threads // there, samples), -(-jobs // there)

    best, least = teams(jobs // first), jobs * length * samples
    for each in range(first, jobs):
        found = teams(jobs // each)
        if found[1] > 1 and found[2] > most_jobs:
            continue
        work = length * found[2] * (-(-samples // found[1]) + (found[1] > 1))
        if work < least:
            best, least = found, work
    there, members, jobs_of_each = best
    if members == 1:
        return 0
    return there * ((members - 1) * jobs_of_each * length * _FLOAT + PAGE) + 2 * PAGE


def _of_bias(threads: int, blocks: int, samples: int) -> int:
    return reduced(threads, BLOCK, blocks, samples, threads * _MOST_OF_BIAS)


class Pointwise(NamedTuple):
    """The gradient of the weights of a 1×1 convolution, in blocks of channels.

    Attributes:
        threads: number of threads.
        samples: samples in the batch.
        inputs, outputs: blocks of channels.
        positions: positions of the output.
        columns: columns of the output.
    """

    threads: int
    samples: int
    inputs: int
    outputs: int
    positions: int
    columns: int

    def scratch(self, biased: bool, padded: bool, strided: bool) -> int:
        """Bytes of the threads' sums; `padded`: the bias does not fill whole blocks; `strided`: inputs are copied together."""
        samples, outputs, inputs = self._divide()
        threads = samples * outputs * inputs
        found = 0
        if biased and padded:
            found += self.outputs * BLOCK * _FLOAT + ALIGNED
        if samples > 1:
            found += (samples - 1) * self.inputs * self.outputs * BLOCK**2 * _FLOAT + ALIGNED + _BARRIER
        if biased:
            found += _of_bias(threads, self.outputs, self.samples)
        if strided:
            found += threads * divider(self.inputs, 5, self.inputs, False) * self.positions * BLOCK * _FLOAT + ALIGNED
        return found

    def _divide(self) -> tuple[int, int, int]:
        """Threads for samples and positions, for blocks of outputs and for blocks of inputs."""
        at_once = divider(self.positions, 7, BLOCK, True)
        if self.positions % at_once:
            at_once = divider(self.columns, 4, self.columns, False)
        at_once = 1 if at_once > _MOST_AT_ONCE else at_once
        parts = self.samples * -(-self.positions // at_once)

        def memory(samples: int, outputs: int, inputs: int) -> int:
            of_outputs, of_inputs = -(-self.outputs // outputs), -(-self.inputs // inputs)
            read = -(-parts // samples) * BLOCK * at_once * (of_inputs + of_outputs)
            return read + _WRITTEN_AT_ONE * of_outputs * of_inputs * BLOCK**2

        best = (1, 1, 1)
        for samples in range(1, min(self.threads, parts) + 1):
            for outputs in range(1, min(self.threads // samples, self.outputs) + 1):
                way = samples, outputs, min(self.threads // samples // outputs, self.inputs)
                if memory(*way) <= memory(*best):
                    best = way
        if self.threads // 2 < best[0] < self.threads:
            best = (min(self.samples, self.threads), *best[1:])
        return best


def divider(size: int, least: int, most: int, largest: bool, step: int = 1) -> int:
    """The number from `least` to `most` whose next multiple exceeds `size` the least; of several the largest, or smallest."""
    most = max(1, min(most, size))
    numbers = range(most, max(1, min(least, most)) - 1, -step)
    best, lost = most, 1.0
    for number in numbers:
        whole = -(-size // number) * number
        loss = (whole - size) / whole
        if loss < lost or (loss == lost and not largest):
            best, lost = number, loss
    return best


class Shared(NamedTuple):
    """The gradient of the weights of one convolution, in blocks of channels.

    Attributes:
        threads: number of threads.
        samples: samples in the batch.
        groups: groups of channels.
        inputs, outputs: blocks of channels in each group.
        block: channels of a block of inputs.
        taps: elements of the window.
        before, after: rows and columns of input and output.
        stride: product of the strides.
        by_rows: whether rows are divided among threads.
        depth: planes of the output, which are divided as well.
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
    depth: int = 1

    def scratch(self, biased: bool, padded: bool) -> int:
        """Bytes of the threads' sums; `padded`: the bias does not fill whole blocks."""
        samples = self._divide()[1]
        found = 0
        if samples > 1:
            weights = self.groups * self.outputs * BLOCK * (self.inputs * self.block * self.taps + 1)
            found += (samples - 1) * weights * _FLOAT + ALIGNED + _BARRIER
        if biased and padded:
            found += self.groups * self.outputs * BLOCK * _FLOAT + ALIGNED
        return found + (_of_bias(self._divide()[0], self.groups * self.outputs, self.samples) if biased else 0)

    def _divide(self) -> tuple[int, int]:
        """How many threads work, and how many of them divide the samples."""
        if self.threads < self.groups:
            return self.threads, 1
        there = self.threads // self.groups
        parts = self.samples * self.depth * max(1, self.after[0] // ROWS if self.by_rows else 1)
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
