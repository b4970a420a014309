"""What a forward pass leaves for the backward pass, entry by entry."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from archcalc.memory.values import Storage, Value
from archcalc.network.graph import Node

Products = dict[tuple[int, tuple[int, ...]], tuple[Storage, list[Storage]]]


@dataclass
class Ran:
    """A layer on the tape: what it read and gave, what it keeps, and what its backward needs in passing.

    `at` is which copy it is of each group of copies around it; `cast` what gradients take in the type that autocast
    computes in, before they are in that of what they are of: of the inputs, each by itself, and of the parameters.
    """

    node: Node
    at: tuple[int, ...]
    needs: tuple[bool, ...]
    inputs: list[Value]
    output: Value
    further: list[Value]
    kept: list[Storage]
    passing: int
    cast: tuple[dict[int, int], int] = field(default_factory=lambda: ({}, 0))


@dataclass
class Sent:
    """Where experts begin: `entry` is what is sent to all of them, of what a mixture reads, which takes `whole` bytes."""

    node: Node
    entry: Value
    whole: int


@dataclass
class More:
    """A part of the tape that stands for further copies."""

    tape: list[Any]
    copies: int


@dataclass
class Turn:
    """A step of a scan, or so many that are like it: what it left, what it gave, and the entries that it read."""

    tape: list[Any]
    copies: int
    given: list[Value]
    entries: list[Value]


@dataclass
class Scanned:
    """The steps of a scan in order; `every`: what stands for the lists that they gave, `entries` for all that they read."""

    turns: list[Turn]
    every: list[Value]
    entries: list[Value]


@dataclass
class Again:
    """A group that runs forward again before it runs backward.

    `kept` is what is kept until then: what it starts from. `products` are what its matrix products gave and keep, where
    they do not run again, by the layer and which copy it is.
    """

    node: Node
    entries: dict[int, Value]
    kept: list[Storage]
    products: Products
    output: Value
    batch: int
    at: tuple[int, ...]
