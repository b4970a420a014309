"""What the syntax phase leaves for the shape phase: items with everything looked up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Union

from archcalc.diagnostics import Span
from archcalc.language.values import Value
from archcalc.layers.arguments import Argument, Whole
from archcalc.layers.base import Layer
from archcalc.source import Scalar

REPEAT = Whole("copies", min=0)
REPEAT.name = "repeat"


@dataclass
class Ref:
    """The name of a layer or of one of its outputs, with its place."""

    place: Scalar
    name: str
    output: str | None


Operand = Union[Ref, "list[Step]"]


@dataclass
class Step:
    """An item with everything looked up. One of `layer` and `block` is set, or neither for a bare repeat."""

    op: Scalar
    layer: type[Layer] | None = None
    block: BlockSteps | None = None
    constants: dict[str, Any] = field(default_factory=dict)
    deferred: list[tuple[str, Argument | None, Value]] = field(default_factory=list)
    references: dict[str, Ref] = field(default_factory=dict)
    bodies: dict[str, list[Step]] = field(default_factory=dict)
    operands: list[tuple[Operand, Span]] | None = None
    places: dict[str, Scalar] = field(default_factory=dict)
    name: Scalar | None = None
    source: Ref | None = None
    repeat: Any = None
    tie: Ref | None = None


@dataclass
class BlockSteps:
    """A block's signature, with the values of its defaults, and its resolved body."""

    name: Scalar
    parameters: dict[str, tuple[Scalar, Value] | None]
    steps: list[Step] = field(default_factory=list)
    calls: list[tuple[str, Scalar]] = field(default_factory=list)
