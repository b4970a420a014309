"""Which oneDNN kernels run a convolution, forward and for the gradient of its input, and the memory they need.

oneDNN asks each kernel in turn whether it applies, and computes in the layout that the kernel chooses: blocks of 16
channels, or channels last. Measured with PyTorch 2.13 and oneDNN 3.12, whose log (ONEDNN_VERBOSE=1) names
kernels and copies. Source: cpu_convolution_list.cpp, cpu_deconvolution_list.cpp and ref_deconvolution.hpp.
"""

from __future__ import annotations

from math import prod

from archcalc.layers.kernels.onednn_matrices import backward_rows, forward_rows
from archcalc.layers.kernels.onednn_seen import Seen
from archcalc.layers.kernels.onednn_strided import Strided, strided
from archcalc.layers.kernels.onednn_threads import ALIGNED, BLOCK, up

# With fewer input channels, as in the first convolution of a network, they are read in PyTorch's layout.
_FLAT = 16
# The most columns that blocked kernels process at once.
_COLUMNS = 28
# Most bytes of the code of such a kernel, and the bytes that oneDNN allows for one instruction.
_CODE, _INSTRUCTION = 2**18, 15


class Passes(Seen):
    """A convolution's forward pass and the gradient of its input; a transposed convolution exchanges the two."""

    def forward(self) -> int:
        """Most bytes at once, with the output; for a transposed convolution, this computes the gradient of its input."""
        y = self.result
        if self.depthwise and self.deep and not (self.dilated or self.nested):  # with channels last, and back
            return max(self.source + self.filters() + y, 3 * y)
        if self._by_matrices:
            return y + max(y, _aligned(forward_rows(self), self.nested))
        flat = self._is_flat and not self.is_pointwise
        x, blocks = 0 if flat else self.source_in_blocks(), self.result_in_blocks()
        scratch = self.pointwise_scratch(back=False) if self.is_pointwise else 0
        if self.biased and not self.nested:
            scratch += self.bias_scratch()
        return max(x + self.read_filters(flat) + blocks + _aligned(scratch, self.nested), blocks + y)

    def backward(self) -> int:
        """Most bytes at once, with the gradient of the input; for a transposed convolution, this computes its output."""
        x, sums = self.source, 0
        by_steps = strided(self, self._is_in_blocks)
        if self.nested and self.biased and not (by_steps and by_steps.even):  # before the bias is added
            sums = self.source_in_blocks() if not by_steps and not self._goes_by_matrices else x
            sums += ALIGNED
        if by_steps is not None:
            return self._by_steps(by_steps, sums)
        if self._goes_by_matrices:
            return x + max(x, _aligned(sums + backward_rows(self), self.nested))
        blocks = self.source_in_blocks()
        if self.is_pointwise:
            sums += self.pointwise_scratch(back=True)
        return blocks + max(self.result_in_blocks() + self.filters() + sums, x)

    def _by_steps(self, kernel: Strided, sums: int) -> int:
        """With channels last; a single channel or position needs no copy for that."""
        x = self.source
        result = self.result * (self.groups * self.outputs > 1 and prod(self.after) > 1)
        back = 3 if self.groups * self.inputs > 1 and prod(self.before) > 1 else 2
        return max(result + kernel.filters + x + kernel.scratch + sums, back * x)

    def pointwise_scratch(self, back: bool) -> int:
        """Bytes of the workspace of a 1×1 kernel: with strides, each thread copies the positions that it reads side by side."""
        if self.stride == 1:
            return 0
        return self.threads * -(-self.inputs // BLOCK) * prod(self.after) * BLOCK * self.width + ALIGNED

    def read_filters(self, flat: bool) -> int:
        """Bytes of the weights as the forward pass reads them."""
        return self.filters(flat=flat)

    def bias_scratch(self) -> int:
        """Bytes of a copy of the bias, rounded up to whole blocks."""
        if self.groups * self.outputs % BLOCK == 0 or not (self.groups == 1 or self.depthwise):
            return 0
        return up(self.groups * self.outputs) * self.width + ALIGNED

    @property
    def _is_in_blocks(self) -> bool:
        """Whether groups are wide enough for blocks and no window lies entirely in the padding."""
        return self.multiples(4) and not self.is_outside

    @property
    def _by_matrices(self) -> bool:
        """Whether no blocked kernel applies: the padding of a row must not exceed the columns that it processes at once."""
        if self.depthwise:
            return self.deep
        if self.is_pointwise:
            return False
        columns, step, left = self.after[2], self.strides[2], self.padding[2]
        at_once = min(columns, _COLUMNS)
        right = (columns - columns % at_once - 1) * step + self.reach[2] - self.before[2] - left
        if not self._is_in_blocks or max(left, right) > at_once:
            return True
        return self._is_long(self.inputs if self._is_flat else self._lanes, at_once, left, right)

    @property
    def _goes_by_matrices(self) -> bool:
        """Whether no blocked kernel applies backward, where dilation and stride of one axis cannot be combined either."""
        if self.depthwise:
            return self.deep or self.dilated
        if self.is_pointwise:
            return False
        columns, step, reach = self.before[2], self.strides[2], self.reach[2] - 1
        at_once = columns if columns <= _COLUMNS else _COLUMNS // step * step
        rest = self.ends[2] + columns % at_once
        beyond = (reach - self.padding[2]) // step, (reach - max(0, rest)) // step
        long = max(beyond) * step > at_once or (columns > at_once and rest < 0)
        steps = any(d > 1 and s > 1 for d, s in zip(self.dilations, self.strides))
        return not self._is_in_blocks or long or steps or self._is_long(self._lanes, at_once, *beyond)

    @property
    def _is_flat(self) -> bool:
        """Whether there are too few input channels for a block."""
        return self.groups == 1 and self.inputs < _FLAT

    @property
    def _lanes(self) -> int:
        """Channels of a block; groups, which cannot be padded, may take a half or a quarter of one."""
        return next(size for size in (BLOCK, BLOCK // 2, BLOCK // 4) if self.multiples(size))

    def _is_long(self, channels: int, at_once: int, *ends: int) -> bool:
        """Whether the code of a blocked kernel, which unrolls a row of the window for all columns at once, is too long.

        Each end of a row that reaches beyond the image needs code of its own.
        Source: the check on code size in jit_avx512_common_conv_kernel.cpp.
        """
        parts = 1 + sum(end > 0 for end in ends)
        return parts * self.kernel[2] * channels * at_once * _INSTRUCTION > _CODE


def _aligned(scratch: int, nested: bool) -> int:
    """Scratch memory that is part of another kernel's is aligned within it."""
    return scratch and scratch + ALIGNED * nested
