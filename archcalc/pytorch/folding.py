"""Simplifies a function by what is known about its arguments: substitutes constants, removes dead branches."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass, field

Known = dict[str, ast.expr]

# Arguments of calls that state the default.
_ANYWAY = {
    "attn_mask": None, "dropout_p": 0.0, "is_causal": False, "scale": None, "enable_gqa": False, "bias": True, "elementwise_affine": True,
}  # fmt: skip


@dataclass
class Facts:
    """What is known about expressions.

    Attributes:
        truths: expressions that are never None, 0 or False.
        flags: expressions that are True or False.
        texts: comparisons with a known outcome.
        nothing: names of arguments that are never given.
    """

    truths: set[str] = field(default_factory=set)
    flags: set[str] = field(default_factory=set)
    texts: dict[str, bool] = field(default_factory=dict)
    nothing: str = ""


def simplify(function: ast.FunctionDef, known: Known, facts: Facts) -> None:
    """Substitute what is known until nothing changes."""
    known, before, now = dict(known), "", ast.dump(function)
    while before != now:
        before = now
        function.body = _block(function.body, _Fold(known, facts), function)
        found = next(_copies(function), None)
        if found is not None:
            name, node = found
            known[name] = node.value
            function.body.remove(node)
        now = ast.dump(function)
    *_, one, last = [ast.Pass(), *function.body]
    if isinstance(one, ast.Assign) and ast.unparse(last) == f"return {ast.unparse(one.targets[0])}":
        function.body[-2:] = [ast.Return(one.value)]


def _block(nodes: list[ast.stmt], fold: _Fold, function: ast.FunctionDef) -> list[ast.stmt]:
    left = [one for node in nodes for one in _statement(node, fold, function)]
    read = {one.id for one in ast.walk(function) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)}
    return [node for node in left if not _is_idle(node, read)]


def _statement(node: ast.stmt, fold: _Fold, function: ast.FunctionDef) -> Iterator[ast.stmt]:
    if isinstance(node, ast.If):
        node.test = fold.condition(fold.visit(node.test))
        node.body = _block(node.body, fold, function)
        if isinstance(node.test, ast.Constant):
            yield from node.body if node.test.value else []
        else:
            yield node
    elif isinstance(node, ast.For):
        node.iter = fold.visit(node.iter)
        node.body = _block(node.body, fold, function)
        yield node
    elif (
        not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute))
        or ast.unparse(node.value) not in fold.known
    ):
        yield fold.visit(node)


def _copies(function: ast.FunctionDef) -> Iterator[tuple[str, ast.Assign]]:
    """Variables that are aliases of something that does not change, with the statement."""
    arguments = {argument.arg for argument in function.args.args}
    stored = [node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    for node in function.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name, value = node.targets[0].id, node.value
            plain = isinstance(value, ast.Constant) or (
                stored.count(value.id) == (value.id not in arguments)
                if isinstance(value, ast.Name)
                else isinstance(value, ast.Attribute) and ast.unparse(value.value) == "self"
            )
            if plain and stored.count(name) == 1:
                yield name, node


def _is_idle(node: ast.stmt, read: set[str]) -> bool:
    """Whether it assigns a variable that nothing reads."""
    return isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id not in read


class _Fold(ast.NodeTransformer):
    """Substitutes what is known and evaluates what follows."""

    def __init__(self, known: Known, facts: Facts) -> None:
        self.known = known
        self.facts = facts

    def condition(self, node: ast.expr) -> ast.expr:
        """`node`, simplified where only its truth value matters."""
        return ast.Constant(True) if self.facts.truths and ast.unparse(node) in self.facts.truths else node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Substitutes what a variable or argument stands for."""
        known = self.known.get(node.id) if isinstance(node.ctx, ast.Load) else None
        return node if known is None else copy.deepcopy(known)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """Substitutes what an option stands for."""
        owner = node.value.id if isinstance(node.value, ast.Name) else ""
        known = self.known.get(f"{owner}.{node.attr}") if isinstance(node.ctx, ast.Load) else None
        return self.generic_visit(node) if known is None else copy.deepcopy(known)

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        """Keeps one side if the condition is known or both sides are equal."""
        node.test = self.condition(self.visit(node.test))
        if isinstance(node.test, ast.Constant):
            chosen: ast.AST = self.visit(node.body if node.test.value else node.orelse)
            return chosen
        test = ast.unparse(node.test)
        inside = {**self.known, test: ast.Constant(True)} if test in self.facts.flags else self.known
        node.body, node.orelse = _Fold(inside, self.facts).visit(node.body), self.visit(node.orelse)
        return node.body if ast.dump(node.body) == ast.dump(node.orelse) else node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        """Drops operands that do not matter."""
        self.generic_visit(node)
        node.values = [self.condition(one) for one in node.values]
        stops = isinstance(node.op, ast.Or)
        # A deciding operand decides wherever it stands: in a piece, only the truth of such expressions matters.
        if any(isinstance(one, ast.Constant) and bool(one.value) is stops for one in node.values):
            return ast.Constant(stops)
        left = [one for one in node.values if not isinstance(one, ast.Constant)]
        if len(left) > 1:
            return ast.BoolOp(node.op, left)
        return left[0] if left else node.values[-1]

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        """Replaces it with True or False if that is known."""
        if ast.unparse(node) in self.facts.texts:
            return ast.Constant(self.facts.texts[ast.unparse(node)])
        self.generic_visit(node)
        a, b, operator = node.left, node.comparators[0], node.ops[0]
        if not isinstance(a, ast.Constant) or not isinstance(b, ast.Constant):
            return node
        if isinstance(operator, (ast.Is, ast.IsNot)):
            return ast.Constant((a.value is b.value) is isinstance(operator, ast.Is))
        if isinstance(operator, ast.In) and isinstance(b.value, str):
            return ast.Constant(str(a.value) in b.value)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Drops arguments that have no effect."""
        node.args = [one for one in node.args if not self._is_nothing(one)]
        self.generic_visit(node)
        node.args = [one for one in node.args if not _is_empty(one)]
        node.keywords = [one for one in node.keywords if not _is_said_anyway(one)]
        return node

    def _is_nothing(self, node: ast.expr) -> bool:
        """Whether it unpacks arguments that are never given."""
        names = [one.id for one in ast.walk(node) if isinstance(one, ast.Name)]
        return isinstance(node, ast.Starred) and self.facts.nothing in names


def _is_empty(node: ast.expr) -> bool:
    """Whether it unpacks `()`."""
    return isinstance(node, ast.Starred) and isinstance(node.value, ast.Tuple) and not node.value.elts


def _is_said_anyway(keyword: ast.keyword) -> bool:
    value = keyword.value
    return (
        keyword.arg in _ANYWAY and isinstance(value, ast.Constant)
        and value.value == _ANYWAY[keyword.arg] and type(value.value) is type(_ANYWAY[keyword.arg])
    )  # fmt: skip
