"""What recurrent layers need beside inputs and outputs: run step by step, and an LSTM by oneDNN in one go."""

from __future__ import annotations

from archcalc.layers.kernels.narrow import is_narrow, mapping
from archcalc.layers.kernels.onednn import pages, row
from archcalc.layers.kernels.onednn_threads import up
from archcalc.layers.saved import Saving
from archcalc.layers.strides import are_rows
from archcalc.records import NamedTuple

# Bytes of oneDNN's room for an LSTM that do not depend on its sizes, and where nothing is kept.
_ROOM, _WORKING = 4664, 4952
# Rows of a gate in a block of the weights; bytes of a number of those that autocast copies.
_COLUMNS, _FP32 = 32, 4


class Steps(NamedTuple):
    """A recurrent layer that runs one step after the other.

    Attributes:
        steps: of the sequence; features: of its input; hidden: of its state; width: of what a step gives, which is
            less where it is projected; products: with the state in each step.
        layers: that are stacked; directions: that the sequence is read in; biases: of each row of weights; learned: numbers of all parameters.
        kept: bytes that the steps of one layer and direction keep for backward.
        given: bytes of a number of the state.
    """

    how: Saving
    steps: int
    features: int
    hidden: int
    width: int
    products: int
    layers: int
    directions: int
    biases: int
    learned: int
    kept: int
    given: int

    def passing(self) -> tuple[int, int]:
        """All steps' products of the input forward, and their states before they are one tensor."""
        how, width = self.how, self.how.width
        if how.gpu:
            return 0, 0
        hidden, gates = self.hidden, self.products * self.hidden
        rows = self.steps * how.batch
        # The states of all steps, before they are one tensor; what is kept may be copies of them.
        joined = 0 if how.keeps and self.given == width else rows * self.width * self.given
        forward = rows * gates * width + joined
        read = 0 if are_rows(how.strides[0].transposed(0, 1)) else rows * self.features * width
        if not how.keeps and self.directions > 1:
            # Steps of the first direction and what joins them stay; its products do until the second's are there.
            # Source: FullBidirectionalLayer in aten/src/ATen/native/RNN.cpp.
            forward = rows * gates * width + max(rows * gates * width + read, 4 * rows * self.width * self.given)
        elif not how.keeps:
            forward += max(0, read - 2 * joined, gates * how.batch * width - joined)
        if self.layers > 1 and not how.keeps:  # the output of the layer below
            forward += self.directions * rows * self.width * self.given
        if is_narrow(how):
            answer = self.directions * rows * self.width * self.given
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
        return forward + zeros, self._back()

    def _back(self) -> int:
        """Backward, layer by layer and the second direction first, the gradients that add up step by step.

        What a step kept is let go when it has run: most is there in the second, where a sum is made of two gradients of
        the weights, or where the steps' gradients are joined, or where that of the input's weights is made.
        Source: torch/csrc/autograd/input_buffer.cpp adds in place from the third gradient on.
        """
        how, width, gates = self.how, self.how.width, self.products * self.hidden
        rows, each = self.steps * how.batch, self.products * self.hidden * how.batch
        of_state = gates * self.width * how.learns
        biased = gates * (self.biases == 2) * how.learns
        projected = self.width * self.hidden * how.learns * (self.width != self.hidden)
        whole, step = of_state + biased + projected, self.kept // self.steps // width
        given = rows * self.width * self.directions
        copied = not are_rows(how.strides[0].transposed(0, 1))  # what each direction reads
        live = most = 0
        for index in reversed(range(self.layers)):
            features = self.width * self.directions if index else self.features
            read = rows * features * (index > 0 or how.needs[0])
            of_input = gates * (features + (self.biases > 0)) * how.learns
            for direction in range(self.directions):
                done = min(self.steps, 2)
                in_step = (2 * (of_state + biased) if self.steps > 1 else 0) + done * (each - step)
                most = max(most, live + whole + in_step + self.hidden * how.batch)
                live += whole - self.kept // width
                if direction + 1 == self.directions:
                    live -= given  # of the layer's output
                most = max(most, live + 2 * rows * gates, live + rows * gates + of_input + read)
                live += of_input
                if not direction:
                    live += read
                if not index and copied:
                    live -= rows * features * how.learns
            if index:
                live -= given * how.learns  # what the layer below gave
        counted = self.learned * how.learns + rows * self.features * how.needs[0]
        return (most - counted) * width


