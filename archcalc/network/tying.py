"""Tied weights: one node's parameters used by another and counted once."""

from __future__ import annotations

from archcalc.layers.base import Layer
from archcalc.layers.dense import Linear
from archcalc.layers.tensor import Shape
from archcalc.network.graph import Node, in_scope


class UntiedError(Exception):
    """Why two nodes cannot share their weights, and what to do instead."""

    def __init__(self, reason: str, help: str = "tied layers have weights of one shape") -> None:
        super().__init__(reason)
        self.help = help


_WHOLE = "put the copies into a block; one call of it is tied to another as a whole"
_EXPERTS = "one such layer is tied to another as a whole"


class FrozenApartError(Exception):
    """One of two tied layers is trained, the other is not."""


def inside(target: Node, names: tuple[str, ...]) -> Node:
    """The layer at this path inside a node, with unequal copies by number: `stages.1.attention`.

    Raises `UntiedError` if there is none or more than one.
    """
    for name in names:
        told = target.name or target.op
        if target.copies > 1:
            raise UntiedError(f"`{told}` has {target.copies:,} copies, each with weights of its own", _WHOLE)
        experts = next((child for child in target.children if child.weights > 1), None)
        if experts is not None:
            raise UntiedError(f"`{told}` has {experts.weights:,} experts, each with weights of its own", _EXPERTS)
        found = [
            child for child in in_scope(target.children) if name in (child.name, target.unfolded and child.segment)
        ]
        if not found and target.unfolded:
            found = [child for number, child in enumerate(target.children) if name == str(number)]
        if not found:
            there = [child.name for child in in_scope(target.children) if child.name]
            what = f"its named layers are {', '.join(there)}" if there else "name= makes a layer of it one to tie to"
            raise UntiedError(f"`{told}` has no layer named `{name}`", what)
        target = found[0]
    return target


def share(node: Node, target: Node) -> None:
    """Make `node` use the parameters of `target`, layer by layer inside blocks.

    Parameters that only `node` has, such as the bias of an output layer tied to an embedding, stay its own. Raises
    `UntiedError` if the two do not fit, `FrozenApartError` if only one is trained.
    """
    if not _parameters(node):
        raise UntiedError("it has no weights to tie")
    if target.copies > 1 or target.unfolded:
        count = sum(one.copies for one in target.children) if target.unfolded else target.copies
        raise UntiedError(f"that is {count:,} {'copies' if target.children else 'layers'}", _WHOLE)
    if node.children or target.children:
        _share_block(node, target)
    elif node.op != target.op and not _alike(node.layer, target.layer):
        raise UntiedError("they are not the same layer")
    else:
        _share_layer(node, target)


def _alike(one: Layer | None, other: Layer | None) -> bool:
    """Whether layers of different names have weights of the same axes: a tied head, or a convolution and its transposed counterpart."""
    return one is not None and other is not None and one.tied_as == other.tied_as != ""


def _share_block(node: Node, target: Node) -> None:
    if node.op != target.op:
        raise UntiedError("they are not the same block")
    several = [one.unfolded or one.copies > 1 for one in (node, target)]
    if node.unfolded != target.unfolded and all(several):
        copied = f"`{node.name or node.op}`" if node.name or node.op != "repeat" else "its `repeat`"
        help = "let both read inputs of the same shapes"
        raise UntiedError(f"the copies of {copied} are alike in one of them and differ in shapes in the other", help)
    same = len(node.children) == len(target.children)
    if not same or node.copies * node.weights != target.copies * target.weights:
        raise UntiedError("their layers differ")
    _share_layer(node, target)
    for child, other in zip(node.children, target.children):
        _share_block(child, other)


def _share_layer(node: Node, target: Node) -> None:
    """Tie what both have under the same name; buffers too, if nothing of the target is left out."""
    given = _own_shapes(target)
    common = [name for name in _own_shapes(node) if name in given]
    ways = [isinstance(one.layer, Linear) and one.layer.transposed for one in (node, target)]
    if node.op != target.op or ways[0] != ways[1]:  # a transposed convolution has a bias of its own
        common = [name for name in common if name == "weight"]
        if not common:
            raise UntiedError("they have no weight in common")
    elif len(common) != len(given):
        raise UntiedError("their parameters differ")
    for name in common:
        own = _owner(node, name)
        if own is not node and own is not _owner(target, name):
            raise UntiedError(f"its {name} is tied to another layer", "tie both to the same layer")
        if own.params[name] != given[name]:
            ours, theirs = map(_sizes, (own.params[name], given[name]))
            is_reversed = isinstance(node.layer, Linear) and own.params[name] == given[name][::-1]
            other = "false" if ways[0] else "true"
            help = [f"`transposed={other}` takes it the other way round"] if is_reversed else []
            raise UntiedError(f"its {name} is {ours}, the other's is {theirs}", *help)
    if node.op == target.op and node.buffers and target.layer is not None:
        stored = target.buffers or target.layer.buffers(*(target.inputs[:1] or [target.exit]))
        for name, shape in node.buffers.items():
            if name in stored and stored[name] != shape:
                raise UntiedError(f"its {name} is {_sizes(shape)}, the other's is {_sizes(stored[name])}")
    if common and node.frozen != target.frozen:
        ours, theirs = ("frozen" if one.frozen else "trained" for one in (node, target))
        raise FrozenApartError(f"cannot tie the {ours} `{node.op}` to the {theirs} `{target.name or target.op}`")
    for name in common:
        node.tied[name] = _owner(target, name)
        node.params.pop(name, None)
    if node.op == target.op:
        node.buffers = {}


def _sizes(shape: Shape) -> str:
    return "×".join(str(int(size)) for size in shape)


def _own_shapes(node: Node) -> dict[str, Shape]:
    """The shapes a node computes with, its own and another node's."""
    return {**node.params, **{name: _owner(node, name).params[name] for name in node.tied}}


def _owner(node: Node, name: str) -> Node:
    """The layer that owns a parameter; the layer it is tied to may have been tied itself since."""
    while name not in node.params:
        node = node.tied[name]
    return node


def _parameters(node: Node) -> list[str]:
    names = [*node.params, *node.tied]
    for child in node.children:
        names += _parameters(child)
    return names
