"""One step of a recurrent layer, for use in a `scan`: its states are ordinary tensors."""

from __future__ import annotations

from typing import ClassVar

from archcalc.layers.arguments import Flag, Whole, Word, arg
from archcalc.layers.base import Layer, ShapeError, layer
from archcalc.layers.change import Change
from archcalc.layers.code import Code, given, module
from archcalc.layers.gru import GRU
from archcalc.layers.layout import FEATURES_LAST
from archcalc.layers.lstm import LSTM
from archcalc.layers.memory import LOW
from archcalc.layers.operands import Reference
from archcalc.layers.recurrent import RNN, sums_work
from archcalc.layers.saved import Saved, Saving
from archcalc.layers.tensor import Shape, Tensor
from archcalc.quantity import plain, product
from archcalc.terms import Pieces, times, work


class Cell(Layer):
    """What all cells share. [in] -> [hidden], from states [hidden]."""

    family = "recurrent"
    layout = FEATURES_LAST
    ranks = (1, 1)
    wants = "a vector"
    learns_in_turn = True
    gates: ClassVar[int] = 0
    candidates: ClassVar[int] = 1
    unit_work: ClassVar[Pieces] = RNN.unit_work
    # The arguments that are states.
    states: ClassVar[tuple[str, ...]] = ("state",)
    # In hidden sizes: what a step keeps for backward in addition to its inputs and output; what it needs temporarily
    # forward if it keeps that, and if it does not; and backward, in addition to the gradients that it returns.
    kept_units: ClassVar[int] = 0
    passing_units: ClassVar[tuple[int, int, int]] = (1, 1, 1)

    hidden: int = arg(Whole, "size of the state", min=1, aliases=("hidden_size", "units"))
    bias: bool = arg(Flag, "learn two bias vectors, as PyTorch does", default=True)

    @property
    def depth(self) -> int:
        """One."""
        return 1

    @property
    def products(self) -> int:
        """How many products of the input, and of the state, a step has."""
        return self.gates + self.candidates

    @property
    def rows(self) -> int:
        """The rows of their weights, stacked."""
        return times(self.hidden, gates=self.gates, candidate=self.candidates)

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for a state of the wrong size."""
        for name in self.states:
            state = self.numbers(name)
            if state.shape != (self.hidden,):
                changes = [Change({"hidden": int(state.shape[0])})] if state.rank == 1 else []
                message = f"`{name}` of this `{self.op}` is [{int(self.hidden)}], not {state}"
                raise ShapeError("SHP107", message, name, changes=changes)
        return Tensor((self.hidden,))

    def output_rank(self, *inputs: Tensor) -> int:
        """A vector."""
        return 1

    def params(self, x: Tensor) -> dict[str, Shape]:
        """weight_ih, weight_hh and two biases, gates and candidate stacked."""
        shapes: dict[str, Shape] = {"weight_ih": (self.rows, x.shape[-1]), "weight_hh": (self.rows, self.hidden)}
        if self.bias:
            shapes |= {"bias_ih": (self.rows,), "bias_hh": (self.rows,)}
        return shapes

    def macs(self, y: Tensor, *inputs: Tensor) -> int:
        """Every gate and the candidate take a product with the input and one with the state."""
        return self.rows * (inputs[0].shape[-1] + self.hidden)

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """Sums, biases and activations of every unit."""
        return work(
            self.hidden,
            "hidden unit",
            *sums_work(self.gates, 2 * bool(self.bias)),
            *self.unit_work,
        )

    def backward_macs(self, learns: bool, needs: tuple[bool, ...], y: Tensor, *inputs: Tensor) -> int:
        """Each product again for its weight if that is trained, and for its input if a gradient flows there."""
        rows = self.products * self.hidden
        return rows * inputs[0].shape[-1] * (learns + needs[0]) + rows * self.hidden * (learns + needs[1])

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """What both products read for the gradients of their weights, and what the step computes with."""
        size = how.batch * plain(self.hidden) * how.width * self.kept_units
        return Saved((0, 1) if how.learns else (), self.keeps_output, {"step": size})

    keeps_output: ClassVar[bool] = False

    def passing(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, int]:
        """Products that are added up; backward, their gradients, before those of the weights exist.

        What the step kept is freed meanwhile.
        """
        kept, let_go, backward = self.passing_units
        unit = how.batch * plain(self.hidden) * how.width
        learned = sum(plain(product(shape)) for shape in self.params(inputs[0]).values()) * how.width
        return unit * (kept if how.keeps else let_go), max(0, unit * backward - learned * how.learns)

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        options = given(bias=(self.bias, True), nonlinearity=(self.__dict__.get("nonlinearity", "tanh"), "tanh"))
        code = module(f"nn.{self.op[:-4].upper()}Cell", x.shape[-1], self.hidden, **options)
        code.call = "{self}({0}, {1})"
        return code


@layer("rnncell", first="hidden", family="recurrent")
class RNNCell(Cell):
    """z = g(W x + b + U z + b′), one step of `rnn`. [in] -> [hidden]. Source: torch.nn.RNNCell."""

    autocast = LOW
    example = ("rnncell 32 state=input", "32")
    notation = "y = g(W x + b + U z + b′)"
    symbols = {"g": "nonlinearity"}
    state: Tensor = arg(Reference, "the state that it starts from")
    nonlinearity: str = arg(Word, "g", choices=("tanh", "relu"), default="tanh")
    keeps_output = True
    passing_units = (1, 1, 1)


@layer("grucell", first="hidden", family="recurrent")
class GRUCell(Cell):
    """Two gates and a candidate, one step of `gru`. [in] -> [hidden]. Source: torch.nn.GRUCell."""

    has_shortcut = True
    example = ("grucell 32 state=input", "32")
    notation = (
        "r, z = σ(W x + b + U h + b′)        two gates: reset, update\n"
        "n = tanh(W x + b + r ⊙ (U h + b′))        the candidate\n"
        "y = (1 − z) ⊙ n + z ⊙ h"
    )
    state: Tensor = arg(Reference, "the state that it starts from")
    gates = GRU.gates
    unit_work = GRU.unit_work
    kept_units = 6
    passing_units = (3, 7, 3)


@layer("lstmcell", first="hidden", family="recurrent")
class LSTMCell(Cell):
    """Three gates, a candidate and a cell state, one step of `lstm`. [in] -> [hidden]; also output `c`, the cell state.

    Source: torch.nn.LSTMCell.
    """

    has_shortcut = True
    autocast = LOW
    example = ("lstmcell 32 h=input c=input", "32")
    notation = (
        "i, f, o = σ(W x + b + U h + b′)        three gates: input, forget, output\n"
        "g = tanh(W x + b + U h + b′)        the candidate\n"
        "y.c = f ⊙ c + i ⊙ g        the cell state\n"
        "y = o ⊙ tanh(y.c)"
    )
    h: Tensor = arg(Reference, "the hidden state that it starts from")
    c: Tensor = arg(Reference, "the cell state that it starts from")
    states = ("h", "c")
    gates = LSTM.gates
    unit_work = LSTM.unit_work
    kept_units = 5
    passing_units = (1, 6, 3)

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for states of the wrong size."""
        y = super().infer(x, *others)
        y.outputs = {"c": Tensor((self.hidden,))}
        return y

    def further_rank(self, name: str, rank: int) -> int:
        """A vector."""
        return 1

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """As for every cell, and the cell state before the step; tanh(y.c) belongs only to the output."""
        found = super().saved(how, y, *inputs)
        alone = how.batch * plain(self.hidden) * how.width * how.beside
        gated = how.learns or how.needs[0] or how.needs[1]  # without it, no gradient flows to the gate that weights it
        return Saved((*found.inputs, *([2] if gated else [])), extra={"step": found.extra["step"] - alone})

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        code = super().torch(y, x, *inputs)
        code.call = "{self}({0}, ({1}, {2}))"
        code.outputs = {"c": "{state}"}
        return code
