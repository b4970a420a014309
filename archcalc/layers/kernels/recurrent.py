"""What recurrent layers need in addition to inputs and outputs: step by step, or, for an LSTM, all at once in oneDNN."""

from __future__ import annotations

from archcalc.layers.kernels.narrow import is_narrow, mapping, mapping_back, room
from archcalc.layers.kernels.onednn import pages, row
from archcalc.layers.kernels.onednn_threads import up
from archcalc.layers.saved import Saving
from archcalc.layers.strides import are_rows
from archcalc.records import NamedTuple

# Bytes of oneDNN's workspace for an LSTM that do not depend on its sizes: in training, and if nothing is kept.
_ROOM, _WORKING = 4664, 4952
# Rows of a gate in a block of the weights; bytes of a number that autocast copies.
_COLUMNS, _FP32 = 32, 4


class Steps(NamedTuple):
    """A recurrent layer that runs step by step.

    Attributes:
        steps: steps of the sequence.
        features, hidden: features of the input and of the state.
        width: features of a step's output, fewer than `hidden` if it is projected.
        products: products with the state in each step.
        layers: stacked layers.
        directions: directions in which the sequence is read.
        biases: biases of each row of weights.
        learned: numbers in all parameters.
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
        """Bytes forward (products of all steps with the input, and states before they are stacked) and backward."""
        how, gates = self.how, self.products * self.hidden
        if how.gpu:
            return 0, 0
        forward = self._keeping() if how.keeps else self._through()
        if is_narrow(how):
            forward = self._narrow(forward)
        zeros = self.layers * self.directions * gates * how.width * (self.biases == 1)  # in place of the state's biases
        return forward + zeros, self._back()

    @property
    def _sizes(self) -> tuple[int, int, int]:
        """Bytes of one direction's products of all steps with the input, of its output, and of the copy of its input, if any."""
        rows, how = self.steps * self.how.batch, self.how
        read = 0 if are_rows(how.strides[0].transposed(0, 1)) else rows * self.features * how.width
        return rows * self.products * self.hidden * how.width, rows * self.width * self.given, read

    def _keeping(self) -> int:
        """If steps are kept: at the end of the top layer.

        With two directions, the stacked steps of each still exist when both are joined. So do states that are kept only
        in another type, and those of the layer below.
        Source: FullBidirectionalLayer in aten/src/ATen/native/RNN.cpp.
        """
        (products, given, _), how = self._sizes, self.how
        beside = given if self.given != how.width else 0
        forward = products + self.directions * beside * (2 if self.layers > 1 else 1)
        if self.directions > 1:
            # Final states do not exist yet; under autocast, the zeros from which the first states were copied do.
            ends = (self.layers + 1) * self.given - self.layers * _FP32 * how.casts
            forward += self.directions * (given - how.batch * self.width * ends)
        return forward

    def _through(self) -> int:
        """If nothing is kept: in the first layer, or in one that reads the output of the layer below.

        The steps of the first direction and their stack stay; its products stay until those of the second exist.
        """
        products, given, read = self._sizes
        most = []
        for copied, below in ((read, 0), (0, self.directions * given))[: self.layers]:
            if self.directions > 1:
                most.append(below + products + max(products + copied, 4 * given))
            else:
                step = self.products * self.hidden * self.how.batch * self.how.width
                most.append(below + products + max(given, copied - given, step))
        return max(most)

    def _narrow(self, forward: int) -> int:
        """Forward in 16 bits, with the workspaces of the products."""
        how, gates = self.how, self.products * self.hidden
        products, given, read = self._sizes
        steps = how.strides[0].transposed(0, 1)
        first = mapping(how, steps, self.features, gates) + products - self.directions * given
        if how.keeps:  # before the steps keep anything
            first -= self.kept * self.layers * self.directions
        else:
            if not how.casts:
                first += read
            if self.directions > 1:  # what exists of the first direction
                first += products + 2 * given
        if how.casts and not how.training:  # copies of weights, for the input and for the state in turn
            biases = gates * (self.biases > 0)
            first += (gates * self.features + biases - self.learned) * how.width
            forward += (gates * self.hidden + biases - self.learned) * how.width
        return max(first, forward)

    def _back(self) -> int:
        """Backward: layer by layer, the second direction first, gradients that add up step by step.

        What a step kept is freed once it has run. The peak is in the second step, when two gradients of the weights are
        added; or when the steps' gradients are joined; or when the gradient of the input's weights is computed. Under
        autocast, a weight's gradient then has the weight's own type, and the copy of the weight is freed.
        Source: torch/csrc/autograd/input_buffer.cpp adds in place from the third gradient on.
        """
        how, width, gates = self.how, self.how.width, self.products * self.hidden
        stored = _FP32 if how.casts else width
        rows, each = self.steps * how.batch, self.products * self.hidden * how.batch * width
        of_state = gates * (self.width + (self.biases == 2)) * how.learns
        projected = self.width * self.hidden * how.learns * (self.width != self.hidden)
        whole, step = of_state + projected, self.kept // self.steps
        given = rows * self.width * self.directions * width
        copied = not are_rows(how.strides[0].transposed(0, 1))  # what each direction reads
        in_product = room(how, gates, how.batch, self.width, turned=True) if how.learns else 0
        live = most = 0
        for index in reversed(range(self.layers)):
            features = self.width * self.directions if index else self.features
            needed = index > 0 or how.needs[0]
            read = rows * features * width * needed
            of_input = gates * (features + (self.biases > 0)) * how.learns
            products = mapping_back(how, rows, features, gates, self.biases > 0, needed)
            for direction in range(self.directions):
                done, twice = min(self.steps, 2), self.steps > 1
                in_step = of_state * width * twice + done * (each - step) + self.hidden * how.batch * width
                most = max(most, live + whole * width + in_step + max(of_state * width * twice, in_product))
                live -= self.kept
                if how.casts:
                    most = max(most, live + rows * gates * width + whole * (width + stored))
                    live -= gates * self.width * width + projected * width
                live += whole * stored
                if direction + 1 == self.directions:
                    live -= given  # of the layer's output
                joined, made = rows * gates * width, of_input * width
                most = max(most, live + 2 * joined, live + joined + made + read + products)
                if how.casts:
                    most = max(most, live + read + made + of_input * stored)
                    live -= gates * features * width * needed
                live += of_input * stored
                if not direction:
                    live += read
                if not index and copied:
                    live -= rows * features * width * how.learns
            if index:
                live -= given * how.learns  # the output of the layer below
        return most - (self.learned * how.learns + rows * self.features * how.needs[0]) * width


