"""Classes and functions as source, one statement per line, as the formatter writes short ones."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from typing import Union

Definition = Union[ast.ClassDef, ast.FunctionDef]

_WIDTH = 88


def text(node: Definition) -> str:
    """A class or function as source, one statement per line."""
    return "\n".join(_lines(node, ""))


def _lines(node: ast.stmt, indent: str) -> Iterator[str]:
    inner = indent + "    "
    if isinstance(node, ast.ClassDef):
        bases = ", ".join(map(ast.unparse, node.bases))
        yield f"class {node.name}({bases}):"
        yield from _doc(node, inner)
        for one in node.body[1:]:
            yield ""
            yield from _lines(one, inner)
    elif isinstance(node, ast.FunctionDef):
        yield f"{indent}def {node.name}({_quoted(ast.unparse(node.args))}):"
        body = node.body
        if ast.get_docstring(node) is not None:
            yield from _doc(node, inner)
            body = body[1:]
        for one in body:
            yield from _lines(one, inner)
    elif isinstance(node, (ast.If, ast.For)):
        head = (
            f"if {ast.unparse(node.test)}"
            if isinstance(node, ast.If)
            else f"for {_bare(node.target)} in {ast.unparse(node.iter)}"
        )
        yield f"{indent}{_quoted(head)}:"
        for one in node.body:
            yield from _lines(one, inner)
    elif isinstance(node, ast.Assign):
        yield f"{indent}{_bare(node.targets[0])} = {_quoted(_bare(node.value))}"
    else:
        yield indent + _quoted(ast.unparse(node))


def _doc(node: Definition, indent: str) -> Iterator[str]:
    said = ast.get_docstring(node) or ""
    if len(f'{indent}"""{said}"""') <= _WIDTH:
        yield f'{indent}"""{said}"""'
        return
    first, _, rest = said.partition("; ")
    yield f'{indent}"""{first}.' if rest else f'{indent}"""{said}"""'
    if rest:
        sentences = ". ".join(part[0].upper() + part[1:] for part in rest.split("; "))
        yield ""
        yield from textwrap.wrap(sentences, _WIDTH, initial_indent=indent, subsequent_indent=indent)
        yield f'{indent}"""'


def _bare(node: ast.expr) -> str:
    """A tuple without parentheses, as in an assignment."""
    return ", ".join(map(ast.unparse, node.elts)) if isinstance(node, ast.Tuple) else ast.unparse(node)


def _quoted(line: str) -> str:
    """Source with a formatter's quotes and spaces in slices."""
    return re.sub(r"\[:(?=[\w.]*[.\[(])", "[: ", line.replace("'", '"'))
