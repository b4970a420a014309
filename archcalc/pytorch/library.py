"""The pieces that a generated file carries, each reduced to what its layers use."""

from __future__ import annotations

import ast
import functools
import os
import re
from collections.abc import Iterable, Mapping

from archcalc.cost import Costs
from archcalc.layers.algebra import MoE
from archcalc.layers.code import Code, Option
from archcalc.network.codes import code_of
from archcalc.network.graph import Node
from archcalc.network.load import Graph
from archcalc.pytorch.items import is_batched
from archcalc.pytorch.printing import Definition, text
from archcalc.pytorch.structure import Structure
from archcalc.pytorch.trimming import Use, trim_function, trimmed

_PIECES = [os.path.join(os.path.dirname(__file__), "pieces", name) for name in ("modules.py", "attention.py")]
# Functions that only pieces call, so that all their calls are known.
_INNER = ("by_sequence", "score_mask", "capped_attention", "sink_attention")


@functools.cache
def _pieces() -> Mapping[str, Definition]:
    """All pieces by name; changes are made to copies."""
    pieces = {}
    for path in _PIECES:
        with open(path, encoding="utf-8") as file:
            body = ast.parse(file.read()).body
        pieces.update({node.name: node for node in body if isinstance(node, (ast.ClassDef, ast.FunctionDef))})
    return pieces


class Library:
    """The pieces for one network; `imported` are the user's classes that it imports, as `package.module:Name`."""

    def __init__(self, graph: Graph, alone: bool = False) -> None:
        self.pieces = _pieces()
        self.names = set(self.pieces)
        self.codes = [(node, code_of(node)) for node in Costs(graph).layers()]
        self.imported = set() if alone else {code.imported for _, code in self.codes if code.imported}
        self.names |= {one.rpartition(":")[2] for one in self.imported}

    def texts(self, structure: Structure, helpers: set[str]) -> list[str]:
        """The source of every piece that the network needs, in their order here."""
        uses: dict[str, Use] = {}
        for name, piece in self.pieces.items():
            found = [
                (node, code) for node, code in self.codes if code.module == name and code.imported not in self.imported
            ]
            if isinstance(piece, ast.ClassDef) and found:
                uses[name] = _use(piece, found, structure)
        turning = [code.call for _, code in self.codes if "rotate(" in code.call]
        called = {"rotate"} if turning else set()
        whole = any("{dim}" in call for call in turning)  # then layers pass all of its arguments
        return [*_texts(tuple(uses.items()), frozenset(called), frozenset(helpers), whole)]


@functools.lru_cache(maxsize=1024)  # similar networks are often built one after the other
def _texts(
    uses: tuple[tuple[str, Use], ...], called: frozenset[str], helpers: frozenset[str], whole: bool
) -> tuple[str, ...]:
    """The source of the pieces for these uses, and of the functions that are called.

    Args:
        uses: the classes, and how layers use them.
        called: functions that layers call.
        helpers: functions that are kept unchanged.
        whole: `rotate` keeps all of its arguments.
    """
    pieces = _pieces()
    made: dict[str, Definition] = {}
    needed: list[frozenset[str]] = []
    for name, use in uses:
        piece = pieces[name]
        assert isinstance(piece, ast.ClassDef)
        made[name] = trimmed(piece, use)
        needed += [use.needed] if _called([made[name]]) & {*_INNER} else []
    for name in (*_INNER, *(() if whole else ("rotate",))):
        function = pieces[name]
        if isinstance(function, ast.FunctionDef) and name in called | _called(made.values()):
            never_none = frozenset.intersection(*needed) if needed else frozenset()
            made[name] = trim_function(function, list(made.values()), never_none)
    for name in {*called, *helpers, *_called(made.values())} & pieces.keys() - made.keys():
        made[name] = pieces[name]
    return tuple(text(made[name]) for name in pieces if name in made)


def _called(pieces: Iterable[Definition]) -> set[str]:
    """Names of functions that pieces call."""
    return {
        node.func.id
        for piece in pieces
        for node in ast.walk(piece)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }


def _use(piece: ast.ClassDef, uses: list[tuple[Node, Code]], structure: Structure) -> Use:
    """How the layers `uses` use a piece."""
    given = [frozenset(key for key, one in code.kwargs.items() if _is_given(one)) for _, code in uses]
    (forward,) = (node for node in piece.body if isinstance(node, ast.FunctionDef) and node.name == "forward")
    order = [argument.arg for argument in forward.args.args[1:]]
    optional = set(order[len(order) - len(forward.args.defaults) :])
    read = [frozenset(_arguments(code, order) & optional) for _, code in uses]
    outside = [item for node, _ in uses if isinstance(node.layer, MoE) for item in structure.free(node)]
    if not all(map(is_batched, outside)):
        read.append(frozenset(["shared"]))
    return Use(
        frozenset.union(*given), frozenset.intersection(*given), frozenset.union(*read), frozenset.intersection(*read),
        more=any(map(is_batched, outside)) or any(node.layer is not None and node.layer.declared for node, _ in uses),
        axes=any(node.inputs and node.inputs[0].rank > 2 for node, _ in uses),
    )  # fmt: skip


def _is_given(option: Option) -> bool:
    return bool(option.value != option.default)


def _arguments(code: Code, order: list[str]) -> set[str]:
    """Which arguments of `forward` the layer's expression passes."""
    words = re.sub(r"\{\w+\}", "x", code.call.partition("{self}(")[2].rpartition(")")[0]).split(", ")
    return {word.partition("=")[0] if "=" in word else name for word, name in zip(words, order)}