class Cells(NamedTuple):
    """An LSTM as oneDNN runs it.

    Attributes:
        steps: of the sequence; hidden: features of its state; widths: of the input of each layer.
        directions: that the sequence is read in; biases: of each row of weights.
        begins: whether it starts from zeros of its own.
    """

    how: Saving
    steps: int
    hidden: int
    widths: tuple[int, ...]
    directions: int
    biases: int
    begins: bool

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
        if not how.keeps:
            return self.through(), 0
        gates, rows, state = 4 * hidden, self.steps * how.batch, how.batch * hidden
        room = pages(4 * rows * row(gates)) + 2 * pages(4 * how.batch * row(hidden)) + _ROOM
        forward = backward = 0
        released = 0  # of the layers above, less the gradients of their parameters
        learned = [gates * (features + hidden) + gates * self.biases for features in self.widths]
        for index in reversed(range(len(self.widths))):
            features = self.widths[index]
            filled = row(gates) * (features + hidden) + gates
            forward = max(forward, room + 4 * filled)
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
        return forward, backward - 4 * counted

    def working(self, features: int) -> int:
        """Bytes that oneDNN works in where nothing is kept: weights in its order, states of two layers, gates of one step.

        Those of a single sample are computed for all steps at once.
        """
        batch, hidden = self.how.batch, self.hidden
        states, at_once = 2 * (self.steps + 1) * batch, self.steps if batch == 1 else batch
        regions = [states * row(max(features, hidden)), states * hidden, at_once * row(4 * hidden), batch * row(hidden)]
        return 4 * 4 * up(hidden, _COLUMNS) * (features + hidden) + sum(pages(4 * one) for one in regions) + _WORKING

    def through(self) -> int:
        """What is needed where nothing is kept, layer by layer, beside the output and the final states.

        Source: mkldnn_rnn_layer and lstm_mkldnn_stub in aten/src/ATen/native/mkldnn/RNN.cpp.
        """
        how, hidden, width = self.how, self.hidden, self.how.width
        layers, gates, rows = len(self.widths) * self.directions, 4 * hidden, self.steps * how.batch
        output, state = rows * hidden * width, how.batch * hidden * width
        casts = how.casts and not how.training  # each layer's weights anew
        read, stored = how.given[0] if how.casts else width, _FP32 if casts else width
        cast_input = rows * self.widths[0] * width * (casts and read != width)
        learned = [gates * (features + hidden + self.biases) * width for features in self.widths]
        live = 2 * layers * state // width * read * self.begins
        live += gates * stored * layers * (self.biases == 1)  # zeros in place of the state's biases
        if not how.strides[0].transposed(0, 1).is_contiguous:
            live += rows * self.widths[0] * read
        below = most = 0
        for index, features in enumerate(self.widths):
            given = 0
            own = gates * width + self.working(features)
            if not self.biases:  # zeros of the weights' sizes
                own += gates * (features + hidden) * (stored + width * casts)
            if casts:
                own += learned[index] + 2 * state + cast_input * (index == 0)
            for _ in range(self.directions):
                given += output + 2 * state
                most = max(most, live + below + given + own)
            joined = self.directions * output if self.directions > 1 else 0
            most = max(most, live + below + given + joined)
            live += 2 * self.directions * state
            below = self.directions * output
        counted = below + 2 * layers * state + casts * (sum(learned) * self.directions + cast_input)
        return max(most, live + below + 2 * layers * state) - counted
