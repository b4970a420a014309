"""Statements of `__init__` that freeze what is not trained."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.layers.algebra import MoE
from archcalc.network.freezing import Trained
from archcalc.network.graph import Node


def frozen(trained: Trained, group: Node | None, name: str, node: Node, copies: list[Node]) -> Iterator[str]:
    """Statements that freeze a module, or those parts of it that no smaller module can freeze.

    Args:
        trained: what is trained.
        group: the instance of the class that makes the module; None for the network.
        name: the module.
        node: its node.
        copies: the copies that it holds.
    """
    if group is not None and trained.is_frozen(group):
        return  # as a whole, where it is made
    if trained.is_frozen(node):
        yield f"{name}.requires_grad_(False)"
        return
    first = 0
    for one in copies:
        end = first + one.copies
        if one is not node and trained.is_frozen(one):
            place = first if one.copies == 1 else f"{first or ''}:{'' if one is copies[-1] else end}"
            yield f"{name}[{place}].requires_grad_(False)"
        first = end
    if isinstance(node.layer, MoE) and node.frozen and node.params:
        yield f"{name}.router.requires_grad_(False)"
    if isinstance(node.layer, MoE) and trained.is_frozen(node.children[0]):
        yield f"{name}.experts.requires_grad_(False)"
