"""A 16-bit LSTM as oneDNN runs it: gates and gradients in fp32, and matrices packed for each direction.

Measured on PyTorch 2.13 for x86 with AVX-512 and its instructions for bf16.
"""

from __future__ import annotations

from archcalc.layers.kernels.onednn import pages, row
from archcalc.layers.kernels.onednn_threads import up
from archcalc.layers.kernels.recurrent import Cells

# Bytes of oneDNN's workspace that do not depend on sizes: in training, and if nothing is kept. Numbers in a block of a row,
# and the number that the length of a row must not be a multiple of.
_ROOM, _WORKING, _BLOCK, _CONFLICT = 4856, 4936, 32, 256


def _row(size: int) -> int:
    size = up(size, _BLOCK)
    return size + _BLOCK if size % _CONFLICT == 0 else size


class NarrowCells(Cells):
    """One or several layers of a 16-bit LSTM."""

    def workspace(self, features: int) -> int:
        """Bytes that oneDNN keeps of one layer and direction: seven regions of whole pages."""
        batch, hidden = self.how.batch, self.hidden
        rows, longer, wide = self.steps * batch, 2 * (self.steps + 1) * batch, max(features, hidden)
        regions = [2 * rows * _row(4 * hidden), 2 * rows * _row(hidden), 2 * longer * _row(wide)]
        regions += [*2 * [4 * longer * row(wide)], 2 * longer * hidden, 4 * longer * hidden]
        return sum(map(pages, regions))

    def working(self, features: int) -> int:
        """Bytes of oneDNN's workspace if nothing is kept, as in fp32, but with weights packed in pairs of rows."""
        batch, hidden = self.how.batch, self.hidden
        states, at_once = 2 * (self.steps + 1) * batch, self.steps if batch == 1 else batch
        packed = 2 * 4 * up(hidden, _BLOCK) * (up(features, 2) + up(hidden, 2))
        regions = [2 * states * _row(max(features, hidden)), 2 * states * hidden, 4 * at_once * row(4 * hidden)]
        return packed + sum(map(pages, regions)) + pages(2 * batch * _row(hidden)) + _WORKING

    def passing(self) -> tuple[int, int]:
        """Packed weights and the gates of one step (of all steps for one sample); backward, also gradients in fp32."""
        how, hidden = self.how, self.hidden
        if not how.keeps:
            return self.through(), 0
        gates, rows, state = 4 * hidden, self.steps * how.batch, how.batch * hidden
        at_once = rows if how.batch == 1 else how.batch
        room = pages(4 * at_once * row(gates)) + pages(2 * how.batch * _row(hidden)) + _ROOM
        room += pages(4 * how.batch * row(hidden))
        learned = [gates * (features + hidden + self.biases) for features in self.widths]
        forward = backward = released = 0
        copied = 0  # of steps that are not contiguous, before autocast casts them
        if not how.strides[0].transposed(0, 1).is_contiguous and how.given[0] > how.width:
            copied = rows * self.widths[0] * how.given[0]
        for index in reversed(range(len(self.widths))):
            features = self.widths[index]
            packed = 2 * 4 * up(hidden, _BLOCK) * (up(features, 2) + up(hidden, 2))
            forward = max(forward, room + packed + copied)
            turned = 2 * gates * (up(features, _BLOCK) + up(hidden, _BLOCK))
            filled = 4 * (row(gates) * (features + hidden) + gates)
            own = 2 * (rows * hidden + 2 * state + gates) + 4 * (rows * (features + hidden) + 4 * state)
            own += 4 * (learned[index] - gates * (self.biases > 0)) + turned + filled + room
            for _ in range(self.directions):
                backward = max(backward, own - released)
                released += self.workspace(features) - (4 if how.casts else 2) * learned[index]
        counted = rows * self.widths[0] * how.needs[0] + self.directions * sum(learned)
        return forward, backward - 2 * counted
