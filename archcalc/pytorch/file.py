"""The classes of one generated file."""

from __future__ import annotations

from archcalc.network.graph import Node
from archcalc.network.load import Graph
from archcalc.pytorch.classes import ClassText
from archcalc.pytorch.maker import Written
from archcalc.pytorch.names import class_name, unique
from archcalc.pytorch.structure import Structure
from archcalc.pytorch.writer import ClassWriter


class File:
    """The classes of a file while they are written, inner ones first.

    Args:
        graph: the network.
        probe: pass the output of every layer through the function `probe`.
        taken: names that no class may have.
        summary: the docstring of the model's own class.
        alone: whether nobody's classes are imported.
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

    def class_of(self, node: Node, wanted: str) -> Written:
        """The class of a block's call, a repeat's copy or an expert; written when first asked for."""
        key = self.structure.signature(node)
        if key not in self.written:
            name = unique(wanted, self.taken)
            self.taken.add(name)
            self.written[key] = ClassWriter(self, name).write(self.structure.instances[key])
        return self.written[key]

    def main(self) -> None:
        """The model's own class, written last."""
        ClassWriter(self, self.name).write_model(self.graph)
