"""The classes of one generated file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archcalc.network.load import Graph
from archcalc.pytorch.classes import ClassText
from archcalc.pytorch.fitting import literal
from archcalc.pytorch.names import class_name, unique
from archcalc.pytorch.structure import Structure

# How many arguments of a class are positional, as in the spec's lines: its input, and the first of its own.
_UNNAMED = 2


@dataclass
class Written:
    """A finished class: its name, the numbers its constructor takes, and their values.

    Attributes:
        values: id of an instance's node -> a value for each parameter.
        defaults: the parameters that calls may omit; they come last.
    """

    name: str
    parameters: list[str]
    values: dict[int, list[Any]]
    defaults: dict[str, Any]

    def argument(self, position: int, text: str) -> str:
        """How a call passes a parameter; empty for its default."""
        name = self.parameters[position]
        if name in self.defaults and text == literal(self.defaults[name]):
            return ""
        return text if position < _UNNAMED and name not in self.defaults else f"{name}={text}"


class File:
    """The classes of a file while they are written, inner ones first.

    Args:
        graph: the network.
        probe: pass the output of every layer through the function `probe`.
        taken: names that no class may have.
        summary: the docstring of the model's own class.
        alone: whether no user's classes are imported.
    """

    def __init__(self, graph: Graph, probe: bool, taken: set[str], summary: str, alone: bool = False) -> None:
        self.graph = graph
        self.probe = probe
        self.alone = alone
        self.summary = summary
        self.structure = Structure(graph)
        self.classes: list[ClassText] = []
        self.written: dict[int, Written] = {}
        self.helpers: set[str] = set()
        self.reported: set[str] = set()
        self.name = unique(class_name(graph.model), taken)
        self.taken = {*taken, self.name}
