"""A run as its source left it: calls of functions, the modules around them, the tensors between them.

Functions are PyTorch's, such as `conv2d` with its weight; a source with functions of its own translates them to these.
What a module with parameters does in one kernel, for example an LSTM, is one call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, Union

# What a value is: an input, something learned, neither of these, or the result of a call.
INPUT, PARAMETER, CONSTANT, MADE = "input", "parameter", "constant", "made"
# The kind of numbers that a tensor holds.
FLOAT, COMPLEX, WHOLE, TRUTH = "float", "complex", "whole", "truth"
Number = Union[int, float, bool]


class Module(Protocol):
    """A module that is one call; its settings are attributes."""

    def named_parameters(self) -> Iterable[tuple[str, Any]]:
        """Its parameters by name; `numel()` of each says how many numbers it holds."""


class Scope:
    """One call of a module.

    Attributes:
        parent: the enclosing call; None for the model.
        name: its path in the model, such as `layer1.0`; kind: its class.
    """

    __slots__ = ("kind", "name", "parent")

    def __init__(self, parent: Scope | None, name: str, kind: str) -> None:
        self.parent = parent
        self.name = name
        self.kind = kind

    def chain(self) -> list[Scope]:
        """The enclosing calls from the model inwards, itself last."""
        return [*(self.parent.chain() if self.parent else []), self]


# Words in the names of functions that draw random numbers.
DRAWING = frozenset(
    ("rand", "randn", "randint", "randperm", "bernoulli", "multinomial", "normal", "uniform", "exponential", "poisson")
)


class Value:
    """A tensor as one call left it.

    Attributes:
        source: what it is; shape: its sizes with the batch; kind: what numbers it holds; name: of an input, parameter
        or buffer.
        call: what made it; look: gives the one number that all its elements equal, or None; itself None if the numbers
        are not known.
        table: gives all its numbers as nested lists of its shape; None if they are not known.
        of_data, of_parameters: whether it depends on the inputs, and on what is learned.
        sizes: those of one sample, once two runs are lined up; batch: the axis of the batch, None if there is none;
        axes: for each axis which one of `sizes` it is, None for a batch that is an axis of its own.
        across: whether it combines samples of the batch, so that it does not exist for a single sample.
    """

    __slots__ = (
        "across", "axes", "batch", "call", "index", "kind", "look", "name", "of_data", "of_parameters", "shape", "sizes", "source", "table"
    )  # fmt: skip

    def __init__(
        self, source: str, shape: Iterable[int], kind: str = FLOAT, name: str = "", call: Call | None = None
    ) -> None:
        self.source = source
        self.shape = tuple(shape)
        self.kind = kind
        self.name = name
        self.call = call
        self.index = 0
        self.look: Callable[[], Number | None] | None = None
        self.table: Callable[[], Any] | None = None
        self.of_data = source == INPUT
        self.of_parameters = source == PARAMETER
        self.sizes: tuple[int, ...] = self.shape
        self.batch: int | None = None
        self.across = False
        self.axes: list[int | None] = list(range(len(self.shape)))

    def number(self) -> Number | None:
        """The number that all its elements equal; None if they differ or are not known."""
        return self.look() if self.look is not None else None

    def count(self) -> int:
        """How many numbers it holds."""
        found = 1
        for size in self.shape:
            found *= size
        return found


class Call:
    """A function call; tensors in it are values.

    Attributes:
        name: such as `conv2d`; operators and in-place calls have the name of the function that computes the same.
        args, kwargs: its arguments; outs: the tensors that it gave.
        scope: the enclosing module; module: the call's own module, if it is one; place: file and line of the call.
        macs: the MACs that the source's own counter finds in it.
    """

    __slots__ = ("args", "kwargs", "macs", "module", "name", "outs", "place", "scope")

    def __init__(self, name: str, args: Any, kwargs: Any, scope: Scope, place: tuple[str, int]) -> None:
        self.name = name
        self.args = args
        self.kwargs = kwargs
        self.scope = scope
        self.place = place
        self.module: Any = None
        self.outs: list[Value] = []
        self.macs = 0

    def values(self) -> Iterator[Value]:
        """The tensors that it reads."""
        yield from _values((self.args, self.kwargs))


def _values(item: Any) -> Iterator[Value]:
    if isinstance(item, Value):
        yield item
    elif isinstance(item, (tuple, list)):
        for one in item:
            yield from _values(one)
    elif isinstance(item, dict):
        for one in item.values():
            yield from _values(one)


class Run:
    """A recorded run.

    Attributes:
        calls: in order; inputs, outputs: values; macs: of all of it.
        across: the calls that combine samples, once two runs have been lined up; what they read become outputs.
        packed: whether sequences were packed; here all run at the length of the longest.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.inputs: list[Value] = []
        self.outputs: list[tuple[str, Value]] = []
        self.across: list[Call] = []
        self.macs = 0
        self.packed = False
