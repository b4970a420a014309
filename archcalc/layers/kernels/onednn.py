"""What oneDNN's kernels need beside a layer's inputs and outputs, on an x86 CPU with AVX-512.

oneDNN computes in an order of its own, blocks of 16 channels, and copies what it reads and gives
from and to the order of PyTorch. Measured with PyTorch 2.13 and oneDNN 3.12, whose own record
(ONEDNN_VERBOSE=1) names the copies.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from archcalc.layers.kernels.onednn_gradient import Gradient
from archcalc.layers.kernels.onednn_threads import ALIGNED, BLOCK, up
from archcalc.layers.saved import Saving

# Below so many input channels the first convolution of a network reads them as they are.
_FLAT = 16
# Bytes of a page, and floats that a row is kept away from a multiple of.
_PAGE, _CONFLICT = 4096, 256
# Numbers of an input for which PyTorch does not call oneDNN when there is one sample.
_FEW = 20480
# Numbers of a result, for each thread, from which on threads share its products, not the samples.
_FEW_RESULTS = 512
_FEW_TAPS = 64


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
        strides, dilations: alike.
    """

    how: Saving
    inputs: int
    outputs: int
    groups: int
    before: tuple[int, ...]
    after: tuple[int, ...]
    kernel: tuple[int, ...]
    padding: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
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

    @property
    def stride(self) -> int:
        """Of all axes together."""
        return prod(self.strides)

    @property
    def dilated(self) -> bool:
        """Whether a dilation is above 1."""
        return set(self.dilations) != {1}

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

    def _by_matrices(self, backward: bool) -> bool:
        """Whether no kernel of blocks can: groups too narrow, or depthwise in three dimensions, or `backward` and dilated."""
        if self._depthwise:
            return len(self.kernel) == 3 or (backward and self.dilated)
        return not self._multiples(4)

    def _multiples(self, unit: int) -> bool:
        """Whether groups can be computed in blocks."""
        return self.groups == 1 or self._depthwise or all(size % unit == 0 for size in self._of_group)

    def _forward(self) -> int:
        if (
            self._depthwise and len(self.kernel) == 3 and not (self.transposed or self.dilated)
        ):  # with channels last, and back
            return max(self._x + self._filters(), 2 * self._y)
        if self._by_matrices(backward=self.transposed):
            few = self._windows // self.how.threads < _FEW_RESULTS
            if not self.transposed and self._shares_positions():
                return max(self._y, self._rows(self.how.threads))
            sums = self._y + ALIGNED if self.transposed and self.biased else 0  # before the bias
            scratch = sums + self._rows(self._alone(few))
            return max(self._y, scratch and scratch + ALIGNED * self.transposed)
        y = self._images(self.outputs, self._results)
        pointwise = self._taps == self.stride == 1 and not any(self.padding)
        flat = self.groups == 1 and self.inputs < _FLAT and not self.transposed and not pointwise
        x = 0 if flat else self._images(self.inputs, self._pixels)
        last = self.transposed and self.stride > 1 and self.groups == 1  # with channels last, and back
        padded = self.outputs % BLOCK and (self.groups == 1 or self._depthwise)
        apart = up(self.outputs) * self.how.width + ALIGNED if self.biased and padded else 0
        if self.transposed:  # sums before the bias
            apart = y + ALIGNED if self.biased and not last else 0
        return max(apart + x + self._filters(flat=flat) + y - self._y, 2 * self._y if last else y)

    def _shares_positions(self) -> bool:
        """Whether threads multiply the positions of all samples and groups, each some of them."""
        if len(self.kernel) == 3:
            return False
        positions = self.how.batch * self.groups * self._windows
        inputs, outputs = self._of_group
        short = self.strides[-1] == 1 and 20 * inputs * self._taps <= outputs
        return positions >= self.how.threads * BLOCK or self._windows < self.how.batch * self.groups or short

    def _backward(self) -> int:
        x = self._x if self.how.needs[0] else 0
        counted = x + self._weight + self._bias
        return max(self._inputs_gradient() if x else 0, x + self._weights_gradient()) - counted

    def _inputs_gradient(self) -> int:
        if self._by_matrices(backward=not self.transposed):
            few = self._windows // self.how.threads < _FEW_RESULTS or self._taps < _FEW_TAPS
            return self._x + max(self._x, self._rows(self._alone(few)))
        if self.stride > 1 and not self.transposed and not self._depthwise and self._multiples(BLOCK):
            return max(self._y + self._filters() + self._x, 3 * self._x)  # with channels last, and back
        x = self._images(self.inputs, self._pixels)
        return x + max(self._images(self.outputs, self._results) + self._filters(), self._x)

    @property
    def _windows(self) -> int:
        """How many there are in one plane of one sample: a transposed convolution has them in its output."""
        return prod((self.before if self.transposed else self.after)[-2:])

    def _rows(self, threads: int) -> int:
        """For each of so many threads the windows of one sample of one group, as rows of a matrix that it is not yet."""
        if self._taps == self.stride == 1 and self.before == self.after:
            return 0
        channels = (self.outputs if self.transposed else self.inputs) // self.groups
        return threads * channels * self._taps * self._windows * self.how.width + ALIGNED

    def _alone(self, few: bool) -> int:
        """Threads that each multiply matrices of their own; else all share one product."""
        return self.how.threads if few and (self.how.batch > 1 or self.groups > 2) else 1

    def _weights_gradient(self) -> int:
        """oneDNN sees a transposed convolution from its output."""
        before, after, inputs, outputs = self.before, self.after, self.inputs, self.outputs
        if self.transposed:
            before, after, inputs, outputs = after, before, outputs, inputs
        gradient = Gradient(
            self.how.threads, self.how.batch, self.groups, inputs // self.groups, outputs // self.groups, _cube(before),
            _cube(after), _cube(self.kernel), _cube(self.strides), _cube(self.dilations), _cube(self.padding, 0),
            len(before) == 3, self.biased and not self.transposed,
        )  # fmt: skip
        kernel = gradient.best()
        scratch = kernel.scratch and kernel.scratch + ALIGNED * self.transposed
        copies, filters = 0, self._weight
        if kernel.block:
            filters = self._filters(kernel.block, kernel.flat)
            copies = self._images(outputs, prod(after), kernel.block)
            copies += 0 if kernel.flat else self._images(inputs, prod(before), kernel.block)
        return filters + max(copies + self._bias + scratch, self._weight + 2 * self._bias)


def _cube(sizes: tuple[int, ...], other: int = 1) -> tuple[int, int, int]:
    """Depth, rows and columns; axes that there are not have the size `other`."""
    depth, rows, columns = (*(other,) * (3 - len(sizes)), *sizes)
    return depth, rows, columns
