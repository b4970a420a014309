"""The recurrent layer with a cell state, which PyTorch runs with special kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archcalc.layers.arguments import Whole, arg
from archcalc.layers.base import ShapeError, layer
from archcalc.layers.memory import LOW
from archcalc.layers.recurrent import Recurrent
from archcalc.layers.saved import Saving
from archcalc.layers.strides import Strides
from archcalc.layers.tensor import Shape, Tensor
from archcalc.quantity import plain
from archcalc.terms import called, part, repeated, times

if TYPE_CHECKING:
    from archcalc.layers.kernels.recurrent import Cells


@layer("lstm", first="hidden", family="recurrent")
class LSTM(Recurrent):
    """Three gates, a candidate and a cell state. [steps, in] -> [steps, directions·hidden]; also output `c`.

    With `proj`, a linear map without bias makes the hidden state smaller; steps read and return the projected state:
    [steps, directions·proj]. Source: torch.nn.LSTM; Sak et al. 2014, arXiv:1402.1128.
    """

    has_shortcut = True
    autocast = LOW
    example = ("lstm 32", "20x64")
    notation = (
        "i, f, o = σ(W x(t) + b + U h(t−1) + b′)        three gates: input, forget, output\n"
        "g = tanh(W x(t) + b + U h(t−1) + b′)        the candidate; each has a W, U, b and b′ of its own\n"
        "c(t) = f ⊙ c(t−1) + i ⊙ g        the cell state\n"
        "h(t) = o ⊙ tanh(c(t))        h(0) = c(0) = 0"
    )

    proj: int | None = arg(
        Whole, "size of the hidden state after a projection; default: none", default=None, min=1, aliases=("proj_size",)
    )
    gates = 3
    unit_work = (
        ("σ of three gates, 4 each", 12),
        ("tanh of the candidate and of the cell", 2),
        ("c = f ⊙ c + i ⊙ g", 3),
        ("h = o ⊙ tanh(c)", 1),
    )

    @property
    def computes(self) -> str:
        """The notation, with the projection if there is one."""
        told = super().computes
        return told if self.proj is None else told.replace("h(t) = o ⊙ tanh(c(t))", "h(t) = P (o ⊙ tanh(c(t)))")

    @property
    def width(self) -> int:
        """The projected size, if there is a projection."""
        return self.hidden if self.proj is None else self.proj

    @property
    def learns_in_turn(self) -> bool:  # type: ignore[override]
        """True if no single kernel runs all steps."""
        return self.proj is not None

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for a projection that is not smaller than the hidden state, which PyTorch refuses."""
        if self.proj is not None and self.proj >= self.hidden:
            raise ShapeError(
                "SHP101",
                f"`proj` {self.proj} is not smaller than hidden={self.hidden}",
                "proj",
                "leave it out, or make it smaller",
            )
        return super().infer(x, *others)

    def params(self, x: Tensor) -> dict[str, Shape]:
        """As for every recurrent layer; with a projection, also its weight for each layer and direction."""
        shapes = super().params(x)
        if self.proj is None:
            return shapes
        each: dict[str, Shape] = {}
        for index in range(self.layers):
            for suffix in ("", "_reverse")[: self.directions]:
                end = f"_l{index}{suffix}"
                each.update({name: shape for name, shape in shapes.items() if name.endswith(end)})
                each[f"weight_hr{end}"] = (self.proj, self.hidden)
        return each

    def projection_macs(self, x: Tensor) -> int:
        """Those of the projection in all steps."""
        if self.proj is None:
            return 0
        steps = repeated(called(x.shape[0], "steps", self.hidden), self.layers, "layers")
        return times(steps, directions=self.directions) * self.hidden * self.proj

    def macs(self, y: Tensor, *inputs: Tensor) -> int:
        """Including the projection in each step."""
        total = super().macs(y, *inputs)
        if self.proj is None:
            return total
        total = total if self.layers > 1 else part("gates", total)
        return total + part("projection", self.projection_macs(inputs[0]))

    def backward_macs(self, learns: bool, needs: tuple[bool, ...], y: Tensor, *inputs: Tensor) -> int:
        """As for every recurrent layer; the projection's weight and its input also have gradients in each step."""
        return super().backward_macs(learns, needs, y, *inputs) + (1 + learns) * self.projection_macs(inputs[0])

    def kept(self, y: Tensor, *inputs: Tensor) -> dict[str, Shape]:
        """The hidden state and the cell state."""
        return {**super().kept(y, *inputs), "c": (self.layers * self.directions, self.hidden)}

    @property
    def _input_copies(self) -> int:
        return 1 if self.proj is None else self.directions

    def _reads(self, steps: Strides) -> bool:
        """Whether it reads steps laid out like this without a copy: oneDNN needs them in order."""
        return super()._reads(steps) if self.proj is not None else steps.is_contiguous

    @property
    def _keeps_output(self) -> bool:
        """Its kernel keeps its output."""
        return self.proj is None and not self.bidirectional

    @property
    def _keeps_input(self) -> bool:
        """Whether its kernel keeps its input although no weight is trained: oneDNN does."""
        return self.proj is None

    def reads_back(self, name: str) -> bool:
        """Every parameter, if oneDNN runs it."""
        return self.proj is None or super().reads_back(name)

    def _keeps_first(self, how: Saving) -> tuple[str, ...]:
        """The cell's; the hidden state for the gradients of the weights, and by oneDNN."""
        return ("h", "c") if how.learns or self._keeps_input else ("c",)

    def _kept_by_steps(self, how: Saving, x: Tensor) -> int:
        """Outputs, first and last states, and the workspace of oneDNN for each layer and direction.

        oneDNN has no projection: each step then keeps three gates, the candidate, both cell states, and the state before
        and after the projection.
        """
        steps, hidden = plain(x.shape[0]), plain(self.hidden)
        if self.proj is not None:
            wide = how.given[0] if how.casts and not how.gpu else how.width  # of the cell's states and their tanh
            each = (4 * how.width + 2 * wide) * hidden + (hidden + plain(self.proj)) * how.width * how.learns
            anew = (
                (steps - 1) * hidden * plain(self.proj) * how.width * how.casts
            )  # the weight, which autocast copies in each step
            return (steps * how.batch * each + anew) * self.layers * self.directions
        cells, total = self._cells(how, x), 0
        for index, features in enumerate(self._inputs(x)):
            top = index == self.layers - 1
            read_on = self.directions == 1 and (top or not self.dropout)
            outputs = 0 if read_on else steps * how.batch * hidden
            states = 4 * how.batch * hidden
            zeros = 4 * hidden * (plain(features) + hidden, 1, 0)[self.biases]
            total += self.directions * (cells.workspace(plain(features)) + (outputs + states + zeros) * how.width)
        return total

    def _cells(self, how: Saving, x: Tensor) -> Cells:
        from archcalc.layers.kernels.narrow import is_narrow  # only memory asks
        from archcalc.layers.kernels.recurrent import Cells
        from archcalc.layers.kernels.recurrent_narrow import NarrowCells

        kind = NarrowCells if is_narrow(how) else Cells
        widths = tuple(plain(features) for features in self._inputs(x))
        begins = self.state is None
        return kind(how, plain(x.shape[0]), plain(self.hidden), widths, self.directions, self.biases, begins)

    def passing(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, int]:
        """That of oneDNN, unless there is a projection."""
        return self._cells(how, inputs[0]).passing() if self.proj is None else super().passing(how, y, *inputs)
