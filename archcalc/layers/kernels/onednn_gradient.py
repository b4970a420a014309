"""Which oneDNN kernel computes the gradient of a convolution's weights, and its workspace.

oneDNN asks each kernel in turn whether it applies: depthwise, 1×1, blocks of 16 channels, blocks of 8, and finally
products of matrices. Source: cpu_convolution_list.cpp of oneDNN 3.12 and the files it names.
"""

from __future__ import annotations

from math import prod

from archcalc.layers.kernels.onednn_matrices import limit
from archcalc.layers.kernels.onednn_seen import Cube, Seen
from archcalc.layers.kernels.onednn_threads import ALIGNED, BLOCK, ROWS, Pointwise, Shared, reduced, up
from archcalc.records import NamedTuple

_FLOAT = 4
# Channels of a block in the AVX2 kernels.
_HALF = BLOCK // 2
# The widest window of kernels for blocks of 16 channels; kernels for blocks of 8 need a narrower one than this.
_WIDE, _WIDE_HALF = 14, 14
# The most columns that blocked kernels unroll.
_COLUMNS = 28
# From this many results per thread on, threads share one product.
_FEW_RESULTS = 256
# The most numbers that a reducer for AVX2 may hold.
_MOST = 2**21


class Kernel(NamedTuple):
    """A kernel for the gradient of weights.

    Attributes:
        block: channels of a block of inputs and outputs; 0 if it reads tensors in PyTorch's layout.
        flat: whether it reads its input in PyTorch's layout.
        scratch: bytes of its workspace.
    """

    block: int
    flat: bool
    scratch: int


