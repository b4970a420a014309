"""The modules around a node, which exporters record in its name or metadata."""

from __future__ import annotations

import re

from archcalc.onnx.model import Model, Node
from archcalc.tracing.calls import Scope

# Input positions that are weights, whatever their names.
_WEIGHTS = {
    "Conv": (1, 2), "ConvTranspose": (1, 2), "Gemm": (1, 2), "MatMul": (1,), "BatchNormalization": (1, 2),
    "LayerNormalization": (1, 2), "InstanceNormalization": (1, 2), "GroupNormalization": (1, 2), "RMSNormalization": (1,),
    "PRelu": (1,), "LSTM": (1, 2, 3), "GRU": (1, 2, 3), "RNN": (1, 2, 3), "Gather": (0,), "Transpose": (0,), "Linear": (1, 2),
}  # fmt: skip
_LISTED = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"")
_MOST_DEEP = 60


class Scopes:
    """The modules of a graph, in order.

    Attributes:
        weights: the initialisers that operators use as weights.
    """

    def __init__(self, model: Model) -> None:
        self.root = Scope(None, "", model.name or "model")
        self._open: list[tuple[str, Scope]] = []
        self._last: tuple[Node, Scope] | None = None
        self.weights: set[str] = set()
        for node in model.nodes:
            for place in _WEIGHTS.get(node.op, ()):
                if place < len(node.inputs):
                    self.weights.add(node.inputs[place])

    def path(self, node: Node) -> str:
        """The path of a node's module."""
        return "/".join(name for name, _ in chain(node)) if _says(node) else node.name or "".join(node.outputs[:1])

    def of(self, node: Node) -> Scope:
        """The call of a node's module; a node without a scope belongs to that of the node before."""
        if self._last is not None and self._last[0] is node:
            return self._last[1]
        if _says(node):
            self._enter(chain(node))
        scope = self._open[-1][1] if self._open else self.root
        self._last = node, scope
        return scope

    def _enter(self, names: list[tuple[str, str]]) -> None:
        same = 0
        while same < min(len(names), len(self._open)) and self._open[same][0] == names[same][0]:
            same += 1
        del self._open[same:]
        for name, kind in names[same:]:
            parent = self._open[-1][1] if self._open else self.root
            self._open.append((name, Scope(parent, name, kind)))


def _says(node: Node) -> bool:
    return "name_scopes" in node.properties or "/" in node.name


def chain(node: Node) -> list[tuple[str, str]]:
    """The paths and classes of the modules around a node, without the model itself."""
    if "name_scopes" in node.properties:
        names = _listed(node.properties["name_scopes"])[1:-1]
        kinds = _listed(node.properties.get("class_hierarchy", ""))[1:-1]
        kinds += ["Sequential"] * (len(names) - len(kinds))
        return [(name, kind.rpartition(".")[2]) for name, kind in zip(names, kinds)][:_MOST_DEEP]
    found: list[tuple[str, str]] = []
    full = last = ""
    for part in node.name.strip("/").split("/")[:-1][:_MOST_DEEP]:
        own = part[len(last) + 1 :] if last and part.startswith(f"{last}.") else part
        full = f"{full}.{own}" if full else own
        last = part
        found.append((full, "Sequential"))
    return found


def _listed(text: str) -> list[str]:
    """The strings of a list in Python's notation."""
    return [one or other for one, other in _LISTED.findall(text)]
