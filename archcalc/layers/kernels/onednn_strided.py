"""How oneDNN goes back through the strides of a convolution: many small matrix products, with channels last.

This computes the gradient of a convolution's input, and the output of a transposed convolution.
Source: jit_brgemm_conv_bwd_utils.cpp and jit_brgemm_conv_bwd_strided.cpp of oneDNN 3.12.
"""

from __future__ import annotations

from math import prod

from archcalc.layers.kernels.onednn_seen import Seen
from archcalc.layers.kernels.onednn_threads import ALIGNED, BLOCK, up
from archcalc.records import NamedTuple

# Bytes of a page, and of the entry of one product in a batch of products.
_PAGE, _PLACE = 4096, 40
_FLOAT = 4
# Channels in a vector of AVX2.
_HALF = BLOCK // 2
# Rows of a product that are computed at once, by the number of vectors of channels.
_ROWS = {1: 28, 2: 14, 3: 9, 4: 6}


class Strided(NamedTuple):
    """The kernel, for a convolution to which it applies.

    Attributes:
        seen: the convolution.
        vector: channels in a vector.
    """

    seen: Seen
    vector: int

    @property
    def even(self) -> bool:
        """Whether the input size is a multiple of the stride along every axis."""
        return all(size % step == 0 for size, step in zip(self.seen.before, self.seen.strides))

    @property
    def filters(self) -> int:
        """Bytes of the weights in blocks of input channels; in 16 bits, also in pairs of output channels."""
        seen, block = self.seen, self._vectors() * self.vector
        return seen.groups * up(seen.inputs, block) * self._outputs * seen.taps * seen.width

    @property
    def _outputs(self) -> int:
        """Output channels of a group; in 16 bits, rounded up to pairs."""
        return up(self.seen.outputs, 2) if self.seen.width < _FLOAT else self.seen.outputs

    def _vectors(self) -> int:
        """The number of vectors of input channels in a block: the one that keeps the processor busiest."""
        there = -(-self.seen.inputs // self.vector)
        before = prod(self.seen.before), prod(self.seen.after)
        best, most = 1, 0.0
        for vectors in range(min(there, 4), 0, -1):
            pads = there % vectors
            if self.seen.taps == 1:
                large = before[0] >= 64 * self.seen.stride
                known = {4: not pads and large, 3: self.seen.inputs >= 0.95 * up(self.seen.inputs, 3 * self.vector)}
            else:
                large = before[1] > 81 * self.seen.stride
                known = {
                    4: not pads and there * self.vector < 192,
                    3: not pads and there * self.vector <= 384 and large,
                }
            if not known.get(vectors, True):
                continue
            rows = _ROWS[vectors]
            busy = self.seen.inputs / up(self.seen.inputs, vectors * self.vector) * vectors * rows / (rows + vectors)
            if busy > most:
                best, most = vectors, busy
        return best

    @property
    def scratch(self) -> int:
        """Bytes of the threads' workspaces: entries of products, padded outputs, which of them exist, and rows of inputs."""
        seen = self.seen
        outside = [max(0, reach - 1 - p) // s for reach, p, s in zip(seen.reach, seen.padding, seen.strides)]
        after = [max(0, reach - 1 - p) // s for reach, p, s in zip(seen.reach, seen.ends, seen.strides)]
        padded = prod(o + first + last for o, first, last in zip(seen.after, outside, after))
        uneven = seen.before[2] % seen.strides[2]
        outputs = self._outputs if uneven else seen.outputs
        pieces = [up(padded * seen.groups * outputs, _PAGE) * seen.width, up(seen.groups, _PAGE)]
        if uneven:
            row = up(seen.before[2], seen.strides[2]) * seen.strides[2]
            pieces.append(up(row * seen.groups * seen.inputs, _PAGE) * seen.width)
        if seen.width < _FLOAT:  # sums of a row
            pieces.append(-(-seen.before[2] // seen.strides[2]) * self._vectors() * self.vector * _FLOAT)
        found = sum(seen.threads * piece + _PAGE for piece in pieces)
        return products(seen.threads, seen.taps) + found + ALIGNED * seen.nested


def products(threads: int, taps: int) -> int:
    """Bytes of the entries of the products of each thread, one for each tap."""
    return threads * -(-up(_PLACE * taps, _PAGE) // _PLACE) * _PLACE + _PAGE


def strided(seen: Seen, in_blocks: bool) -> Strided | None:
    """The kernel if oneDNN chooses it, else None; `in_blocks`: whether a blocked kernel would apply.

    A transposed convolution whose sizes are multiples of the strides tries this kernel first. In 16 bits the kernel also
    runs depthwise convolutions.
    """
    if seen.stride == 1 or seen.dilated:
        return None
    if seen.groups == 1 or seen.outputs > BLOCK or (seen.depthwise and seen.width < _FLOAT):
        return Strided(seen, BLOCK)
    half = Strided(seen, _HALF)
    return half if seen.outputs > _HALF and (not in_blocks or (seen.nested and half.even)) else None
