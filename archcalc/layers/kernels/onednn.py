"""What oneDNN's kernels need beside a layer's inputs and outputs, on an x86 CPU with AVX-512.

oneDNN computes in an order of its own, blocks of 16 channels, and copies what it reads and gives
from and to the order of PyTorch. Measured with PyTorch 2.13 and oneDNN 3.12, whose own record
(ONEDNN_VERBOSE=1) names the copies.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from archcalc.layers.kernels.onednn_threads import ALIGNED, BLOCK, ROWS, Shared
from archcalc.layers.saved import Saving

# Below so many input channels the first convolution of a network reads them as they are.
_FLAT, _FLAT_BACKWARD = 16, 4
# Bytes of a page, and floats that a row is kept away from a multiple of.
_PAGE, _CONFLICT = 4096, 256
# Numbers of an input for which PyTorch does not call oneDNN when there is one sample.
_FEW = 20480
# Numbers of a result, for each thread, from which on threads share its products, not the samples.
_FEW_RESULTS = 256
_FEW_TAPS = 64
# Taps of a row of the widest kernel for whose weights there is a gradient in blocks; others are multiplied as matrices.
_WIDE = 14


def up(size: int, unit: int = BLOCK) -> int:
    """`size` rounded up to a multiple of `unit`."""
    return -(-size // unit) * unit


def row(size: int) -> int:
    """Floats of a row of a recurrent kernel's matrices: whole blocks, away from a multiple of 256."""
    size = up(size)
    return size + BLOCK if size % _CONFLICT == 0 else size


def pages(size: int) -> int:
    """Bytes rounded up to whole pages."""
    return up(size, _PAGE)


