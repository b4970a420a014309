"""Values of Python source as a spec writes them: (3, 3) is 3, (3, 5) is 3x5, True is true, 'same' is same."""

from __future__ import annotations

import ast


class UnwritableError(Exception):
    """Python that no layer of a spec corresponds to; the message says what to do instead."""


def expression(text: str) -> ast.expr | None:
    """The expression in a line of Python, also in `x = f(y)` and `return f(y)`; None if there is none."""
    try:
        body = ast.parse(text.strip().rstrip(",")).body if len(text) <= 2000 else []
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if len(body) != 1 or not isinstance(body[0], (ast.Expr, ast.Assign, ast.Return)):
        return None
    return body[0].value


def target(text: str) -> str | None:
    """The name that a line of Python assigns to, `conv1` of `self.conv1 = ...`; None for a variable or nothing."""
    try:
        statement = ast.parse(text.strip()).body[0]
    except (SyntaxError, ValueError, IndexError, RecursionError, MemoryError):
        return None
    name = statement.targets[0] if isinstance(statement, ast.Assign) else None
    return name.attr if isinstance(name, ast.Attribute) else None


def dotted(node: ast.expr) -> str:
    """A dotted name as written, such as `torch.nn.Conv2d`; empty if it is not a name."""
    if isinstance(node, ast.Name):
        return node.id
    before = dotted(node.value) if isinstance(node, ast.Attribute) else ""
    return f"{before}.{node.attr}" if isinstance(node, ast.Attribute) and before else ""


def is_none(node: ast.expr) -> bool:
    """Whether a value is None."""
    return isinstance(node, ast.Constant) and node.value is None


def literal(node: ast.expr) -> object:
    """The value of a literal. Raises `UnwritableError` for a computed value."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise computed(node) from None


def computed(node: ast.expr) -> UnwritableError:
    """The error for a value that only Python knows."""
    return UnwritableError(f"`{ast.unparse(node)}` is computed in Python: write its value")


def word(node: ast.expr) -> str:
    """A value in a spec's words. Raises `UnwritableError` for a computed value."""
    if isinstance(node, ast.Constant) and node.value is not None:
        return str(node.value).lower() if isinstance(node.value, bool) else str(node.value)
    if isinstance(node, (ast.Tuple, ast.List)) and node.elts:
        return sized([word(element) for element in node.elts])
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return f"-{word(node.operand)}"
    if isinstance(node, ast.Attribute) and dotted(node):
        return node.attr
    if isinstance(node, (ast.Name, ast.BinOp)) and all(isinstance(one, _ARITHMETIC) for one in ast.walk(node)):
        return ast.unparse(_Named().visit(node)).replace(" ", "")
    raise computed(node)


_ARITHMETIC = (
    ast.BinOp,
    ast.UnaryOp,
    ast.operator,
    ast.unaryop,
    ast.Name,
    ast.Attribute,
    ast.Constant,
    ast.expr_context,
)


class _Named(ast.NodeTransformer):
    """Turns attributes into hparams by their last name: `cfg.width` is `width`."""

    def visit_Attribute(self, node: ast.Attribute) -> ast.Name:
        return ast.Name(node.attr, node.ctx)


def sized(sizes: list[str]) -> str:
    """Sizes along axes: one if all agree, else joined by x; an expression goes in parentheses."""
    if len(set(sizes)) == 1:
        return sizes[0]
    return "x".join(size if size.lstrip("-").isdigit() else f"({size})" for size in sizes)


def whole(node: ast.expr) -> int:
    """A whole number. Raises `UnwritableError` for anything else."""
    value = literal(node)
    if isinstance(value, bool) or not isinstance(value, int):
        raise computed(node)
    return value


def wholes(node: ast.expr) -> list[int]:
    """A whole number or several. Raises `UnwritableError` for anything else."""
    nodes = node.elts if isinstance(node, (ast.Tuple, ast.List)) else [node]
    return [whole(one) for one in nodes]


def axis(node: ast.expr) -> int:
    """An axis counted without the batch, which Python code counts. Raises `UnwritableError` for the batch itself."""
    index = whole(node)
    if index == 0:
        raise UnwritableError("axis 0 is the batch in Python; a layer acts on each sample alone")
    return index - 1 if index > 0 else index
