"""What a forward pass leaves for the backward pass, entry by entry."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from archcalc.memory.values import Storage, Value
from archcalc.network.graph import Node

Products = dict[tuple[int, tuple[int, ...]], tuple[Storage, list[Storage]]]


@dataclass
class Ran:
    """A layer on the tape: its inputs and outputs, what it saved, the temporaries of its backward pass, and those at its end.

    `at` is which copy it is in each repeated group around it. `cast` is the bytes of gradients in autocast's compute
    type, before they are converted to their own: of each input, and of all parameters. `experts` are simulated as one;
    `sent` is where those of a mixture begin.
    """

    node: Node
    at: tuple[int, ...]
    needs: tuple[bool, ...]
    inputs: list[Value]
    output: Value
    further: list[Value]
    kept: list[Storage]
    passing: int
    joining: int
    cast: tuple[dict[int, int], int] = field(default_factory=lambda: ({}, 0))
    experts: int = 1
    sent: Sent | None = None


@dataclass
class Sent:
    """Where experts begin: `entry` is what is sent to them, taken from the mixture's input of `whole` bytes.

    Attributes:
        ran: the mixture, if it runs back; parts: what it has saved expert by expert.
        began: from which moment on one of its experts runs back. given: the gradient of its output.
    """

    node: Node
    entry: Value
    whole: int
    ran: Ran | None = None
    parts: list[Storage] = field(default_factory=list)
    began: int = 0
    given: Storage | None = None


@dataclass
class More:
    """A part of the tape that stands for further copies."""

    tape: list[Any]
    copies: int


@dataclass
class Turn:
    """A step of a scan, or several equal ones: its tape, its outputs, and the entries that it read."""

    tape: list[Any]
    copies: int
    given: list[Value]
    entries: list[Value]


@dataclass
class Scanned:
    """The steps of a scan in order; `every` stands for the lists of their outputs, `entries` for all that they read."""

    turns: list[Turn]
    every: list[Value]
    entries: list[Value]


# Bytes of the state of the CPU's random numbers, which a checkpoint keeps, so that dropout drops the same again.
RANDOM_STATE = 5056


@dataclass
class Again:
    """A group that is recomputed before its backward pass.

    `kept` is its input, saved until then, and the state of the CPU's random numbers. `products` are the outputs and
    saved tensors of its matrix products if those are not recomputed, by layer and copy.
    """

    node: Node
    entries: dict[int, Value]
    kept: list[Storage]
    products: Products
    output: Value
    batch: int
    at: tuple[int, ...]
