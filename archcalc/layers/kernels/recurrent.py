"""What recurrent layers need beside inputs and outputs: run step by step, and an LSTM by oneDNN in one go."""

from __future__ import annotations

from typing import NamedTuple

from archcalc.layers.kernels.narrow import is_narrow, mapping
from archcalc.layers.kernels.onednn import pages, row
from archcalc.layers.kernels.onednn_threads import up
from archcalc.layers.saved import Saving
from archcalc.layers.strides import are_rows

# Bytes of oneDNN's room for an LSTM that do not depend on its sizes.
_ROOM = 4664


class Steps(NamedTuple):
    """A recurrent layer that runs one step after the other.

    Attributes:
        steps: of the sequence; features: of its input; hidden: of its state; products: with the state in each step.
        layers: that are stacked; directions: that the sequence is read in; biases: of each row of weights; learned: numbers of all parameters.
        kept: bytes that the steps of one layer and direction keep for backward.
        given: bytes of a number of the state.
    """

    how: Saving
    steps: int
    features: int
    hidden: int
    products: int
    layers: int
    directions: int
    biases: int
    learned: int
    kept: int
    given: int

    def passing(self) -> tuple[int, int]:
        """All steps' products of the input forward; backward the gradients that add up step by step.

        What a step kept is let go when it has run: most is there in the second, where a sum is made of two
        gradients of the weights, or at the end, where the steps' gradients are joined.
        """
        how, width = self.how, self.how.width
        if how.gpu:
            return 0, 0
        hidden, gates = self.hidden, self.products * self.hidden
        rows = self.steps * how.batch
        learned = self.learned // self.directions
        counted = rows * self.features * how.needs[0] + self.directions * learned
        weights = gates * (hidden + (self.biases == 2))
        second = (3 if self.steps > 1 else 1) * weights
        backward = max(second * width, (2 * rows * gates + weights) * width - self.kept) - counted * width
        # The states of all steps, before they are one tensor; what is kept may be copies of them.
        joined = 0 if how.keeps and self.given == width else rows * hidden * self.given
        forward = rows * gates * width + joined
        if self.layers > 1 and not how.keeps:  # the output of the layer below
            forward += self.directions * rows * hidden * self.given
        if is_narrow(how):
            answer = self.directions * rows * hidden * self.given
            steps = how.strides[0].transposed(0, 1)
            first = mapping(how, steps, self.features, gates) + rows * gates * width - answer
            if how.keeps:  # which is before the steps keep anything
                first -= self.kept * self.layers * self.directions
            elif not (how.casts or are_rows(steps)):
                first += rows * self.features * width
            if how.casts and not how.training:  # copies of weights, for the input and for the state in turn
                biases = gates * (self.biases > 0)
                first += (gates * self.features + biases - self.learned) * width
                forward += (gates * hidden + biases - self.learned) * width
            forward = max(first, forward)
        zeros = self.layers * self.directions * gates * width * (self.biases == 1)  # in place of the state's biases
        return forward + zeros, max(backward, rows * gates * width - self.kept)


class Cells(NamedTuple):
    """An LSTM as oneDNN runs it.

    Attributes:
        steps: of the sequence; hidden: features of its state; widths: of the input of each layer.
        directions: that the sequence is read in; biases: of each row of weights.
    """

    how: Saving
    steps: int
    hidden: int
    widths: tuple[int, ...]
    directions: int
    biases: int

    def workspace(self, features: int) -> int:
        """Bytes that oneDNN keeps of one layer and direction.

        Measured on PyTorch 2.13 for x86: seven regions of whole pages whose rows are padded. On a GPU the
        size of cuDNN's reserve is not known; the same number stands for it.
        """
        batch, hidden = self.how.batch, self.hidden
        rows, longer, wide = self.steps * batch, 2 * (self.steps + 1) * batch, max(features, hidden)
        regions = [rows * row(4 * hidden), rows * row(hidden), *3 * [longer * row(wide)], *2 * [longer * hidden]]
        return sum(pages(4 * region) for region in regions)

    def passing(self) -> tuple[int, int]:
        """oneDNN's room for the gates of all steps and copies of the weights, and backward of their gradients.

        Layers run one after the other, the last first; what one kept is let go when it has run.
        """
        how, hidden = self.how, self.hidden
        if how.gpu:
            return 0, 0
        gates, rows, state = 4 * hidden, self.steps * how.batch, how.batch * hidden
        room = pages(4 * rows * row(gates)) + 2 * pages(4 * how.batch * row(hidden)) + _ROOM
        forward = backward = 0
        released = 0  # of the layers above, less the gradients of their parameters
        learned = [gates * (features + hidden) + gates * self.biases for features in self.widths]
        for index in reversed(range(len(self.widths))):
            features = self.widths[index]
            filled = row(gates) * (features + hidden) + gates
            read = gates * (up(features) + up(hidden)) + (rows + how.batch) * row(max(features, hidden))
            forward = max(forward, room + 4 * (filled if how.keeps else rows * features + read + gates))
            blocks = sum(gates * row(size) for size in (features, hidden) if row(size) != size)
            copy = rows * hidden if index == len(self.widths) - 1 and self.steps > 1 and how.batch > 1 else 0
            if how.beside:  # zeros for one direction at a time, in the order that it wants
                copy = rows * hidden * ((index == len(self.widths) - 1) - self.directions)
            sums = 0 if self.biases else gates  # of the two biases; with them, one is not there yet
            own = copy + 4 * state + sums + rows * features + learned[index] + blocks + filled
            for _ in range(self.directions):
                backward = max(backward, room + 4 * own - released)
                released += self.workspace(features) - 4 * learned[index]
        counted = rows * self.widths[0] * how.needs[0] + self.directions * sum(learned)
        if self.biases == 1 and not how.keeps:
            forward += 4 * gates * len(self.widths) * self.directions  # zeros in place of the state's
        return forward, backward - 4 * counted
