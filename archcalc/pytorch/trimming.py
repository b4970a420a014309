"""Removes from a piece the options that no layer of a network uses.

An option that is never given has its default everywhere, so the branches, arguments and attributes that it controls can
be removed.
"""

from __future__ import annotations

import ast
import copy
import itertools
from collections.abc import Collection
from dataclasses import dataclass

from archcalc.pytorch.folding import Facts, Known, simplify
from archcalc.pytorch.printing import Definition


@dataclass(frozen=True)
class Use:
    """How the layers of a network use a piece.

    Attributes:
        given, always: options of the constructor that some layer gives, and those that every layer gives.
        read, needed: the same for the arguments of `forward` that may be None.
        more: whether `forward` gets more arguments than the named ones.
        axes: whether some layer has axes between the batch and the positions.
    """

    given: frozenset[str] = frozenset()
    always: frozenset[str] = frozenset()
    read: frozenset[str] = frozenset()
    needed: frozenset[str] = frozenset()
    more: bool = False
    axes: bool = False


def trimmed(piece: ast.ClassDef, use: Use) -> ast.ClassDef:
    """The class without what `use` does not need."""
    made = copy.deepcopy(piece)
    methods = {node.name: node for node in made.body if isinstance(node, ast.FunctionDef)}
    forward, known, facts = methods["forward"], {}, Facts()
    if "__init__" in methods:
        options = _options(methods["__init__"])
        never = {name: value for name, value in options.items() if name not in use.given}
        flags = {name for name, value in options.items() if isinstance(_value(value), bool)}
        known = {f"self.{name}": value for name, value in never.items()}
        facts.truths = {f"self.{name}" for name in use.always - flags}
        facts.flags = {f"self.{name}" for name in flags}
        simplify(methods["__init__"], never, Facts())
        _take_out(methods["__init__"], never)
        _require(methods["__init__"], [name for name in options if f"self.{name}" in facts.truths])
    order = [argument.arg for argument in forward.args.args[1:]]
    unread = {name: value for name, value in _options(forward).items() if name not in use.read}
    facts.texts = {f"{name} is not None": True for name in use.needed} | ({} if use.axes else {"x.dim() > 3": False})
    if forward.args.vararg is not None and not use.more:
        facts.nothing, forward.args.vararg = forward.args.vararg.arg, None
    for method in methods.values():
        if method.name != "__init__":
            simplify(method, known | unread, facts)
    _take_out(forward, unread)
    _require(forward, list(itertools.takewhile(use.needed.__contains__, _options(forward))))
    _drop_arguments(forward, "self.forward", [order.index(name) for name in unread])
    made.body = [node for node in made.body if not _is_unused(node, made)]
    _shorten_doc(made, [name.removeprefix("self.") for name in known | unread])
    return made


def trim_function(piece: ast.FunctionDef, callers: Collection[Definition], needed: Collection[str]) -> ast.FunctionDef:
    """The function without arguments that are the same constant in all calls; `callers` are changed too.

    Args:
        needed: names of arguments that are never None.
    """
    made = copy.deepcopy(piece)
    calls = [one for caller in callers for one in ast.walk(caller) if isinstance(one, ast.Call) and _is_of(one, made)]
    names = [argument.arg for argument in made.args.args]
    fixed: Known = {}
    for index, name in enumerate(names):
        # If no piece calls it, arguments that layers do not give have their defaults.
        values = [call.args[index] for call in calls] or [one for key, one in _options(made).items() if key == name]
        if values and all(isinstance(one, ast.Constant) and ast.dump(one) == ast.dump(values[0]) for one in values):
            fixed[name] = values[0]
    simplify(made, fixed, Facts(texts={f"{name} is not None": True for name in needed}))
    _shorten_doc(made, fixed)
    read = {one.id for one in ast.walk(made) if isinstance(one, ast.Name)}
    _take_out(made, [name for name in names if name not in read])
    for call in calls:
        call.args = [argument for name, argument in zip(names, call.args) if name in read]
    return made


def _is_of(call: ast.Call, function: ast.FunctionDef) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id == function.name


# -- arguments ------------------------------------------------------------------------------


def _options(function: ast.FunctionDef) -> dict[str, ast.expr]:
    """The arguments with a default, and the defaults."""
    arguments, defaults = function.args.args, function.args.defaults
    return dict(zip([one.arg for one in arguments[len(arguments) - len(defaults) :]], defaults))


def _take_out(function: ast.FunctionDef, names: Collection[str]) -> None:
    """Remove arguments."""
    options = _options(function)
    function.args.args = [argument for argument in function.args.args if argument.arg not in names]
    function.args.defaults = [default for name, default in options.items() if name not in names]


def _require(function: ast.FunctionDef, names: list[str]) -> None:
    """Remove the defaults of arguments, which then move before those that have one."""
    options = _options(function)
    arguments = {argument.arg: argument for argument in function.args.args}
    first = [name for name in arguments if name not in options]
    order = [*first, *names, *(name for name in options if name not in names)]
    function.args.args = [arguments[name] for name in order]
    function.args.defaults = [options[name] for name in order if name in options and name not in names]


def _drop_arguments(function: ast.FunctionDef, called: str, positions: list[int]) -> None:
    for node in ast.walk(function):
        if _is_call(node, called):
            assert isinstance(node, ast.Call)
            node.args = [argument for index, argument in enumerate(node.args) if index not in positions]


def _is_call(node: ast.AST, name: str) -> bool:
    owner, _, method = name.partition(".")
    return (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == method
        and isinstance(node.func.value, ast.Name) and node.func.value.id == owner
    )  # fmt: skip


def _is_unused(node: ast.stmt, owner: ast.ClassDef) -> bool:
    """Whether it is one of the piece's own methods that nothing calls."""
    if not isinstance(node, ast.FunctionDef) or node.name in ("__init__", "forward"):
        return False
    return not any(_is_call(one, f"self.{node.name}") for one in ast.walk(owner))


# -- words ---------------------------------------------------------------------------------


def _shorten_doc(node: Definition, unused: Collection[str]) -> None:
    """Remove what the first line says about unused options; its parts are separated by semicolons."""
    parts = (ast.get_docstring(node) or "").rstrip(".").split("; ")
    kept = [part for part in parts if not any(part.startswith(f"`{name}`") for name in unused)]
    node.body[0] = ast.Expr(ast.Constant("; ".join(kept) + "."))


def _value(node: ast.expr) -> object:
    return node.value if isinstance(node, ast.Constant) else None
