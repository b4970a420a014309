"""The workspaces of oneDNN's kernels for 16-bit convolutions, on an x86 CPU with AVX-512 and bf16.

They sum in fp32: a 1×1 convolution for all positions of a sample, the gradient of the weights for all samples. The
inputs of that gradient are copied in pairs of positions. Measured with PyTorch 2.13. Source:
jit_avx512_core_bf16_1x1_conv_kernel.cpp, jit_avx512_core_bf16_conv_kernel.cpp and jit_uni_dw_conv_kernel_utils.cpp of
oneDNN 3.12.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from archcalc.layers.kernels.onednn_gradient import Gradient, Kernel
from archcalc.layers.kernels.onednn_passes import Passes
from archcalc.layers.kernels.onednn_threads import ALIGNED, BLOCK, PAGE, divider, up

_FLOAT = 4
# The size of the second-level cache that kernels assume, in 16-bit and in fp32 numbers.
_CACHE, _CACHE_WIDE = 2**19, 2**18
# Between these numbers of rows, and up to this many channels, a 1×1 kernel takes fewer positions at once.
_SMALL, _BIG, _MANY = 10, 28, 256
# The widest windows of the kernels, and of those for few input channels.
_WIDE, _WIDE_FLAT = 14, 24
# Up to this many bytes of rows of input and output, a kernel goes through a whole sample.
_SAMPLE = 48 * 1024
# More channels than this count as many.
_FULL = 128


class NarrowPasses(Passes):
    """A convolution's forward pass and the gradient of its input, in 16 bits."""

    def pointwise_scratch(self, back: bool) -> int:
        """With each thread's sums for all positions of a sample."""
        given, read = (self.inputs, self.outputs) if back else (self.outputs, self.inputs)
        return super().pointwise_scratch(back) + self._sums(up(given), up(read)) + ALIGNED

    def read_filters(self, flat: bool) -> int:
        """Bytes of the weights as the forward pass reads them: in pairs of input channels."""
        return (self._replace(inputs=up(self.inputs, 2)) if flat else self).filters(flat=flat)

    def bias_scratch(self) -> int:
        """Bytes of the copy of the bias, which depthwise kernels read in fp32."""
        return up(self.groups) * _FLOAT + ALIGNED if self.depthwise else super().bias_scratch()

    def _sums(self, given: int, read: int) -> int:
        """Bytes of the sums of a 1×1 kernel that writes `given` channels and reads `read`."""
        positions, rows = prod(self.after), self.after[0] * self.after[1]
        at_once = _at_once(given, positions, rows, explicit=8 * self.samples >= self.threads)
        pieces, blocks = -(-positions // at_once), given // BLOCK
        teams = self._teams(given, read, positions, pieces)
        few = self.width * self.samples * positions * read < 8192 and pieces * blocks < self.threads
        threads = min(self.threads, max(pieces, blocks)) if few and self.groups < self.threads else self.threads
        of_each = -(-threads // teams)
        loaded = up(-(-given // -(-threads // of_each)))
        return threads * up(positions, at_once) * loaded * _FLOAT

    def _teams(self, given: int, read: int, positions: int, pieces: int) -> int:
        """How many teams of threads divide the channels."""
        blocks, size = given // BLOCK, given * read
        if self.threads <= 28 and self.samples < self.threads and blocks * pieces > self.threads:
            teams = self._cheapest(blocks, pieces, size / (self.samples * positions * read))
        else:
            least = -(-self.threads // (self.samples * pieces))
            teams = divider(self.threads, least, 2 * least, False)
        if 8 * self.samples >= self.threads and positions <= 64 and size >= _CACHE:
            return max(teams, 4)
        if positions <= 49 and self.samples <= self.threads and given > 512 and given // read >= 4:
            return max(teams, 2)
        return teams

    def _cheapest(self, blocks: int, pieces: int, ratio: float) -> int:
        """The number of teams for which the busiest thread has the least work."""
        at_once = _at_once(blocks * BLOCK, prod(self.after), self.after[0] * self.after[1], True)

        def cost(of_each: int, members: int, memory: float) -> float:
            columns = self.samples * -(-pieces // members) * at_once
            return 0.01 * columns * of_each * BLOCK + memory * (columns + of_each * BLOCK)

        best, least = self.threads if ratio > 1 else 1, float("inf")
        for number in range(1, self.threads + 1):
            teams = self.threads + 1 - number if ratio > 1 else number
            few, many = self.threads // teams, -(-self.threads // teams)
            memory = 1.0 if many == 1 else 1.3
            whole = -(-blocks // teams)
            found = cost(whole, few, memory)
            if self.threads % teams >= blocks % teams:
                found = max(cost(whole, many, memory), cost(blocks // teams, few, memory))
            if found < least:
                best, least = teams, found
        return best


def _at_once(given: int, positions: int, rows: int, explicit: bool) -> int:
    """The number of positions that a 1×1 kernel processes at once."""
    most, least = (9, 6) if explicit else (30, 9)
    if explicit and _FULL < given < _MANY and _SMALL < rows < _BIG:
        most, least = 6, 5
    for number in range(most, least - 1, -1):
        if (rows if rows >= BLOCK - 2 else positions) % number == 0:
            return number
    best, left = min(most, positions), positions % most
    for number in range(most, least - 1, -1):
        rest = positions % number
        if rest > left or rest == 0:
            best, left = number, rest
            if rest == 0:
                break
    return best


class NarrowGradient(Gradient):
    """The gradient of the weights of a convolution, in 16 bits."""

    def _dense(self) -> Kernel:
        """In blocks, or as products of matrices."""
        if self._in_blocks():
            return Kernel(BLOCK, self._is_flat, self._turned())
        return Kernel(0, False, self._matrices())

    @property
    def _is_flat(self) -> bool:
        """Whether there are too few input channels for a block."""
        return self.groups == 1 and self.inputs < BLOCK

    def _in_blocks(self) -> bool:
        (back, top, left), (behind, bottom, right), (deep, high, wide) = self.padding, self._trailing, self.reach
        dilated = any(d > 1 and s > 1 for d, s in zip(self.dilations, self.strides))
        if dilated or (self.dilations[1] > 1 and high > self.before[1]) or (self.dilations[0] > 1 and back + behind):
            return False
        inside = max(left, right) < wide and max(top, bottom) <= high // 2 and max(back, behind) < deep
        if not inside or self.kernel[2] > (_WIDE_FLAT if self._is_flat else _WIDE):
            return False
        if self._is_flat and (self.outputs % BLOCK or (self.after[2] > 28 and (left >= 28 or wide > self.after[2]))):
            return False
        return self.multiples(BLOCK)

    # -- bytes of their workspaces --------------------------------------------------------------

    def _of_channels(self) -> int:
        """Depthwise: a copy of the weights for each thread that takes samples, and the bias in fp32."""
        blocks = -(-self.groups // BLOCK)
        there = min(max(1, self.threads // min(self.threads, blocks)), self.samples)
        found = there * up(self.groups) * self.taps * _FLOAT + ALIGNED
        if self.biased:
            found += up(self.groups) * _FLOAT + ALIGNED
            found += (there - 1) * up(self.groups) * _FLOAT + ALIGNED if there > 1 else 0
        return found

    def channels_last(self) -> int:
        """Bytes of its workspace if tensors are stored channels last."""
        return self._pointwise(False) if self.is_pointwise else self._turned(self.inputs > 1)

    def _pointwise(self, in_blocks: bool = True) -> int:
        inputs, outputs = -(-self.inputs // BLOCK), -(-self.outputs // BLOCK)
        positions, (_, rows, columns) = prod(self.after), self.after
        permuted = in_blocks and rows > 14 and columns > 14 and (not self.deep or up(self.outputs) <= 64)
        step = 2
        if permuted:
            at_once = divider(positions, 7, min(256, positions), True, step)
        else:
            at_once = divider(positions, 8, 16, True, step)
        if positions % at_once:
            at_once = divider(columns, 4, columns, permuted, step)
        at_once = 1 if at_once > 256 else at_once
        at_once = at_once if permuted else up(at_once, 2)
        parts = self.samples * -(-positions // at_once)
        times = 4 * max(1, outputs // inputs)  # how much slower it is to write a result than to read an input

        def memory(samples: int, of_outputs: int, of_inputs: int) -> float:
            many, more = -(-outputs // of_outputs), -(-inputs // of_inputs)
            return -(-parts // samples) * BLOCK * at_once * (many + more) + times * many * more * BLOCK**2

        samples, of_outputs, of_inputs = _shared(self.threads, parts, outputs, inputs, memory)
        if self.threads // 2 < samples < self.threads:
            samples = min(self.samples, self.threads)
        threads = samples * of_outputs * of_inputs
        found = samples * up(self.outputs) * (up(self.inputs) + self.biased) * _FLOAT + ALIGNED
        found += 2 * PAGE if samples > 1 else 0
        if self.biased and self.outputs % BLOCK:
            found += up(self.outputs) * self.width + ALIGNED
        at_most = divider(inputs, 5, inputs, False)
        if not permuted:
            for blocks in (divider(outputs, 16, outputs, False), at_most):
                found += threads * up(positions, 2) * BLOCK * blocks * self.width + ALIGNED
        if self.stride > 1:
            found += threads * at_most * positions * BLOCK * self.width + ALIGNED
        return found

    def _turned(self, always: bool = False) -> int:
        """Inputs and gradients in pairs of positions, and the threads' sums; `always`: inputs with few channels are copied too."""
        flat, block = self._is_flat, self.inputs if self._is_flat else BLOCK
        inputs, outputs = -(-self.inputs // block), -(-self.outputs // BLOCK)
        (thick, tall, broad), (depth, rows, columns), step = self.before, self.after, self.strides[2]
        aside = up(max(self.padding[2], self._trailing[2] + 1), 2)
        width = broad if flat and not always else up(-(-broad // step) + aside, 2) * step
        across = up(columns, 2)
        permuted = self.deep and not flat and self.kernel[2] == step == self.dilations[2] == 1
        width, across = (broad, columns) if permuted else (width, across)
        whole = self._is_whole(width, across, flat, block)
        parts = self.samples * (depth if self.deep else 1 if whole or self._is_row else rows)
        there = self.threads // self.groups
        samples = of_outputs = of_inputs = 1
        read, written = thick * tall * width, depth * rows * across
        if there:
            weights = self.outputs_up * inputs * block * self.taps * 4
            numbers = self.samples * 2 * (inputs * block * read + self.outputs_up * written)
            scale, ratio = 0.5 * numbers / weights, outputs / inputs
            of_read = max(1 / ratio, 1.0) * (4.0 if scale < 1.0 else 1.0)

            def memory(samples: int, of_outputs: int, of_inputs: int) -> float:
                share, many, more = -(-parts // samples) / parts, -(-outputs // of_outputs), -(-inputs // of_inputs)
                source = of_read * share * more * self.samples * block * read / self.stride
                result = max(ratio, 1.0) * share * many * self.samples * BLOCK * written
                return source + result + max(scale, 1.0) * many * more * self.taps * block * BLOCK

            samples, of_outputs, of_inputs = _shared(there, parts, outputs, inputs, memory)
            if there // 2 < samples < there:
                samples = min(parts, there)
        threads = samples * of_outputs * of_inputs * self.groups if there else self.threads
        together = not (flat and self._is_large(depth, rows, columns))
        found = samples * self.groups * self.outputs_up * (inputs * block * self.taps + self.biased) * _FLOAT + ALIGNED
        found += 2 * PAGE * together
        if permuted:
            return found
        count = samples * inputs * self.groups if together else threads
        found += (0 if flat and not always else count * read * block * self.width) + aside * self.width + ALIGNED
        count = samples * outputs * self.groups if together else threads
        found += count * written * BLOCK * self.width + ALIGNED
        for others in (of_outputs, of_inputs):
            found += (threads // others + 1) * PAGE if together and others > 1 else 0
        return found

    @property
    def outputs_up(self) -> int:
        """The output channels of a group, rounded up to whole blocks."""
        return up(self.outputs)

    @property
    def _is_row(self) -> bool:
        """Whether there is only one spatial axis."""
        return not self.deep and self.before[1] == self.kernel[1] == 1 and self.padding[1] == 0

    def _is_whole(self, width: int, across: int, flat: bool, block: int) -> bool:
        """Whether a kernel goes through a whole sample."""
        (_, tall, broad), (_, rows, columns), (_, high, wide) = self.before, self.after, self.kernel
        same = (tall, broad) == (rows, columns) and min(high, wide) > 1 and not self.deep
        middle = self.padding[2] == wide // 2 and self.padding[1] == high // 2
        least = max(1, self.padding[1], self._trailing[1])
        taken = (block * width + BLOCK * across) * self.width * least
        plain = self.stride == 1 and not self.dilated and not flat
        return same and middle and plain and taken <= _SAMPLE and up(self.inputs) >= _FULL

    def _is_large(self, depth: int, rows: int, columns: int) -> bool:
        """Whether the gradient is transposed a few rows at a time."""
        if self.outputs_up * depth * rows * columns < _CACHE_WIDE or self._is_row:
            return False
        return depth > 1 and rows * columns >= 64 * 124 if self.deep else rows > 1 and columns >= 124


def _shared(
    threads: int, parts: int, outputs: int, inputs: int, cost: Callable[[int, int, int], float]
) -> tuple[int, int, int]:
    """Threads for parts of the batch, for blocks of outputs and for blocks of inputs: the last of the cheapest divisions."""
    best, least = (1, 1, 1), cost(1, 1, 1)
    for samples in range(1, min(threads, parts) + 1):
        for of_outputs in range(1, min(threads // samples, outputs) + 1):
            way = samples, of_outputs, min(threads // samples // of_outputs, inputs)
            if (found := cost(*way)) <= least:
                best, least = way, found
    return best
