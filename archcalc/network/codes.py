"""The PyTorch form of single layers, as plain numbers."""

from __future__ import annotations

from typing import Any

from archcalc.layers.code import Code, Option
from archcalc.network.graph import Node


def code_of(node: Node) -> Code:
    """The layer's PyTorch form, with plain numbers."""
    assert node.layer is not None
    code = node.layer.torch(node.exit, *(node.inputs or (node.exit,)))
    code.args = tuple(plain(value) for value in code.args)
    code.kwargs = {
        name: Option(plain(value.value), value.default) if isinstance(value, Option) else Option(plain(value), None)
        for name, value in code.kwargs.items()
    }
    code.values = {name: plain(value) for name, value in code.values.items()}
    return code


def has_module(node: Node) -> bool:
    """Whether the layer is a module, not just an expression."""
    return bool(code_of(node).module)


def plain(value: Any) -> Any:
    """A number without its derivation."""
    if isinstance(value, tuple):
        return tuple(plain(one) for one in value)
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value
