"""Expressions that make the modules of one class, for all its instances side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from archcalc.layers.algebra import MoE
from archcalc.layers.code import Code
from archcalc.network.codes import code_of
from archcalc.network.graph import Node
from archcalc.pytorch.file import File, Written
from archcalc.pytorch.fitting import Parameters
from archcalc.pytorch.names import BuildError, class_name
from archcalc.pytorch.phrases import common_step, generated, listed, runs


class Maker:
    """The right-hand sides of `self.conv1 = ...`.

    Attributes:
        class_of: writes the class of a block's call, a repeat's copy or an expert once, and gives its name.
        modules: the name of every module that the class has or is given, by the id of its node.
        parameters: those of the class's constructor.
    """

    def __init__(self, file: File, class_of: Callable[[Node, str], Written]) -> None:
        self.file = file
        self.class_of = class_of
        self.structure = file.structure
        self.sharing = file.structure.sharing
        self.modules: dict[int, str] = {}
        self.parameters = Parameters({})

    def module(self, node: Node) -> str:
        """The module of a node, possibly inside another. Raises `BuildError` if the class has none."""
        around: Node | None = node
        while around is not None and id(around) not in self.modules:
            around = self.sharing.around(around) if around.copies * around.weights == 1 else None
        if around is None:
            what = f"{node.id}: weights tied across a block or repeat cannot be written yet"
            raise BuildError(f"{what}: put the copies one below the other instead of a repeat")
        inner = node.id[len(around.id) :].split(".")[1:]
        return self.modules[id(around)] + "".join(f"[{one}]" if one.isdigit() else f".{one}" for one in inner)

    # -- layers -----------------------------------------------------------------------------

    def layer(self, nodes: list[Node], sequential: bool) -> str:
        """A layer, or equal copies of it."""
        made = self._one(nodes, nodes[0].segment)
        if nodes[0].copies == 1:
            return made
        count = self.parameters.count([one.copies for one in nodes], f"{nodes[0].segment}_copies")
        return generated(f"{made} for _ in range({count})", sequential)

    def layers(self, nodes: list[Node], sequential: bool) -> str:
        """Unequal copies of a layer."""
        items: list[tuple[str, str]] = []
        for row in zip(*(one.children for one in nodes)):
            copies = list(row)
            if self.sharing.is_reused(copies[0]):
                made = self.module(self.sharing.module_of(copies[0]))
            else:
                made = self._one(copies, f"{nodes[0].segment}_{copies[0].segment}")
            items.append((made, self.parameters.count([one.copies for one in copies], "copies")))
        return listed(items, sequential)

    def _one(self, nodes: list[Node], name: str) -> str:
        codes = [code_of(node) for node in nodes]
        if codes[0].imported and not self.file.alone:
            return f"{codes[0].imported.rpartition(':')[2]}()"
        words = []
        if isinstance(nodes[0].layer, MoE):
            words = [self._experts(nodes, codes)]
        else:
            for position in range(len(codes[0].args)):
                values = [code.args[position] for code in codes]
                words.append(self.parameters.express(values, f"{name}_{'in' if position == 0 else 'out'}"))
        for key in codes[0].kwargs:
            options = [code.kwargs[key] for code in codes]
            if any(option.value != option.default for option in options):
                words.append(f"{key}={self.parameters.express([one.value for one in options], f'{name}_{key}')}")
        made = f"{codes[0].module}({', '.join(words)})"
        self.file.helpers |= {*codes[0].pieces}
        return codes[0].around.format(module=made) if codes[0].around else made

    def _experts(self, nodes: list[Node], codes: list[Code]) -> str:
        experts = [node.children[0] for node in nodes]
        written = self.class_of(experts[0], class_name(f"{nodes[0].segment}_expert"))
        features = self.parameters.express([code.args[0] for code in codes], "features")
        count = self.parameters.express([expert.weights for expert in experts], "experts")
        return f"{features}, [{self._instance(written, experts)} for _ in range({count})]"

    # -- groups -----------------------------------------------------------------------------

    def group(self, nodes: list[Node], sequential: bool) -> str:
        """A group, or its copies."""
        node = nodes[0]
        wanted = node.children[0] if node.unfolded else node
        name = class_name(wanted.op if wanted.block else _copy_of(node))
        if not any(one.unfolded for one in nodes) and node.copies == 1:
            return self._instance(self.class_of(node, name), nodes)
        rows = [runs(node) for node in nodes]
        growing = self._growing(rows, name)
        if growing is not None:
            return generated(growing, sequential)
        items: list[tuple[str, str]] = []
        for row in zip(*rows):
            copies, counts = [copy for copy, _ in row], [count for _, count in row]
            if self.sharing.is_reused(copies[0]):
                text = self.module(self.sharing.module_of(copies[0]))
            else:
                text = self._instance(self.class_of(copies[0], name), copies)
            items.append((text, self.parameters.count(counts, "copies")))
        return listed(items, sequential)

    def _growing(self, rows: list[list[tuple[Node, int]]], name: str) -> str | None:
        """Copies of one class that are equal, or whose numbers grow by one step: `Dense(64 + 32 * i) for i in ...`."""
        copies = [copy for copy, _ in rows[0]]
        if any(map(self.sharing.is_reused, copies)) or len(set(map(self.structure.signature, copies))) > 1:
            return None
        written = self.class_of(copies[0], name)
        counts = [[count for _, count in row] for row in rows]
        totals = [sum(row) for row in counts]
        starts: list[tuple[list[Any], int]] = []
        for position in range(len(written.parameters)):
            values = [[written.values[id(copy)][position] for copy, _ in row] for row in rows]
            found = {common_step(*pair) for pair in zip(values, counts)}
            step = found.pop()
            if found or step is None or (step and min(totals) < 3):
                return None
            starts.append(([row[0] for row in values], step))
        words = [self.module(owner) for owner in self.structure.modules(copies[0])]
        for position, (numbers, step) in enumerate(starts):
            text = self.parameters.express(numbers, written.parameters[position])
            if step:
                text = f"{text} {'+' if step > 0 else '-'} {abs(step)} * i"
            words.append(written.argument(position, text))
        index = "i" if any(step for _, step in starts) else "_"
        made = f"{written.name}({', '.join(filter(None, words))})"
        return f"{made} for {index} in range({self.parameters.count(totals, 'copies')})"

    def _instance(self, written: Written, nodes: list[Node]) -> str:
        words = [self.module(owner) for owner in self.structure.modules(nodes[0])]
        for position, name in enumerate(written.parameters):
            values = [written.values[id(node)][position] for node in nodes]
            words.append(written.argument(position, self.parameters.express(values, name)))
        return f"{written.name}({', '.join(filter(None, words))})"


def _copy_of(node: Node) -> str:
    """The name of the class of a group without a name of its own."""
    alone = any(child.listed for child in node.children)
    return node.segment if alone else f"{node.segment}_layer"
