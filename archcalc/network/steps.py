"""The result of the syntax phase, for the shape phase: resolved items."""

from __future__ import annotations

from typing import Any, Union

from archcalc.diagnostics import Span
from archcalc.language.expressions import Expression
from archcalc.language.values import Value
from archcalc.layers.arguments import Argument, Flag, Whole
from archcalc.layers.base import Layer
from archcalc.network.loops import Loop
from archcalc.source import Scalar

REPEAT = Whole("copies", min=0)
REPEAT.name = "repeat"
SIZE = Whole("a size of zeros", min=1)
SIZE.name = "size"
FROZEN = Flag(
    "true where no parameter inside is trained; false takes a part out again",
    help="write frozen=true on the layer or group",
)
FROZEN.name = "frozen"
CACHE = Flag(
    "true where generation keeps its output for each position, and computes what follows from it again",
    help="write cache=true on the layer whose output is kept",
)
CACHE.name = "cache"
REVERSE = Flag("true to go from the last entry to the first", help="write reverse: true, or leave it out")
REVERSE.name = "reverse"


class Ref:
    """The name of a layer or of one of its outputs, with its place."""

    __slots__ = ("name", "output", "place")

    def __init__(self, place: Scalar, name: str, output: str | None) -> None:
        self.place = place
        self.name = name
        self.output = output


class Each(Ref):
    """The outputs of all copies of a repeat, in order: `m.*`, `stack.layer.skip.*`.

    Attributes:
        inner: the named repeats inside it along the path, the innermost last.
    """

    __slots__ = ("inner",)

    def __init__(self, place: Scalar, name: str, inner: tuple[str, ...], output: str | None) -> None:
        super().__init__(place, name, output)
        self.inner = inner


Operand = Union[Ref, "list[Step]"]
# A state's initial value: a tensor, or zeros of a shape.
Start = Union[Ref, "list[tuple[Scalar, Value]]"]


class Carried:
    """A tensor passed from copy to copy: its name, its initial value, and the layer that computes the next one."""

    __slots__ = ("following", "name", "place", "start")

    def __init__(self, name: Scalar, place: Span, start: Start) -> None:
        self.name = name
        self.place = place
        self.start = start
        self.following: Ref | None = None


class Step:
    """A resolved item. One of `layer` and `block` is set, or neither for a bare repeat.

    `apart`: something reads the output of each copy, so each is a node of its own.
    `over`: the tensors an `each` or `scan` iterates over, by their names in its body, None for the tensor before;
    `wanted`: the further outputs of its body that are read. `reverse`: whether it starts with the last entry.
    """

    def __init__(self, op: Scalar) -> None:
        self.op = op
        self.layer: type[Layer] | None = None
        self.block: BlockSteps | None = None
        self.constants: dict[str, Any] = {}
        self.deferred: list[tuple[str, Argument | None, Value]] = []
        self.references: dict[str, Ref] = {}
        self.bodies: dict[str, list[Step]] = {}
        self.operands: list[tuple[Operand, Span]] | None = None
        self.places: dict[str, Scalar] = {}
        self.name: Scalar | None = None
        self.source: Ref | None = None
        self.repeat: Any = None
        self.loop: Loop | None = None
        self.tie: Ref | None = None
        self.frozen: bool | Expression | None = None
        self.cache: bool | Expression = False
        self.carried: list[Carried] = []
        self.apart = False
        self.over: list[tuple[str, Ref | None]] | None = None
        self.wanted: set[str] = set()
        self.reverse: bool | Expression = False

    @property
    def hands_on(self) -> bool:
        """Whether its copies pass on states."""
        return bool(self.carried) and self.over is None


class BlockSteps:
    """A block's signature, the values of its defaults, and its resolved body."""

    def __init__(self, name: Scalar, parameters: dict[str, tuple[Scalar, Value] | None], outputs: list[Scalar]) -> None:
        self.name = name
        self.parameters = parameters
        self.outputs = {output.text: Ref(output, output.text, None) for output in outputs}
        self.steps: list[Step] = []
        self.calls: list[tuple[str, Scalar]] = []
