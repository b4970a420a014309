"""Loops, which are written like layers: their keys, for the reference.

What they do is defined where networks are built (`archcalc.network.expand`); they compute nothing themselves.
"""

from __future__ import annotations

from typing import Any, TypeVar

from archcalc.layers.arguments import Argument, Flag, arg
from archcalc.layers.base import Layer
from archcalc.layers.layout import EACH, SCAN
from archcalc.layers.operands import Body

STRUCTURES: dict[str, type[Layer]] = {}
_L = TypeVar("_L", bound=type[Layer])


class Copies(Argument):
    """How many copies there are, or what they iterate over."""

    kind = "a number, or names with values: {d: [1, 2, 4]}, {i: 4}"


class States(Argument):
    """What states start from."""

    kind = "a mapping to names of layers, or to sizes of zeros: {z: [64]}"


class Following(Argument):
    """The next values of states."""

    kind = "a mapping to names of layers inside: {z: out}"


class Over(Argument):
    """What is iterated over."""

    kind = "a name, names by name, or a list of layers"


def _structure(cls: _L) -> _L:
    cls.family = "loops"
    cls.arguments = {value.name: value for value in vars(cls).values() if isinstance(value, Argument)}
    STRUCTURES[cls.op] = cls
    return cls


@_structure
class Repeat(Layer):
    """Independent copies of a list of layers, in sequence; for a single layer or block, add `repeat=3` to it.

    `{repeat: 3, name: fpn, state: {p3: c3}, layers: [...], next: {p3: n.n3}}`. In a list of operands, `m.*` stands for
    the outputs of all copies of the repeat named `m`, and `stack.layer.skip.*` reaches an output through named repeats.
    """

    op = "repeat"
    first = "repeat"
    repeat: Any = arg(Copies, "copies")
    layers: Any = arg(Body, "what is copied")
    state: Any = arg(States, "values passed from copy to copy, with their initial values", default=None)
    next: Any = arg(Following, "the next value of each state", default=None)


@_structure
class Scan(Layer):
    """The same layers at every step, with states that go from one step to the next: `for x in frames:`.

    [steps, ...] -> [steps, ...], the output of the last layer at all steps; `NAME.s` is the last value of the state `s`.
    `{scan: prev, state: {z: [64]}, layers: [...]}`, or several in parallel, `{scan: {x: NAME, y: NAME}, ...}`. The
    layers see the entries of one step, the states and tensors from outside. With one state and no `next:`, their
    output is its next value. Weights are the same at every step, and every step costs the same.
    """

    op = SCAN
    first = SCAN
    scan: Any = arg(Over, "what to go through, step by step along its first axis")
    layers: Any = arg(Body, "what runs at every step")
    state: Any = arg(States, "values passed from step to step, with their initial values")
    next: Any = arg(
        Following, "the next value of each state; default for a single state: the output of the layers", default=None
    )
    reverse: bool = arg(
        Flag, "from the last entry to the first; the output is in the order of the entries", default=False
    )


@_structure
class Each(Layer):
    """Applies layers to every entry of the first axis, as if the entries were further samples of the batch.

    [entries, ...] -> [entries, ...]. `each: [linear 64, relu]`, `{each: NAME, layers: [...]}`, or several in parallel,
    `{each: {x: NAME, y: NAME}, layers: [...]}`. The layers see the entries but no tensor from outside; weights are the
    same for all entries. It is one call: `flatten(0, 1)` before, `unflatten(0, ...)` after.
    """

    op = EACH
    first = EACH
    each: Any = arg(Over, "what to go through, or the layers")
    layers: Any = arg(Body, "what runs on every entry", default=None)
