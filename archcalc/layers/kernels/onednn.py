"""What oneDNN's kernels need in addition to a layer's inputs and outputs, on an x86 CPU with AVX-512.

oneDNN computes in its own layout, blocks of 16 channels, and copies its inputs and outputs from and to PyTorch's layout.
Measured with PyTorch 2.13 and oneDNN 3.12, whose log (ONEDNN_VERBOSE=1) names the copies.
"""

from __future__ import annotations

from math import prod

from archcalc.layers.kernels.narrow import is_narrow
from archcalc.layers.kernels.onednn_gradient import Gradient
from archcalc.layers.kernels.onednn_narrow import NarrowGradient, NarrowPasses
from archcalc.layers.kernels.onednn_passes import Passes
from archcalc.layers.kernels.onednn_strided import products, strided
from archcalc.layers.kernels.onednn_threads import ALIGNED, BLOCK, up
from archcalc.layers.saved import Saving
from archcalc.records import NamedTuple

# Bytes of a page; the number of floats that the length of a row must not be a multiple of.
_PAGE, _CONFLICT = 4096, 256
# Up to this product of channels, height and width, PyTorch does not call oneDNN for a single sample.
_FEW = 20480


def row(size: int) -> int:
    """Floats of a row of a recurrent kernel's matrices: whole blocks, but not a multiple of 256."""
    size = up(size)
    return size + BLOCK if size % _CONFLICT == 0 else size


def pages(size: int) -> int:
    """Bytes rounded up to whole pages."""
    return up(size, _PAGE)


class Convolving(NamedTuple):
    """One convolution as its kernel sees it.

    Attributes:
        inputs, outputs: channels.
        groups: groups of channels, as in `torch.nn.Conv2d`.
        before, after: spatial sizes of input and output.
        kernel, padding, strides, dilations: for each spatial axis.
        learns: whether the gradient of the weights is computed.
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
    learns: bool = True

    def passing(self) -> tuple[int, int]:
        """Bytes needed temporarily by the forward pass and by the backward pass."""
        if self.how.gpu:
            return 0, 0
        if self.by_columns:
            return self._columns()
        if self._has_channels_last:
            return self._channels_last()
        seen = self._seen()
        forward = seen.backward() if self.transposed else seen.forward()
        return forward - self._y, self._backward(seen)

    def _seen(self) -> Passes:
        """The convolution as oneDNN runs it; a transposed one is the backward pass of another, from its output."""
        inputs, outputs = self._of_group
        before, after = _cube(self.before), _cube(self.after)
        if self.transposed:
            before, after, inputs, outputs = after, before, outputs, inputs
        return (NarrowPasses if is_narrow(self.how) else Passes)(
            self.how.threads, self.how.batch, self.groups, inputs, outputs, before, after, _cube(self.kernel),
            _cube(self.strides), _cube(self.dilations), _cube(self.padding, 0), len(self.before) == 3, self.biased,
            self.how.width, self.transposed,
        )  # fmt: skip

    @property
    def stride(self) -> int:
        """The product of the strides of all axes."""
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

    @property
    def _has_channels_last(self) -> bool:
        x = self.how.strides[0]
        if self.how.channels_last and x.rank == 4:
            return True
        return x.suggests_channels_last and not x.is_contiguous

    # -- how it runs ------------------------------------------------------------------------

    @property
    def by_columns(self) -> bool:
        """Whether PyTorch multiplies matrices itself: for small inputs, or for a 1×1 kernel in one thread.

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
        if self.groups > 1:  # group by group, then concatenated
            return self._y + self._x // self.groups, self._x
        if self.transposed:
            columns = self.outputs * self._pixels * self._taps * self.how.width
        else:
            columns = self.how.batch * self.inputs * self._results * self._taps * self.how.width
        moves = self._taps > 1 or self.stride > 1 or self.dilated or any(self.padding)
        deep = self.transposed and self.biased and len(self.before) == 3
        ones = self._results * self.how.width if deep else 0  # that the bias is multiplied by
        again = self._bias if self.dilated and not self.transposed else 0  # its gradient, before it is part of a sum
        return columns * (moves or self.transposed) + ones, columns * moves + again

    def _channels_last(self) -> tuple[int, int]:
        """If the input is stored channels last already, only the weights are copied: to that order, and into blocks.

        If the weights are stored channels last, an input in another order is copied, forward and backward.
        """
        ordered = self._weight if self._taps > 1 and self._of_group[0] > 1 else 0
        if self.how.channels_last:
            ordered = 0 if self.how.strides[0].is_channels_last else self._x
        seen = self._seen()
        blocks, scratch, sums = seen.filters(), 0, 0
        forward = blocks
        if self.transposed:
            kernel = strided(seen, in_blocks=False)
            scratch = kernel.scratch if kernel else 0
        elif self.groups == 1 or self._of_group[1] > BLOCK:
            scratch = products(self.how.threads, self._taps)
            forward = seen.read_filters(flat=True) if self.groups == 1 else blocks
        own = blocks if self._narrow else seen.filters(alone=True)
        if is_narrow(self.how) and not (seen.depthwise and self._narrow):
            sums = NarrowGradient(*seen).channels_last() - self._weight
        back = blocks * self.how.needs[0]
        if self.learns:
            back = max(blocks - self._weight, own + max(self._weight + self._bias, sums))
        return ordered + forward + scratch, ordered + back

    @property
    def _narrow(self) -> bool:
        """Whether the depthwise kernel for the gradient of the weights applies: it supports only short windows."""
        short = all(size <= 3 for size in self.kernel)
        return short and all(p <= size // 2 for p, size in zip(self.padding, self.kernel))

    def _backward(self, seen: Passes) -> int:
        x = self._x if self.how.needs[0] else 0
        inputs = (seen.forward() if self.transposed else seen.backward()) if x else 0
        if not self.learns:
            return inputs - x
        return max(inputs, x + self._weights_gradient(seen)) - (x + self._weight + self._bias)

    def _weights_gradient(self, seen: Passes) -> int:
        gradient = NarrowGradient if is_narrow(self.how) else Gradient
        kernel = gradient(*seen._replace(biased=self.biased and not self.transposed)).best()
        scratch = kernel.scratch and kernel.scratch + ALIGNED * self.transposed
        copies, filters = 0, self._weight
        if kernel.block:
            filters = seen.filters(kernel.block, kernel.flat)
            copies = seen.result_in_blocks(kernel.block)
            copies += 0 if kernel.flat else seen.source_in_blocks(kernel.block)
        return filters + max(copies + self._bias + scratch, self._weight + 2 * self._bias)


def _cube(sizes: tuple[int, ...], other: int = 1) -> tuple[int, int, int]:
    """Depth, rows and columns; missing axes have the size `other`."""
    depth, rows, columns = (*(other,) * (3 - len(sizes)), *sizes)
    return depth, rows, columns
