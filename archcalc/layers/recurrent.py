"""Recurrent layers over a sequence of vectors."""

from __future__ import annotations

from typing import Any, ClassVar

from archcalc.layers.arguments import Flag, Number, Whole, Word, Words, arg
from archcalc.layers.base import Layer, ShapeError, layer
from archcalc.layers.change import Change
from archcalc.layers.code import Code, given, module
from archcalc.layers.equations import stacked, with_biases
from archcalc.layers.layout import FEATURES_LAST
from archcalc.layers.memory import LOW
from archcalc.layers.operands import Reference
from archcalc.layers.portions import Portion
from archcalc.layers.saved import Saved, Saving
from archcalc.layers.strides import Strides, are_rows, contiguous
from archcalc.layers.tensor import Shape, Tensor
from archcalc.quantity import plain, product
from archcalc.terms import Pieces, called, part, repeated, times, work


def _count(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")


# The word for a single bias vector, as in Keras and JAX.
ONE_BIAS = "one"

NO_PROJECTION = "only `lstm` has a projection in PyTorch: put `linear` after it"


def sums_work(gates: int, biases: int) -> Pieces:
    """The additions for one hidden unit in one step; `unit_work` has the other operations."""
    each = gates + 1
    of = f" of {gates} gates and the candidate" if gates else ""
    bias = ("b" if biases == 1 else "b and b′") + (" of each" if gates else "")
    return (f"W x + U {'h' if gates else 'z'}{of}", each), (bias, biases * each)


class Recurrent(Layer):
    """What rnn, lstm and gru share.

    [steps, in] -> [steps, directions·hidden]. Further outputs: `last`, the final hidden state of
    the top layer [directions·hidden]; `h`, the final states of all layers [layers·directions, hidden].
    """

    layout = FEATURES_LAST
    reads_stretched = True
    ranks = (2, 2)
    wants = "a sequence of vectors [steps, features]"
    # Products of the input and of the state in one step: those for gates, and the one for the new content.
    gates: ClassVar[int] = 0
    candidates: ClassVar[int] = 1
    # Operations for one hidden unit in one step, apart from the sums of products and biases.
    unit_work: ClassVar[Pieces] = (("g", 1),)

    hidden: int = arg(Whole, "size of the hidden state", min=1, aliases=("hidden_size", "units"))
    layers: int = arg(Whole, "layers stacked", default=1, min=1, aliases=("num_layers",))
    bidirectional: bool = arg(Flag, "also run from the last step to the first", default=False)
    dropout: float = arg(Number, "dropout between stacked layers", default=0.0, min=0, max=1)
    bias: bool | str = arg(
        Words, "learn two bias vectors, as PyTorch does; one: that of the input", words=(ONE_BIAS,), default=True
    )
    state: Tensor | None = arg(Reference, "recurrent layer whose final state it starts from", default=None)

    @property
    def directions(self) -> int:
        """1, or 2 when bidirectional."""
        return 2 if self.bidirectional else 1

    @property
    def biases(self) -> int:
        """Biases per row of the weights: one for the product with the input, then one for that with the state."""
        return 1 if self.bias == ONE_BIAS else 2 * bool(self.bias)

    @property
    def computes(self) -> str:
        """The notation, with its biases, its start, and how layers and directions are joined."""
        told = with_biases(self.notation, self.biases)
        return stacked(told, self.state is not None, self.directions, self.layers)

    @property
    def width(self) -> int:
        """Features that one direction returns in each step."""
        return self.hidden

    @property
    def products(self) -> int:
        """How many products of the input, and of the state, a step has: those of the gates and of the candidate."""
        return self.gates + self.candidates

    @property
    def rows(self) -> int:
        """The rows of their weights, stacked."""
        return times(self.hidden, gates=self.gates, candidate=self.candidates)

    @property
    def depth(self) -> int:
        """The number of stacked layers."""
        return self.layers

    @property
    def sees_ahead(self) -> bool:  # type: ignore[override]
        """True if it also runs from the last step to the first."""
        return bool(self.bidirectional)

    @property
    def signature(self) -> tuple[Any, ...]:
        """What two layers must share to share states."""
        return (self.op, plain(self.layers), self.directions, plain(self.hidden), plain(self.width))

    @property
    def draws(self) -> bool:
        """The elements its dropout sets to 0."""
        return self.dropout > 0

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` if the initial state is of a different kind."""
        if self.state is not None:
            self._check_state(self.numbers("state"))
        width = self._between
        outputs = {"h": Tensor((self.layers * self.directions, self.width)), "last": Tensor((width,))}
        if self.op == "lstm":
            outputs["c"] = Tensor((self.layers * self.directions, self.hidden))
        return Tensor((x.shape[0], width), outputs=outputs, state=self.signature)

    def mixes(self, x: Tensor) -> tuple[int, ...]:
        """Steps and features: later steps see earlier ones, and in both directions all see all."""
        return (0, 1)

    def further_rank(self, name: str, rank: int) -> int:
        """States have an axis of layers; `last` has only features."""
        return 1 if name == "last" else 2

    def _check_state(self, given: Tensor) -> None:
        if given.state is None:
            wanted = (self.layers * self.directions, self.hidden)
            if self.op != "lstm" and (given.shape == wanted or (wanted[0] == 1 and given.shape == wanted[1:])):
                return
            shape = list(map(int, wanted))
            message = f"a state of this `{self.op}` is {shape}, not {given}"
            if self.op == "lstm":
                message = f"the state of an `lstm` is two tensors {shape}, h and c, not one {given}"
            help = "give the name of the other lstm itself, which stands for both" if self.op == "lstm" else None
            raise ShapeError("SHP101", message, "state", help)
        op, layers, directions, hidden, width = given.state
        if op != self.op:
            raise ShapeError(
                "SHP101",
                f"the state is that of `{op}`, this is `{self.op}`",
                "state",
                "a state is passed on between layers of one kind",
            )
        given_layers = {"layers": plain(layers), "bidirectional": directions == 2}
        if (layers, directions) != (self.layers, self.directions):
            raise ShapeError(
                "SHP101",
                f"the state has {_count(layers, 'layer')} x {_count(directions, 'direction')}, "
                f"this `{self.op}` has {_count(self.layers, 'layer')} x {_count(self.directions, 'direction')}",
                "state",
                changes=[Change({key: value for key, value in given_layers.items() if self.__dict__[key] != value})],
            )
        if hidden != self.hidden:
            raise ShapeError(
                "SHP101",
                f"the state has {hidden} units, this `{self.op}` has {self.hidden}",
                "state",
                changes=[Change({"hidden": hidden})],
            )
        if width != self.width:
            raise ShapeError(
                "SHP101",
                f"the state has {width} features, this `{self.op}` has {self.width}",
                "state",
                "make proj equal in both",
            )

    def _inputs(self, x: Tensor) -> list[int]:
        """The input features of each stacked layer."""
        return [x.shape[-1]] + [self._between] * (self.layers - 1)

    def params(self, x: Tensor) -> dict[str, Shape]:
        """weight_ih, weight_hh and the biases for each layer and direction, gates and candidate stacked."""
        rows = self.rows
        shapes: dict[str, Shape] = {}
        for index, features in enumerate(self._inputs(x)):
            for suffix in ("", "_reverse")[: self.directions]:
                shapes[f"weight_ih_l{index}{suffix}"] = (rows, features)
                shapes[f"weight_hh_l{index}{suffix}"] = (rows, self.width)
                for product_of in ("ih", "hh")[: self.biases]:
                    shapes[f"bias_{product_of}_l{index}{suffix}"] = (rows,)
        return shapes

    def portions(self, shapes: dict[str, Shape]) -> list[Portion]:
        """Those of the first layer, then those of the layers above, which are all alike; directions are alike too."""

        def of_layer(index: int) -> dict[str, Shape]:
            return {name: shape for name, shape in shapes.items() if name.endswith(f"_l{index}")}

        if len(of_layer(0)) * self.directions * self.layers > len(shapes):  # if only some are tied
            return [Portion(shapes)]
        directions = called(self.directions, "directions", self.hidden) if self.bidirectional else 1
        first = Portion(of_layer(0), "layer 1" if self.layers > 1 else "", times=directions, outputs_first=True)
        if self.layers == 1:
            return [first]
        above = called(self.layers - 1, "layers", self.hidden) * directions if self.layers > 2 else directions
        return [first, Portion(of_layer(1), self._above, times=above, outputs_first=True)]

    @property
    def _above(self) -> str:
        top = int(self.layers)
        return "layer 2" if top == 2 else "layers 2 and 3" if top == 3 else f"layers 2 to {top}"

    def macs(self, y: Tensor, *inputs: Tensor) -> int:
        """In each step, every gate and the candidate take a product with the input and one with the state."""
        x = inputs[0]
        each = times(called(x.shape[0], "steps", self.hidden), directions=self.directions) * self.rows
        total = each * (x.shape[-1] + self.width)
        if self.layers > 1:
            above = repeated(each, self.layers - 1, "layers") * (self._between + self.width)
            total = part("layer 1", total) + part(self._above, above)
        return total

    @property
    def _between(self) -> int:
        """Features that one layer passes to the next."""
        return times(self.width, directions=self.directions)

    def projection_macs(self, x: Tensor) -> int:
        """Those of the projection of the hidden state, part of `macs`."""
        return 0

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """Sums, biases and activations of every unit in every step."""
        steps = called(inputs[0].shape[0], "steps", self.hidden)
        units = times(repeated(steps, self.layers, "layers"), directions=self.directions) * self.hidden
        return work(
            units,
            "hidden unit and step",
            *sums_work(self.gates, self.biases),
            *self.unit_work,
        )

    def backward_macs(self, learns: bool, needs: tuple[bool, ...], y: Tensor, *inputs: Tensor) -> int:
        """Every product once more for its weight if it is trained, and once more for its input if a gradient flows there.

        The state before the first step is a constant unless it comes from another layer.
        """
        x = inputs[0]
        steps, rows = x.shape[0], self.directions * self.products * self.hidden
        from_state = self.state is not None and needs[1]
        total = 0
        for index, features in enumerate(self._inputs(x)):
            total = total + steps * rows * features * (learns + (index > 0 or needs[0]))
            total = total + rows * self.width * ((1 + learns) * steps - (0 if from_state else 1))
        return total

    def kept(self, y: Tensor, *inputs: Tensor) -> dict[str, Shape]:
        """The state after the last step, of every stacked layer and direction."""
        return {"h": (self.layers * self.directions, self.width)}

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """What a step of each layer and direction keeps, and what the layers read for the gradients of their weights."""
        x = inputs[0]
        steps, width = plain(x.shape[0]), how.width
        each = how.batch * plain(self.width) * self.directions * width
        between = steps * each * (self.layers - 1)
        reads = (0,) if how.learns or self._keeps_input else ()
        copied = (
            self._input_copies if self.element_bytes(how) != width else 1
        )  # the output of the layer below, which autocast casts
        extra = {
            "steps": self._kept_by_steps(how, x),
            "between layers": between * copied if reads else 0,
            "masks": between // width * how.mask if 0 < self.dropout < 1 else 0,
        }
        if self.state is None:
            return Saved(reads, self._keeps_output, extra)
        first = self._keeps_first(how)
        states = sum(plain(product(shape)) for name, shape in self.kept(y, *inputs).items() if name in first)
        extra["steps"] -= how.batch * states * width
        if self.state.state is not None:
            return Saved(reads, self._keeps_output, extra, states=first)
        return Saved((*reads, 1) if first else reads, self._keeps_output, extra)

    def _keeps_first(self, how: Saving) -> tuple[str, ...]:
        """The states whose values before the first step are kept along with those of the steps."""
        return ("h",) if how.learns else ()

    def copied(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, ...]:
        """For each direction, steps that are not the rows of one matrix once they come first; a state whose layers are not."""
        copies = () if self._reads(how.strides[0].transposed(0, 1)) else (0,) * self._input_copies
        if self.state is not None and self.state.state is None and self.state.rank == 2:
            copies += () if how.strides[1].transposed(0, 1).is_contiguous else (1,)
        return copies

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """Steps come first in memory."""
        return contiguous((y.shape[0], how.batch, y.shape[1])).transposed(0, 1)

    def further_strides(self, name: str, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """Layers come first in memory."""
        if name == "last" and self.bidirectional:
            return super().further_strides(name, how, y, *inputs)
        width = self.hidden if name == "c" else self.width
        states = contiguous((self.layers * self.directions, how.batch, width))
        return states.selected(0) if name == "last" else states.transposed(0, 1)

    def further_memory(self, name: str) -> str | None:
        """`last` is one of the states of all layers; those of two directions are concatenated."""
        return "h" if name == "last" and not self.bidirectional else None

    def reads_back(self, name: str) -> bool:
        """True for weights that are multiplied by a state or by the output of a layer below."""
        return name.startswith(("weight_hh", "weight_hr")) or (
            name.startswith("weight_ih") and not name.startswith("weight_ih_l0")
        )

    def readers(self, place: int, y: Tensor, *inputs: Tensor) -> int:
        """Each direction reads the sequence by itself."""
        return 1 if place else self._input_copies

    @property
    def _input_copies(self) -> int:
        return self.directions

    def _reads(self, steps: Strides) -> bool:
        """Whether it reads steps laid out like this, as the first axis, without a copy."""
        return are_rows(steps)

    @property
    def _keeps_output(self) -> bool:
        return False

    @property
    def _keeps_input(self) -> bool:
        """Whether its kernel keeps its input although no weight is trained."""
        return False

    def _kept_by_steps(self, how: Saving, x: Tensor) -> int:
        raise NotImplementedError(self.op)

    def passing(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, int]:
        """That of kernels that run step by step."""
        from archcalc.layers.kernels.recurrent import Steps  # only memory asks

        x, one = inputs[0], self.layers * self.directions
        learned = sum(plain(product(shape)) for shape in self.params(x).values())
        return Steps(
            how, plain(x.shape[0]), plain(x.shape[-1]), plain(self.hidden), plain(self.width), self.products,
            self.layers, self.directions, self.biases, learned, self._kept_by_steps(how, x) // one, self.element_bytes(how),
        ).passing()  # fmt: skip

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        plain = given(
            num_layers=(self.layers, 1),
            bias=(bool(self.bias), True),
            dropout=(self.dropout if self.layers > 1 else 0.0, 0.0),  # PyTorch warns about dropout without effect
            bidirectional=(self.bidirectional, False),
            nonlinearity=(getattr(self, "nonlinearity", "tanh"), "tanh"),
            proj_size=(self.width if self.width is not self.hidden else 0, 0),
        )
        name = self.op.upper()
        code = module(
            f"OneBias{name}" if self.biases == 1 else f"nn.{name}", x.shape[-1], self.hidden, batch_first=True, **plain
        )
        if self.state is not None:
            code.call = "{self}({0}, {state1})"
            if self.state.state is None:
                lead = "{1}[None]" if self.state.rank == 1 else "{1}.transpose(0, 1)"
                code.call = "{self}({0}, " + lead + ".contiguous())"
        h = "{state}[0]" if self.op == "lstm" else "{state}"
        last = f"torch.cat([{h}[-2], {h}[-1]], dim=-1)" if self.bidirectional else f"{h}[-1]"
        code.outputs = {"h": f"{h}.transpose(0, 1)", "last": last, "c": "{state}[1].transpose(0, 1)"}
        return code


@layer("rnn", first="hidden", aliases=("elman", "simplernn"))
class RNN(Recurrent):
    """z(t) = g(W x(t) + U z(t-1)) with a bias for each product. [steps, in] -> [steps, directions·hidden].

    Source: torch.nn.RNN.
    """

    autocast = LOW
    example = ("rnn 32", "20x64")
    notation = "z(t) = g(W x(t) + b + U z(t−1) + b′)        z(0) = 0"
    symbols = {"g": "nonlinearity"}
    learns_in_turn = True
    nonlinearity: str = arg(Word, "g", choices=("tanh", "relu"), default="tanh")

    refused: ClassVar[dict[str, str]] = {"proj_size": NO_PROJECTION}

    def _kept_by_steps(self, how: Saving, x: Tensor) -> int:
        """The state after each step, and the first one for the gradients of the weights."""
        states = (plain(x.shape[0]) + how.learns) * how.batch
        return states * plain(self.hidden) * self.layers * self.directions * how.width
