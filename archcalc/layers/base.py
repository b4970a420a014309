"""What every layer is: a declaration of its arguments and formulas.

A layer class says everything about one layer type: its arguments, its output shape, its named parameters and buffers,
its multiply-accumulates and its element-wise work. Formulas are plain arithmetic on the layer's arguments and the
tensors' sizes, for one sample.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar

from archcalc.language.expressions import describe
from archcalc.layers.arguments import Argument, arguments_of
from archcalc.layers.bridges import each_alone, into_layout, into_rank
from archcalc.layers.change import Change, counting_the_batch
from archcalc.layers.code import Code
from archcalc.layers.error import ShapeError as ShapeError
from archcalc.layers.field import ITSELF, Field, whole
from archcalc.layers.index import FILES
from archcalc.layers.layout import ASKS, CHANNELS_FIRST, EACH, KEEPS, LAYOUTS, Layout, told
from archcalc.layers.memory import LayerMemory
from archcalc.layers.operands import Body, Like, Operands, Reference
from archcalc.layers.portions import Portion
from archcalc.layers.projections import Projection
from archcalc.layers.tensor import Shape, Tensor, Want
from archcalc.registry import Registry


class Layer(LayerMemory):
    """A layer with its arguments bound.

    Subclasses declare arguments with `arg` and override the formulas. Formulas see tensors of one sample; totals of a
    network are multiplied by the batch.
    """

    op: ClassVar[str] = ""
    family: ClassVar[str] = ""
    arguments: ClassVar[dict[str, Argument]] = {}
    defaults: ClassVar[dict[str, Any]] = {}
    first: ClassVar[str | None] = None
    aliases: ClassVar[tuple[str, ...]] = ()
    # Arguments of PyTorch's class that have an effect but are not keys here, and what to write instead.
    refused: ClassVar[dict[str, str]] = {}
    # What it does to the layout: it needs CHANNELS_FIRST or FEATURES_LAST, or it KEEPS, ASKS or ENDS it.
    layout: ClassVar[str]
    # How many axes the input may have (not counting the batch), and what that is called.
    ranks: ClassVar[tuple[int, int]] = (1, 8)
    wants: ClassVar[str] = "a tensor"
    # False: the layer does not look at the tensor before it.
    takes_input: ClassVar[bool] = True
    # True: a tensor that is the same for every sample is used next to others as it is; else it is repeated for each.
    broadcasts: ClassVar[bool] = False
    # True: its costs are declared in the spec, not computed.
    declared: ClassVar[bool] = False
    # What the layers inside it are called if they are not part of the scope around it.
    scope: ClassVar[str] = ""
    # False for layers that are not in the spec: they have no row.
    shown: ClassVar[bool] = True
    # False for layers without a statement of their own in the built network.
    written: ClassVar[bool] = True
    # False for layers that pass token ids through as they are.
    numeric: ClassVar[bool] = True
    # True: backward frees the gradient of the output before its peak, unless other layers read it too.
    lets_go_early: ClassVar[bool] = False
    # True: backward returns the gradients of its weights one after another, each a transposed view of a product.
    learns_in_turn: ClassVar[bool] = False
    # An example line and its input sizes, if its formulas are worth showing.
    example: ClassVar[tuple[str, str] | None] = None
    # True: its time is that of one pass that reads each input element and writes each output element once.
    # For other layers, `prediction.operations` says what they run.
    one_pass: ClassVar[bool] = False
    # How such a pass accesses memory on a GPU: each number once, by windows, or each channel twice.
    traffic: ClassVar[str] = "passes"
    # True: no products, no weights, and nothing else that other tools count.
    bare: ClassVar[bool] = False
    # What it computes, in the field's notation, one line per step.
    notation: ClassVar[str] = ""
    # Its numeric arguments that occur in the notation, by their symbols.
    symbols: ClassVar[Mapping[str, str]] = {}
    # The argument that collects all undeclared keys, for layers that name sizes freely.
    free_keys: ClassVar[Argument | None] = None

    @property
    def computes(self) -> str:
        """The notation for its actual axes and channels."""
        return self.notation

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    @classmethod
    def reads(cls, name: str) -> bool:
        """Whether it computes with the tensor that argument `name` refers to."""
        return not isinstance(cls.arguments[name], Like)

    @property
    def tensors(self) -> list[str]:
        """The keys of the tensors it computes with, in the order in which it reads them."""
        return [name for name in self.arguments if isinstance(self.__dict__.get(name), Tensor) and self.reads(name)]

    # -- formulas ---------------------------------------------------------------------------

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """The output for input `x`. Raises `ShapeError`."""
        return Tensor(x.shape)

    def admit(self, samples: int, x: Tensor) -> None:
        """Raises `ShapeError` for an `x` that PyTorch refuses because of too few samples."""

    def params(self, x: Tensor) -> dict[str, Shape]:
        """Named shapes of the learned parameters, as in PyTorch's state dict."""
        return {}

    def portions(self, shapes: dict[str, Shape]) -> list[Portion]:
        """Its parameters in the groups that a derivation adds up."""
        return [Portion(shapes)]

    def buffers(self, x: Tensor) -> dict[str, Shape]:
        """Named shapes of what is stored with the layer but not learned."""
        return {}

    def constants(self, y: Tensor) -> Shape | None:
        """The shape of the numbers it holds that are neither learned nor in PyTorch's state dict."""
        return None

    def projections(self, y: Tensor, *inputs: Tensor) -> tuple[Projection, ...]:
        """Its matrices that multiply vectors and so can have adapters."""
        return ()

    def macs(self, y: Tensor, *inputs: Tensor) -> int:
        """Multiply-accumulates of matrix products and convolutions."""
        return 0

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """Element-wise operations: one for each addition, product, comparison, root, exponential."""
        return 0

    def backward_macs(self, learns: bool, needs: tuple[bool, ...], y: Tensor, *inputs: Tensor) -> int:
        """Multiply-accumulates of the backward pass.

        By default those of a layer with weights: as many as in the forward pass for the weights' gradient if they are
        trained (`learns`), and as many again for the input's gradient if it is needed (`needs`, for each input).
        """
        return self.macs(y, *inputs) * (learns + (bool(needs) and needs[0]))

    def reach(self, axis: int, x: Tensor) -> tuple[int, int] | None:
        """How far before and after its own position an output reads along an axis; None if no such window is known."""
        return None

    def kept(self, y: Tensor, *inputs: Tensor) -> dict[str, Shape]:
        """Named shapes of what it keeps for one sample from one position to the next during generation.

        Positions then come one by one, and results of earlier positions are kept instead of recomputed.
        """
        return {}

    def sources(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The inputs whose elements matter; only the sizes of the others do."""
        return inputs

    def mixes(self, x: Tensor) -> tuple[int, ...]:
        """The axes of `x` along which an output may depend on every element."""
        return ()

    def field(self, y: Tensor, x: Tensor) -> list[Field] | None:
        """For each axis of positions, what outputs see of the input; None if positions change."""
        return [whole(x.shape[axis]) if axis in self.mixes(x) else ITSELF for axis in x.positions]

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """How the layer is written in PyTorch, for output `y` and input `x`."""
        raise NotImplementedError(self.op)

    # -- layout -----------------------------------------------------------------------------

    @property
    def effect(self) -> str:
        """What it does to the layout with these arguments: a layer whose axis is given need not ask for the layout."""
        told = self.layout in (ASKS, CHANNELS_FIRST) and self.__dict__.get("axis") is not None
        return KEEPS if told else self.layout

    @property
    def ranks_now(self) -> tuple[int, int]:
        """How many axes the input may have with these arguments."""
        return self.ranks

    def wanted(self, *inputs: Tensor) -> tuple[Want, ...]:
        """Which tensors it reads in one layout only."""
        effect = self.effect
        return ((inputs[0], effect, None),) if inputs and effect in LAYOUTS else ()

    def gives(self, *inputs: Tensor) -> Layout:
        """The layout of the output if the layer itself sets it."""
        effect = self.effect
        return effect if effect in LAYOUTS else None

    def joined(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The inputs whose elements are in the output, so that they share its layout."""
        return inputs

    def survives(self, layout: str, x: Tensor) -> bool:
        """For a layer that ends layouts: whether it leaves this layout of the input `x` as it is."""
        return False

    def output_rank(self, *inputs: Tensor) -> int:
        """The number of axes of the output."""
        return max(x.rank for x in inputs)

    def further_rank(self, name: str, rank: int) -> int:
        """The number of axes of the further output `name`, if the output has `rank`."""
        return rank

    # -- structure --------------------------------------------------------------------------

    def enter(self, x: Tensor) -> Tensor:
        """The tensor that the layer's inner lists start from."""
        return x

    def copies(self, x: Tensor) -> tuple[int, int, int]:
        """How many copies of the inner layers are stored, how many run, and how many a position uses."""
        return 1, 1, 1

    @property
    def depth(self) -> int:
        """How many layers with weights follow one another inside this one."""
        return 0

    @property
    def is_unknown(self) -> bool:
        """Whether its multiply-accumulates are unknown."""
        return False

    def masked_macs(self, y: Tensor, *inputs: Tensor) -> int:
        """The part of `macs` that a mask discards: the excess of a dense count over the useful work."""
        return 0

    # -- words ------------------------------------------------------------------------------

    @property
    def label(self) -> str:
        """The name and the given arguments, as in a line of a spec."""
        words = [self.op]
        for name, argument in self.arguments.items():
            value = self.__dict__.get(name)
            if value is None or value is argument.default or value == argument.default:
                continue
            if isinstance(argument, Like):
                words.append(f"size={describe(value.shape[1:])}")
            if isinstance(argument, (Reference, Body, Operands)):
                continue
            shown = argument.show(value)
            words.insert(*((1, shown) if name == self.first else (len(words), f"{name}={shown}")))
        return " ".join(words)

    # -- shared checks ----------------------------------------------------------------------

    def accept(self, x: Tensor) -> None:
        """Check the rank and content of the input, and decide whether it holds numbers."""
        if x.integer and self.numeric:
            raise ShapeError(
                "SHP101",
                f"`{self.op}` computes with numbers, but its input holds token ids",
                help="an `embedding` before it makes vectors of ids",
            )
        least, most = self.ranks_now
        if not least <= x.rank <= most:
            raise ShapeError(
                "SHP101",
                f"`{self.op}` needs {self.wants}, but its input is {x}",
                changes=into_rank(self, x, most),
            )
        if x.integer is None and self.numeric:
            x.integer = False

    def disagreement(self, want: Want, inputs: tuple[Tensor, ...], found: str, by: Any) -> ShapeError:
        """The error for a tensor that must be read in one layout but has another, decided `by` a layer."""
        x, wanted, blame = want
        if getattr(by, "text", "") == EACH and found not in LAYOUTS:
            entries = f"{x.shape[0]} entries of {Tensor(x.shape[1:])}"
            return ShapeError(
                "SHP101",
                f"`{self.op}` takes one tensor of channels, but its input is {entries}",
                help="put it in `each: [...]`", notes=decided(by),
            )  # fmt: skip
        what = f"`{blame}` " if isinstance(blame, str) else ""
        bridges = self.bridges(x, wanted) if found in LAYOUTS else []
        lines = " or ".join(f"`{one.before}`" for one in bridges)
        return ShapeError(
            "SHP102",
            f"`{self.op}` wants {what}{wanted}, but {x} {told(found)}",
            argument=blame if isinstance(blame, str) else None,
            operand=blame if isinstance(blame, int) else None,
            help=f"{lines} in between would do" if blame is not None and lines else None,
            changes=bridges if blame is None else (),
            notes=decided(by),
        )

    def bridges(self, x: Tensor, wanted: str) -> list[Change]:
        """Layers to put before this one that give `x` the wanted layout."""
        return into_layout(x, wanted)

    def per_axis(self, name: str, count: int, x: Tensor) -> tuple[int, ...]:
        """The argument `name` as one size for each of `count` axes."""
        sizes: tuple[int, ...] = getattr(self, name)
        if len(sizes) == count:
            return sizes
        if len(sizes) == 1:
            return sizes * count
        raise ShapeError(
            "SHP101",
            f"`{name}` has {len(sizes)} sizes, the input {x} has {count}",
            name,
            changes=self._of_axes(name, sizes, count, x),
        )

    def _of_axes(self, name: str, sizes: tuple[int, ...], count: int, x: Tensor) -> list[Change]:
        """Sizes for as many axes as there are."""
        if len(set(sizes)) == 1:
            found = [Change({name: sizes[:1]})]
        else:
            found = [Change({name: sizes[-count:]})] if len(sizes) > count else []
        return [*each_alone(self, x), *found] if len(sizes) == count - 1 == 2 else found

    def numbers(self, name: str) -> Tensor:
        """The tensor that argument `name` refers to, which must hold numbers. Raises `ShapeError` for token ids."""
        tensor: Tensor = getattr(self, name)
        if tensor.integer:
            raise ShapeError(
                "SHP101",
                f"`{self.op}` computes with numbers, but `{name}` {tensor} holds token ids",
                name,
                "an `embedding` after it makes vectors of ids",
            )
        tensor.integer = False
        return tensor

    def axis_index(self, name: str, x: Tensor) -> int:
        """The argument `name` as the number of an axis of `x`, from the start."""
        try:
            return x.axis(getattr(self, name))
        except IndexError:
            raise ShapeError(
                "SHP101",
                f"`{name}` {getattr(self, name)} is not an axis of {x}",
                name,
                f"axes go from 0 to {x.rank - 1}, or from -{x.rank} to -1; the batch is not counted",
                changes=counting_the_batch(name, getattr(self, name), x),
            ) from None

    def axis_indices(self, name: str, x: Tensor) -> tuple[int, ...]:
        """The argument `name` as the numbers of axes of `x`, from the start, each once."""
        try:
            axes = tuple(x.axis(index) for index in getattr(self, name))
        except IndexError:
            help = f"axes go from 0 to {x.rank - 1}; the batch is not counted"
            changes = counting_the_batch(name, getattr(self, name), x)
            raise ShapeError("SHP101", f"{x} has no such axis", name, help, changes=changes) from None
        if len(set(axes)) != len(axes):
            raise ShapeError("SHP101", "an axis appears twice", name, f"they are {', '.join(map(str, axes))}")
        return axes


def decided(by: Any, layout: str = "") -> tuple[tuple[str, Any], ...]:
    """A note that says what decided a layout."""
    what = f"{layout}, decided by" if layout else "decided by"
    return ((f"{what} `{by.text}`", by),) if by is not None else ()


REGISTRY: Registry[type[Layer]] = Registry("archcalc.layers", FILES)
_L = TypeVar("_L", bound=type[Layer])


def layer(
    op: str, first: str | None = None, aliases: tuple[str, ...] = (), family: str | None = None
) -> Callable[[_L], _L]:
    """Register a layer class under its name in the language.

    Args:
        op: the name.
        first: the key that may be given without its name.
        aliases: other names people use, for a hint.
        family: the heading it is listed under; by default the name of its file.
    """

    def register(cls: _L) -> _L:
        if REGISTRY.registered(op):
            raise ValueError(f"two layers are named {op}")
        cls.op, cls.first, cls.aliases = op, first, aliases
        cls.family = family or cls.__module__.rpartition(".")[2]
        declared: dict[str, Argument] = {}
        bases = cls.__mro__[-3::-1]  # `Layer` itself has none
        for base in sorted(bases, key=lambda one: "keys_last" in vars(one)):
            declared |= arguments_of(base)
        order = sorted(declared, key=lambda name: (name != first, not declared[name].required))  # as in Python
        cls.arguments = {name: declared[name] for name in order}
        cls.defaults = {name: argument.default for name, argument in declared.items() if not argument.required}
        REGISTRY[op] = cls
        return cls

    return register
