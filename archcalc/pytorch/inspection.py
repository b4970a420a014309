"""Checks a generated file before it is written or run: it holds its network and nothing else.

Names in a spec are free text, and some of it ends up in the file. So the text is parsed, and everything in its tree
must be accounted for: imports, pieces and docstrings must match exactly, and the classes may contain no statement,
name, attribute or string that the layers' own expressions lack.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from archcalc.layers.code import Code, Option, Written
from archcalc.pytorch.names import BuildError

# What the classes themselves consist of, besides the expressions of layers.
_NODES = (
    ast.FunctionDef, ast.arguments, ast.arg, ast.Expr, ast.Assign, ast.AugAssign, ast.For, ast.Return,
    ast.Call, ast.keyword, ast.Attribute, ast.Name, ast.Constant, ast.Tuple, ast.List, ast.Starred,
    ast.Subscript, ast.Slice, ast.BinOp, ast.UnaryOp, ast.GeneratorExp, ast.ListComp, ast.comprehension,
    ast.operator, ast.unaryop, ast.expr_context,
)  # fmt: skip
_NAMES = frozenset(["len", "range", "reversed", "sum", "tuple", "zip", "nn", "torch", "F"])
_ATTRIBUTES = frozenset([
    "nn.Module", "nn.Sequential", "nn.ModuleList", ".shape", ".expand", ".contiguous", ".requires_grad_", ".router", ".experts", ".append",
])  # fmt: skip
_START = ast.dump(ast.parse("super().__init__()").body[0])
_OWNERS = frozenset(["nn", "torch", "F", "math", "self"])


@dataclass
class Meant:
    """What a file should hold.

    Attributes:
        imports: its first lines.
        pieces: classes and functions that are copied unchanged.
        docs: the docstring of each class of the network, in order.
        codes: of the layers.
        tied: names of parameters and buffers.
        reported: names that the probe is called with; empty if there is no probe.
    """

    imports: list[str]
    pieces: list[str]
    docs: dict[str, str]
    codes: list[Code]
    tied: set[str]
    reported: set[str]


def inspect(source: str, meant: Meant) -> None:
    """Raises `BuildError` with the first line of `source` that holds anything but what is `meant`."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError) as error:
        raise BuildError(f"what was written is not Python: {error}") from None
    expected = ast.parse("\n".join([*meant.imports, *meant.pieces])).body
    for found, piece in zip(body, expected):
        if ast.dump(found) != ast.dump(piece):
            raise _unknown(found)
    classes = body[len(expected) :]
    if len(body) < len(expected) or len(classes) != len(meant.docs):
        raise _unknown(body[-1])
    allowed = _Allowed(meant, [node.name for node in expected if isinstance(node, (ast.ClassDef, ast.FunctionDef))])
    for found, (name, doc) in zip(classes, meant.docs.items()):
        for node in allowed.others(found, name, doc):
            raise _unknown(node)


def _unknown(node: ast.AST) -> BuildError:
    line = getattr(node, "lineno", 1)
    return BuildError(f"line {line} of what was written holds more than the network; please report the spec")


class _Allowed:
    """What the classes of one file may contain."""

    def __init__(self, meant: Meant, pieces: Iterable[str]) -> None:
        texts = {
            text
            for code in meant.codes
            for text in (code.module, code.around, code.call, *code.outputs.values())
            if text
        }
        texts |= {one for code in meant.codes for one in code.args if isinstance(one, Written)}
        nodes = [node for text in texts for node in ast.walk(_expression(text))]
        self.kinds = (*_NODES, *{type(node) for node in nodes})
        self.attributes = _ATTRIBUTES | {path for node in nodes if (path := _path(node))}
        self.attributes |= {f".{part}" for name in meant.tied for part in name.split(".")}
        classes = {line.rpartition(" ")[2] for line in meant.imports}
        self.names = _NAMES | {*pieces, *meant.docs, *classes} | ({"probe"} if meant.reported else set())
        values = [one for code in meant.codes for one in (*code.args, *code.kwargs.values(), *code.values.values())]
        self.strings = meant.reported | {
            node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        self.strings |= {value for one in values if isinstance(value := _plain(one), str)}

    def others(self, found: ast.stmt, name: str, doc: str) -> Iterator[ast.AST]:
        """What should not be in the class called `name`."""
        if not isinstance(found, ast.ClassDef) or found.name != name or found.keywords or found.decorator_list:
            yield found
            return
        first, *methods = found.body
        text = first.value if isinstance(first, ast.Expr) else None
        if not isinstance(text, ast.Constant) or text.value != doc:
            yield first
        yield from (one for one in methods if not isinstance(one, ast.FunctionDef) or one.decorator_list)
        if [ast.unparse(base) for base in found.bases] != ["nn.Module"] or len(methods) > 2:
            yield found
        nodes = [[*ast.walk(method)] for method in methods]
        stored = (
            _path(node)
            for of_method in nodes
            for node in of_method
            if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load)
        )
        own = {path for path in stored if path.startswith("self.") and not path.startswith("self.__")}
        for of_method in nodes:
            yield from self._others_in(of_method, own)

    def _others_in(self, nodes: list[ast.AST], own: set[str]) -> Iterator[ast.AST]:
        """What should not be in a method: `nodes` are the method itself and all that is in it."""
        method = nodes[0]
        start = next((node for node in nodes if isinstance(node, ast.Expr) and ast.dump(node) == _START), None)
        if start is not None:
            begins = {*ast.walk(start)}
            nodes = [node for node in nodes if node not in begins]
        local = {node.arg for node in nodes if isinstance(node, ast.arg)}
        local |= {node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
        for node in nodes:
            if isinstance(node, ast.FunctionDef):
                known = node is method and node.name in ("__init__", "forward")
            elif isinstance(node, ast.Name):
                known = node.id in local or node.id in self.names
            elif isinstance(node, ast.Attribute):
                known = _path(node) in self.attributes or _path(node) in own
            elif isinstance(node, ast.Constant):
                known = not isinstance(node.value, (str, bytes)) or node.value in self.strings
            else:
                known = isinstance(node, self.kinds)
            if not known:
                yield node


def _expression(text: str) -> ast.AST:
    """A layer's own expression, with `_` in place of its operands."""
    return ast.parse(re.sub(r"\{\w+\}", "_", text), mode="eval").body


def _path(node: ast.AST) -> str:
    """`torch.cat` for a module's attribute, `self.conv1`, and `.reshape` for an attribute of any other value."""
    if not isinstance(node, ast.Attribute):
        return ""
    owner = node.value.id if isinstance(node.value, ast.Name) else ""
    return f"{owner if owner in _OWNERS else ''}.{node.attr}"


def _plain(value: object) -> object:
    return value.value if isinstance(value, Option) else value