class Gradient(Seen):
    """The gradient of a convolution's weights."""

    def best(self) -> Kernel:
        """The first kernel that applies."""
        if self.depthwise and self._is_narrow():
            return Kernel(BLOCK, False, self._of_channels())
        if self.is_pointwise:
            return Kernel(BLOCK, False, self._pointwise())
        return self._dense()

    def _dense(self) -> Kernel:
        """The first kernel that applies among those that are neither depthwise nor 1×1."""
        if self._in_blocks():
            flat = self.groups == 1 and self.inputs < BLOCK
            return Kernel(BLOCK, flat, self._shared(flat).scratch(self.biased, self._padded(BLOCK)))
        if self._in_half_blocks():
            flat = self.groups == 1 and self.inputs == 3
            return Kernel(_HALF, flat, self._half(flat))
        return Kernel(0, False, self._matrices())

    # -- when they apply ------------------------------------------------------------------------

    @property
    def _trailing(self) -> Cube:
        """Padding that is read past the end of each axis."""
        depth, rows, columns = (max(0, size) for size in self.ends)
        return depth, rows, columns

    def _padded(self, block: int) -> bool:
        """Whether the output channels do not fill whole blocks."""
        return self.outputs % block > 0

    def _is_narrow(self) -> bool:
        (_, high, wide), (_, down, across), (_, top, left) = self.kernel, self.strides, self.padding
        _, bottom, right = self._trailing
        inside = max(top, bottom) <= high // 2 and max(left, right) <= wide // 2
        whole = all(one <= 1 or one % down == 0 for one in (top, bottom))
        fits = self.before[1] >= high + -top % down
        return not self.deep and not self.dilated and wide <= 3 and across <= wide and inside and whole and fits

    def _in_blocks(self) -> bool:
        (back, top, left), (behind, bottom, right), (deep, high, wide) = self.padding, self._trailing, self.reach
        dilated = any(d > 1 and s > 1 for d, s in zip(self.dilations[:2], self.strides)) or self.dilations[0] > 1
        if dilated or (self.dilations[1] > 1 and high > self.before[1]):
            return False
        inside = max(left, right) < wide and max(top, bottom) <= high // 2 and max(back, behind) < deep
        inside = inside and (back == 0 or self.kernel[0] < self.before[0] + back) and max(left, right) <= _COLUMNS
        if not inside or (self.kernel[2] > _WIDE and not self._is_line()):
            return False
        return self.inputs <= 3 or self.inputs >= BLOCK if self.groups == 1 else self.multiples(BLOCK)

    def _is_line(self) -> bool:
        """Whether a wide window covers whole rows, in which case kernels exchange rows and columns."""
        plain = self.stride == prod(self.dilations) == 1 and not any((*self.padding, *self._trailing))
        return not self.deep and plain and self.kernel[2] < 20 and self.after[2] == 1

    def _in_half_blocks(self) -> bool:
        fits = all(k <= size for k, size in zip(self.kernel[:2], self.before))
        inside = all(max(ends) < reach for *ends, reach in zip(self.padding[1:], self._trailing[1:], self.reach[1:]))
        plain = not self.dilated and self.padding[0] == self._trailing[0] == 0
        return fits and inside and plain and self.multiples(_HALF) and self.kernel[2] < _WIDE_HALF

    # -- bytes of their workspaces --------------------------------------------------------------

    def _of_channels(self) -> int:
        """Depthwise: threads without a block of channels of their own divide the samples."""
        filters = up(self.groups) * self.taps * _FLOAT
        others = min(self.threads // min(self.threads, -(-self.groups // BLOCK)), self.samples) - 1
        bias = others * up(self.groups) * _FLOAT + ALIGNED if self.biased else 0
        return others * filters + ALIGNED + bias if others else 0

    def _pointwise(self) -> int:
        blocks = -(-self.inputs // BLOCK), -(-self.outputs // BLOCK)
        kernel = Pointwise(self.threads, self.samples, *blocks, prod(self.after), self.after[2])
        return kernel.scratch(self.biased, self._padded(BLOCK), self.stride > 1)

    def _shared(self, flat: bool) -> Shared:
        block = self.inputs if flat else BLOCK
        (thick, tall, broad), (depth, rows, columns) = self.before, self.after
        by_rows = not self.deep and rows > ROWS and self.dilations[1] == 1
        return Shared(
            self.threads, self.samples, self.groups, -(-self.inputs // block), -(-self.outputs // BLOCK), block,
            self.taps, (thick * tall, broad), (depth * rows, columns), self.stride, by_rows, depth,
        )  # fmt: skip

    def _half(self, flat: bool) -> int:
        block = self.inputs if flat else _HALF
        inputs, outputs = -(-self.inputs // block), -(-self.outputs // _HALF)
        found = up(self.groups * self.outputs, _HALF) * _FLOAT + ALIGNED if self.biased and self._padded(_HALF) else 0
        if self.biased:
            found += reduced(self.threads, _HALF, self.groups * outputs, self.samples, _MOST)
        jobs = self.groups * inputs * outputs
        return found + reduced(self.threads, self.taps * block * _HALF, jobs, self.samples * self.after[0], _MOST)

    def _matrices(self) -> int:
        """Windows as rows of a matrix, and the threads' sums, which oneDNN makes larger than needed by the bytes of a weight.

        In 16 bits there is one more sum, and the bias in fp32. If this exceeds oneDNN's limit, it computes number by
        number and needs nothing.
        """
        weights, room = self.weights, limit(self)
        window, results = self.inputs * self.taps, self.windows
        bias = self.groups * self.outputs * _FLOAT * self.biased
        more = (weights * _FLOAT + bias) if self.width < _FLOAT else 0
        least = self.threads * (_FLOAT * weights + self.width * window * BLOCK) + more
        apart = least < room and self.windows // self.threads < _FEW_RESULTS and (self.samples > 1 or self.groups > 2)
        threads = self.threads if apart else 1
        sums = threads * weights * _FLOAT + ALIGNED
        if more:
            sums += more + ALIGNED * (1 + self.biased)
        if sums > room:
            return 0
        if self.keeps_sizes:
            return sums
        row = threads * window * self.width
        if row * results > room - sums:
            results = max(BLOCK, int((room - sums) // row * 0.05))
        found = sums + row * results + ALIGNED
        return found if found <= room else 0
