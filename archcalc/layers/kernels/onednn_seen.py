"""A convolution as oneDNN sees it, whichever of its three passes runs."""

from __future__ import annotations

from math import prod

from archcalc.layers.kernels.onednn_threads import BLOCK, up
from archcalc.records import NamedTuple

Cube = tuple[int, int, int]


class Seen(NamedTuple):
    """A convolution; for a transposed one, that whose backward pass it is.

    Attributes:
        threads: number of threads.
        samples: samples in the batch.
        groups: groups of channels.
        inputs, outputs: channels of one group.
        before, after: depth, rows and columns of input and output.
        kernel, strides, dilations, padding: along each of these axes.
        deep: whether there is a depth axis.
        biased: whether the kernel also handles the bias.
        width: bytes of an element.
        nested: whether a transposed convolution runs it.
    """

    threads: int
    samples: int
    groups: int
    inputs: int
    outputs: int
    before: Cube
    after: Cube
    kernel: Cube
    strides: Cube
    dilations: Cube
    padding: Cube
    deep: bool
    biased: bool
    width: int
    nested: bool

    @property
    def depthwise(self) -> bool:
        """Whether every group has one channel."""
        return self.groups > 1 and self.inputs == self.outputs == 1

    @property
    def dilated(self) -> bool:
        """Whether a dilation is above 1."""
        return set(self.dilations) != {1}

    @property
    def taps(self) -> int:
        """Elements of one window."""
        return prod(self.kernel)

    @property
    def stride(self) -> int:
        """The product of the strides of all axes."""
        return prod(self.strides)

    @property
    def windows(self) -> int:
        """Positions of the window in one plane."""
        return self.after[1] * self.after[2]

    @property
    def reach(self) -> Cube:
        """Sizes of what a window covers, dilation included."""
        depth, rows, columns = (d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilations))
        return depth, rows, columns

    @property
    def ends(self) -> Cube:
        """Padding that is read past the end of each axis; if negative, what is left unread."""
        axes = zip(self.before, self.after, self.strides, self.reach, self.padding)
        depth, rows, columns = ((o - 1) * s + reach - size - p for size, o, s, reach, p in axes)
        return depth, rows, columns

    @property
    def is_outside(self) -> bool:
        """Whether some windows lie entirely in the padding, which blocked kernels do not support."""
        return any(max(ends) >= reach for *ends, reach in zip(self.padding, self.ends, self.reach))

    @property
    def is_pointwise(self) -> bool:
        """Whether it is a matrix product once the positions between the strides are left out."""
        if self.groups > 1 or self.taps > 1 or any(self.padding):
            return False
        steps = zip(self.after, self.strides, self.before)
        return self.stride == 1 or (not self.deep and all(o * s == i for o, s, i in steps))

    @property
    def keeps_sizes(self) -> bool:
        """Whether input and output are matrices without a copy."""
        return self.taps == self.stride == 1 and self.before == self.after

    def multiples(self, unit: int) -> bool:
        """Whether groups can be computed in blocks of `unit` channels."""
        return self.groups == 1 or self.inputs % unit == self.outputs % unit == 0

    # -- bytes ----------------------------------------------------------------------------------

    @property
    def source(self) -> int:
        """Bytes of the input."""
        return self.samples * self.groups * self.inputs * prod(self.before) * self.width

    @property
    def result(self) -> int:
        """Bytes of the output."""
        return self.samples * self.groups * self.outputs * prod(self.after) * self.width

    @property
    def weights(self) -> int:
        """Bytes of the weights, without the bias."""
        return self.groups * self.inputs * self.outputs * self.taps * self.width

    def source_in_blocks(self, unit: int = BLOCK) -> int:
        """Bytes of a copy of the input whose channels are in blocks."""
        return self._blocked(self.inputs, prod(self.before), unit)

    def result_in_blocks(self, unit: int = BLOCK) -> int:
        """Bytes of a copy of the output whose channels are in blocks."""
        return self._blocked(self.outputs, prod(self.after), unit)

    def _blocked(self, channels: int, positions: int, unit: int) -> int:
        """Bytes of channels in blocks; the last block is filled up, but not between groups."""
        whole = up(self.groups * channels, unit) if self.groups == 1 or self.depthwise else self.groups * channels
        return self.samples * whole * positions * self.width

    def filters(self, unit: int = BLOCK, flat: bool = False, alone: bool = False) -> int:
        """Bytes of the weights in blocks; `flat`: only output channels are in blocks; `alone`: each group is by itself."""
        inputs, outputs = self.inputs, self.outputs
        if self.depthwise and not alone:
            return up(self.groups) * self.taps * self.width
        if self.groups > 1 and not alone and inputs % 4 == outputs % 4 == 0:
            return self.weights
        inputs = inputs if flat else up(inputs, unit)
        return self.groups * inputs * up(outputs, unit) * self.taps * self.width