class Convolving(NamedTuple):
    """One convolution as its kernel sees it.

    Attributes:
        inputs, outputs: channels; groups: that see only each other.
        before, after: spatial sizes of input and output; kernel, padding: for each of these axes.
        stride: of all axes together; dilated: whether a dilation is above 1.
    """

    how: Saving
    inputs: int
    outputs: int
    groups: int
    before: tuple[int, ...]
    after: tuple[int, ...]
    kernel: tuple[int, ...]
    padding: tuple[int, ...]
    stride: int
    dilated: bool
    transposed: bool
    biased: bool

    def passing(self) -> tuple[int, int]:
        """Bytes needed in passing by the forward pass and by the backward pass."""
        if self.how.gpu:
            return 0, 0
        if self.by_columns:
            return self._columns()
        if self._has_channels_last:
            return self._channels_last()
        return self._forward(), self._backward()

    # -- sizes in bytes ---------------------------------------------------------------------

    @property
    def _taps(self) -> int:
        return prod(self.kernel)

    @property
    def _pixels(self) -> int:
        return prod(self.before)

    @property
    def _results(self) -> int:
        return prod(self.after)

    @property
    def _of_group(self) -> tuple[int, int]:
        return self.inputs // self.groups, self.outputs // self.groups

    @property
    def _depthwise(self) -> bool:
        return self.groups > 1 and self._of_group == (1, 1)

    @property
    def _x(self) -> int:
        return self.how.batch * self.inputs * self._pixels * self.how.width

    @property
    def _y(self) -> int:
        return self.how.batch * self.outputs * self._results * self.how.width

    @property
    def _weight(self) -> int:
        return self.outputs * self._of_group[0] * self._taps * self.how.width

    @property
    def _bias(self) -> int:
        return self.outputs * self.how.width if self.biased else 0

    def _images(self, channels: int, positions: int, unit: int = BLOCK) -> int:
        """A tensor whose channels are in blocks; those of groups have no room between them."""
        whole = up(channels, unit) if self.groups == 1 or self._depthwise else channels
        return self.how.batch * whole * positions * self.how.width

    def _filters(self, unit: int = BLOCK, flat: bool = False, alone: bool = False) -> int:
        """The weights in blocks; `flat`: of output channels alone; `alone`: each group by itself."""
        inputs, outputs = self._of_group
        if self._depthwise and not alone:
            return up(self.outputs) * self._taps * self.how.width
        if self.groups > 1 and not alone and inputs % 4 == outputs % 4 == 0:
            return self._weight
        inputs = inputs if flat else up(inputs, unit)
        return self.groups * inputs * up(outputs, unit) * self._taps * self.how.width

    @property
    def _has_channels_last(self) -> bool:
        x = self.how.strides[0]
        return x.suggests_channels_last and not x.is_contiguous

    # -- how it runs ------------------------------------------------------------------------

    @property
    def by_columns(self) -> bool:
        """Whether PyTorch multiplies matrices itself: few numbers, or 1×1 in one thread.

        Source: ConvParams::use_mkldnn in aten/src/ATen/native/Convolution.cpp.
        """
        if self.how.width < 4:
            return False
        one = self.kernel[-1] == 1 and self.kernel[-2:-1] in ((), (1,))
        if one and self.stride == 1 and not self.dilated and self.how.batch < 16 and self.how.threads == 1:
            return True
        large = len(self.kernel) > 1 and self.kernel[-1] > 3 and self.kernel[-2] > 3
        few = self.how.batch == 1 and self.inputs * prod(self.before[:2]) <= _FEW
        return self.groups == 1 and not large and few

    def _columns(self) -> tuple[int, int]:
        if self.groups > 1:  # group by group, and put together
            return self._y + self._x // self.groups, self._x
        if self.transposed:
            columns = self.outputs * self._pixels * self._taps * self.how.width
        else:
            columns = self.how.batch * self.inputs * self._results * self._taps * self.how.width
        return (columns, columns) if self._taps > 1 or self.stride > 1 else (0, 0)

    def _channels_last(self) -> tuple[int, int]:
        """With channels last in memory already, the weights alone are copied: to that order, and into blocks."""
        ordered = self._weight if self._taps > 1 and self._of_group[0] > 1 else 0
        blocks = self._filters()
        own = blocks if self._narrow else self._filters(alone=True)
        return ordered + blocks, ordered + max(blocks - self._weight, own + self._weight + self._bias)

    @property
    def _narrow(self) -> bool:
        """Depthwise kernels for the gradient of the weights know short windows alone."""
        short = all(size <= 3 for size in self.kernel)
        return short and all(p <= size // 2 for p, size in zip(self.padding, self.kernel))

    def _multiples(self, unit: int) -> bool:
        """Whether groups can be computed in blocks."""
        return self.groups == 1 or self._depthwise or all(size % unit == 0 for size in self._of_group)

    def _forward(self) -> int:
        if not self._multiples(4):
            few = self._windows // self.how.threads < 2 * _FEW_RESULTS
            sums = self._y if self.transposed and self.biased else 0  # before the bias
            return max(self._y, sums + self._alone(few) * self._patches + ALIGNED)
        y = self._images(self.outputs, self._results)
        flat = self.groups == 1 and self.inputs < _FLAT and not self.transposed
        x = 0 if flat else self._images(self.inputs, self._pixels)
        sums = y if self.transposed else 0  # before the bias
        return max(
            sums + x + self._filters(flat=flat) + y - self._y,
            2 * self._y if sums and self.stride > 1 and self.groups == 1 else y,
        )

    def _backward(self) -> int:
        x = self._x if self.how.needs[0] else 0
        counted = x + self._weight + self._bias
        return max(self._inputs_gradient() if x else 0, x + self._weights_gradient()) - counted

    def _inputs_gradient(self) -> int:
        if not self._multiples(4):
            few = self._windows // self.how.threads < 2 * _FEW_RESULTS or self._taps < _FEW_TAPS
            return self._x + max(self._x, self._alone(few) * self._patches + ALIGNED)
        if self.stride > 1 and not self.transposed and not self._depthwise and self._multiples(BLOCK):
            return max(self._y + self._filters() + self._x, 3 * self._x)  # with channels last, and back
        x = self._images(self.inputs, self._pixels)
        return x + max(self._images(self.outputs, self._results) + self._filters(), self._x)

    @property
    def _windows(self) -> int:
        """How many there are in one sample: a transposed convolution has them in its output."""
        return self._pixels if self.transposed else self._results

    @property
    def _patches(self) -> int:
        """The windows of one sample of one group, as rows of a matrix."""
        channels = self.outputs if self.transposed else self.inputs
        return channels // self.groups * self._taps * self._windows * self.how.width

    def _alone(self, few: bool) -> int:
        """Threads that each multiply matrices of their own; else all share one product."""
        return self.how.threads if few and (self.how.batch > 1 or self.groups > 2) else 1

    def _weights_gradient(self) -> int:
        ending = self._weight + 2 * self._bias
        if not self._multiples(8) or (self._depthwise and not self._narrow) or self.kernel[-1] > _WIDE:
            threads = self._alone(self._windows // self.how.threads < _FEW_RESULTS)
            return self._weight + self._bias + threads * (self._patches + 4 * self._weight) + 2 * ALIGNED
        unit, flat = BLOCK, False
        if self.groups == 1 and self.inputs < _FLAT and not self.transposed:
            flat = self.inputs < _FLAT_BACKWARD
            unit = BLOCK if flat else BLOCK // 2
        filters = self._filters(unit, flat)
        x = 0 if flat else self._images(self.inputs, self._pixels, unit)
        sums = self._bias
        if self._depthwise:
            sums += self._of_threads(filters)
        elif unit == BLOCK and self._taps > 1:
            sums += self._shared(flat).scratch(self.biased, self._of_group[1] % BLOCK > 0)
        return filters + max(self._images(self.outputs, self._results, unit) + x + sums, ending)

    def _of_threads(self, filters: int) -> int:
        """Sums of depthwise kernels: threads for which there is no block of channels take samples."""
        others = min(self.how.threads // min(self.how.threads, -(-self.outputs // BLOCK)), self.how.batch) - 1
        bias = others * up(self._bias, BLOCK * self.how.width) + ALIGNED if self.biased else 0
        return others * filters + ALIGNED + bias if others else 0

    def _shared(self, flat: bool) -> Shared:
        inputs, outputs = self._of_group
        block = inputs if flat else BLOCK
        planes = [(prod(size[:-1]), size[-1]) for size in (self.before, self.after)]
        by_rows = len(self.after) == 2 and self.after[0] > ROWS and not self.dilated
        return Shared(
            self.how.threads, self.how.batch, self.groups, -(-inputs // block), -(-outputs // BLOCK), block,
            self._taps, planes[0], planes[1], self.stride, by_rows,
        )  # fmt: skip