class Cells(NamedTuple):
    """An LSTM as oneDNN runs it.

    Attributes:
        steps: steps of the sequence.
        hidden: features of the state.
        widths: features of the input of each layer.
        directions: directions in which the sequence is read.
        biases: biases of each row of weights.
        begins: whether its first state is zeros that it makes itself.
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
        """oneDNN's workspace for the gates of all steps and copies of the weights; backward, also of their gradients.

        Backward, layers run from last to first, and what a layer kept is freed once it has run.
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
            if how.beside:  # zeros for one direction at a time, in oneDNN's layout
                copy = rows * hidden * ((index == len(self.widths) - 1) - self.directions)
            sums = 0 if self.biases else gates  # sums of the two biases; with biases, one does not exist yet
            own = copy + 4 * state + sums + rows * features + learned[index] + blocks + filled
            for _ in range(self.directions):
                backward = max(backward, room + 4 * own - released)
                released += self.workspace(features) - 4 * learned[index]
        counted = rows * self.widths[0] * how.needs[0] + self.directions * sum(learned)
        return forward, backward - 4 * counted

    def working(self, features: int) -> int:
        """Bytes of oneDNN's workspace if nothing is kept: its copy of the weights, states of two layers, gates of a step.

        For a single sample, the gates of all steps are computed at once.
        """
        batch, hidden = self.how.batch, self.hidden
        states, at_once = 2 * (self.steps + 1) * batch, self.steps if batch == 1 else batch
        regions = [states * row(max(features, hidden)), states * hidden, at_once * row(4 * hidden), batch * row(hidden)]
        return 4 * 4 * up(hidden, _COLUMNS) * (features + hidden) + sum(pages(4 * one) for one in regions) + _WORKING

    def through(self) -> int:
        """What is needed if nothing is kept, layer by layer, in addition to the output and the final states.

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
        live += gates * stored * layers * (self.biases == 1)  # zeros instead of the state's biases
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
