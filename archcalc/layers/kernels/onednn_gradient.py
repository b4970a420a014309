"""Which kernel of oneDNN computes the gradient of a convolution's weights, and the memory it works in.

oneDNN asks its kernels one after the other whether they can: depthwise, 1×1, blocks of 16 channels, blocks of 8, and
last products of matrices. Source: cpu_convolution_list.cpp of oneDNN 3.12 and the files it names.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from archcalc.layers.kernels.onednn_threads import ALIGNED, BLOCK, ROWS, Pointwise, Shared, reduced, up

_FLOAT = 4
# Channels in a block of the kernels for AVX2.
_HALF = BLOCK // 2
# Taps of a row from which on kernels for blocks of 16 channels are too long, and that one of blocks of 8 has no more of.
_WIDE, _WIDE_HALF = 14, 14
# Columns that kernels of blocks unroll at most.
_COLUMNS = 28
# Results, for each thread, from which on threads share one product.
_FEW_RESULTS = 256
# Bytes that products of matrices may work in, and how many times those of all tensors for each thread.
_ROOM, _ROOM_TIMES = 2**30, 15
# What a reducer of AVX2 may take, in numbers.
_MOST = 2**21


class Kernel(NamedTuple):
    """A kernel for the gradient of weights.

    Attributes:
        block: channels of a block of inputs and outputs, 0 where it reads tensors as they are; flat: whether it reads
            its input as it is; scratch: bytes it works in.
    """

    block: int
    flat: bool
    scratch: int


class Gradient(NamedTuple):
    """The gradient of a convolution's weights; that of a transposed one is seen from its output.

    Attributes:
        threads: that there are; samples: in the batch; groups: of channels; inputs, outputs: channels of one group.
        before, after: depth, rows and columns of input and output; kernel, strides, dilations, padding: along these.
        deep: whether there is a depth; biased: whether the kernel sums up the bias as well.
    """

    threads: int
    samples: int
    groups: int
    inputs: int
    outputs: int
    before: tuple[int, int, int]
    after: tuple[int, int, int]
    kernel: tuple[int, int, int]
    strides: tuple[int, int, int]
    dilations: tuple[int, int, int]
    padding: tuple[int, int, int]
    deep: bool
    biased: bool

    def best(self) -> Kernel:
        """The first kernel that can."""
        if self.depthwise and self._is_narrow():
            return Kernel(BLOCK, False, self._of_channels())
        if self._is_pointwise():
            return Kernel(BLOCK, False, self._pointwise())
        if self._in_blocks():
            flat = self.groups == 1 and self.inputs < BLOCK
            return Kernel(BLOCK, flat, self._shared(flat).scratch(self.biased, self._padded(BLOCK)))
        if self._in_half_blocks():
            flat = self.inputs == 3
            return Kernel(_HALF, flat, self._half(flat))
        return Kernel(0, False, self._matrices())

    # -- what they ask --------------------------------------------------------------------------

    @property
    def depthwise(self) -> bool:
        """Whether each channel is alone."""
        return self.groups > 1 and self.inputs == self.outputs == 1

    @property
    def _reach(self) -> tuple[int, int, int]:
        depth, rows, columns = (d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilations))
        return depth, rows, columns

    @property
    def _ends(self) -> tuple[int, int, int]:
        """Padding that is read after each axis."""
        axes = zip(self.before, self.after, self.strides, self._reach, self.padding)
        depth, rows, columns = (max(0, (o - 1) * s + reach - size - p) for size, o, s, reach, p in axes)
        return depth, rows, columns

    @property
    def _taps(self) -> int:
        return prod(self.kernel)

    def _multiples(self, unit: int) -> bool:
        return self.groups == 1 or self.inputs % unit == self.outputs % unit == 0

    def _padded(self, block: int) -> bool:
        """Whether the bias is no whole number of blocks."""
        return self.outputs % block > 0

    def _is_narrow(self) -> bool:
        (_, high, wide), (_, down, across), (_, top, left) = self.kernel, self.strides, self.padding
        _, bottom, right = self._ends
        inside = max(top, bottom) <= high // 2 and max(left, right) <= wide // 2
        whole = all(one <= 1 or one % down == 0 for one in (top, bottom))
        fits = self.before[1] >= high + -top % down
        return (
            not self.deep and set(self.dilations) == {1} and wide <= 3 and across <= wide and inside and whole and fits
        )

    def _is_pointwise(self) -> bool:
        if self.groups > 1 or self._taps > 1 or any(self.padding):
            return False
        strided = prod(self.strides) > 1
        return not strided or (
            not self.deep and all(o * s == i for o, s, i in zip(self.after, self.strides, self.before))
        )

    def _in_blocks(self) -> bool:
        (back, top, left), (behind, bottom, right), (deep, high, wide) = self.padding, self._ends, self._reach
        dilated = any(d > 1 and s > 1 for d, s in zip(self.dilations[:2], self.strides)) or self.dilations[0] > 1
        if dilated or (self.dilations[1] > 1 and high > self.before[1]):
            return False
        inside = max(left, right) < wide and max(top, bottom) <= high // 2 and max(back, behind) < deep
        inside = inside and (back == 0 or self.kernel[0] < self.before[0] + back) and max(left, right) <= _COLUMNS
        if not inside or (self.kernel[2] > _WIDE and not self._is_line()):
            return False
        return self.inputs <= 3 or self.inputs >= BLOCK if self.groups == 1 else self._multiples(BLOCK)

    def _is_line(self) -> bool:
        """Whether a wide window covers whole rows, for which kernels turn rows and columns."""
        plain = prod(self.strides) == prod(self.dilations) == 1 and not any((*self.padding, *self._ends))
        return not self.deep and plain and self.kernel[2] < 20 and self.after[2] == 1

    def _in_half_blocks(self) -> bool:
        fits = all(k <= size for k, size in zip(self.kernel[:2], self.before))
        inside = all(max(ends) < reach for *ends, reach in zip(self.padding[1:], self._ends[1:], self._reach[1:]))
        plain = set(self.dilations) == {1} and self.padding[0] == self._ends[0] == 0
        channels = self.groups == 1 or (self.outputs % _HALF == 0 and (self.inputs == 3 or self.inputs % _HALF == 0))
        return fits and inside and plain and channels and self.kernel[2] < _WIDE_HALF

    # -- what they work in, in bytes ------------------------------------------------------------

    def _of_channels(self) -> int:
        """Depthwise: threads for which there is no block of channels take samples."""
        filters = up(self.groups) * self._taps * _FLOAT
        others = min(self.threads // min(self.threads, -(-self.groups // BLOCK)), self.samples) - 1
        bias = others * up(self.groups) * _FLOAT + ALIGNED if self.biased else 0
        return others * filters + ALIGNED + bias if others else 0

    def _pointwise(self) -> int:
        blocks = -(-self.inputs // BLOCK), -(-self.outputs // BLOCK)
        kernel = Pointwise(self.threads, self.samples, *blocks, prod(self.after), self.after[2])
        return kernel.scratch(self.biased, self._padded(BLOCK), prod(self.strides) > 1)

    def _shared(self, flat: bool) -> Shared:
        block = self.inputs if flat else BLOCK
        (thick, tall, broad), (depth, rows, columns) = self.before, self.after
        by_rows = not self.deep and rows > ROWS and self.dilations[1] == 1
        return Shared(
            self.threads, self.samples, self.groups, -(-self.inputs // block), -(-self.outputs // BLOCK), block,
            self._taps, (thick * tall, broad), (depth * rows, columns), prod(self.strides), by_rows, depth,
        )  # fmt: skip

    def _half(self, flat: bool) -> int:
        block = self.inputs if flat else _HALF
        inputs, outputs = -(-self.inputs // block), -(-self.outputs // _HALF)
        found = up(self.groups * self.outputs, _HALF) * _FLOAT + ALIGNED if self.biased and self._padded(_HALF) else 0
        if self.biased:
            found += reduced(self.threads, _HALF, self.groups * outputs, self.samples, _MOST)
        jobs = self.groups * inputs * outputs
        return found + reduced(self.threads, self._taps * block * _HALF, jobs, self.samples * self.after[0], _MOST)

    def _matrices(self) -> int:
        """Windows as rows of a matrix, and sums of the threads, four times as large as they need be.

        Where that is more than it may take, nothing: one number after the other.
        """
        weights = self.groups * self.inputs * self.outputs * self._taps * _FLOAT
        given = self.samples * self.groups * _FLOAT
        tensors = given * self.inputs * prod(self.before) + weights + given * self.outputs * prod(self.after)
        limit = min(_ROOM, _ROOM_TIMES * self.threads * tensors)
        window, results = self.inputs * self._taps, self.after[1] * self.after[2]
        least = _FLOAT * self.threads * (weights + window * BLOCK)
        apart = least < limit and results // self.threads < _FEW_RESULTS and (self.samples > 1 or self.groups > 2)
        threads = self.threads if apart else 1
        sums = threads * weights * _FLOAT + ALIGNED
        if sums > limit:
            return 0
        if self._taps == prod(self.strides) == 1 and self.before == self.after:
            return sums
        row = threads * window * _FLOAT
        if row * results > limit - sums:
            results = max(BLOCK, int((limit - sums) // row * 0.05))
        found = sums + row * results + ALIGNED
        return found if found <= limit else 0
