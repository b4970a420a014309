"""Axes split, permuted and joined again: one `rearrange`, as when windows are cut and put back together.

Channels that are dealt from groups are a `channelshuffle`.
"""

from __future__ import annotations

from archcalc.tracing.graph import Graph, Node, Out

# What gives channels first, and what gives another order of axes or need not.
_IMAGES = frozenset(("conv", "convtranspose", "batchnorm", "groupnorm", "maxpool", "avgpool", "channelshuffle"))
_OTHERS = frozenset(("linear", "layernorm", "rmsnorm", "attention", "reshape", "transpose", "rearrange", "flatten"))

_LETTERS = "abdefgijklmnopqrstuvxyz"


def apply(graph: Graph) -> None:
    """Merge a permutation with the reshapes before and after it into one pattern."""
    users = graph.users()
    for node in list(graph.nodes):
        order = _order(node)
        if order is None:
            continue
        before, after = node.inputs[0].node, users.get(Out(node), [])
        opens = before.op == "reshape" and len(users.get(Out(before), [])) == 1
        closes = len(after) == 1 and after[0].op in ("reshape", "flatten")
        if not opens and not closes:
            continue
        apart = node.inputs[0].sizes
        left = groups(before.inputs[0].sizes, apart) if opens else [[axis] for axis in range(len(order))]
        moved = [apart[axis] for axis in order]
        last = after[0] if closes else node
        right = groups(last.sizes, tuple(moved))
        if left is None or (right is None and not opens):
            continue
        if right is None:
            last, right = node, [[axis] for axis in range(len(order))]
        letters = _LETTERS[: len(apart)]
        if len(letters) < len(apart):
            continue
        names = [letters[axis] for axis in range(len(apart))]
        if order[-1] == len(apart) - 1 and len(left[-1]) == len(right[-1]) == 1:
            names[-1] = "c"
        text = f"{_side(left, names)} -> {_side([[order[axis] for axis in group] for group in right], names)}"
        keys: dict[str, object] = {"pattern": text}
        for group in left:
            for axis in group[1:]:
                keys[names[axis]] = apart[axis]
        last.op, last.keys = "rearrange", keys
        last.inputs = list(before.inputs if opens else node.inputs)
        if left == right and left[0] == [0, 1] and order[:2] == [1, 0] and order[2:] == list(range(2, len(order))):
            _shuffle(last, apart[0])
        graph.drop_unread()
        users = graph.users()


def _shuffle(node: Node, groups: int) -> None:
    """Two axes joined the other way round: a `channelshuffle` if they are the channels of an image."""
    found = node.inputs[0].node
    while found.op not in _IMAGES and found.op not in _OTHERS and found.inputs:
        found = found.inputs[0].node
    if found.op in _IMAGES and len(node.sizes) > 1:
        node.op, node.keys = "channelshuffle", {"groups": groups}


def _order(node: Node) -> list[int] | None:
    if node.op == "transpose":
        rank = len(node.sizes)
        order = list(range(rank))
        first, second = (axis % rank for axis in node.keys["axes"])
        order[first], order[second] = order[second], order[first]
        return order
    if node.op == "rearrange":
        left, _, right = node.keys["pattern"].partition(" -> ")
        if "(" in left or "(" in right:
            return None
        return [left.split().index(letter) for letter in right.split()]
    return None


def groups(joined: tuple[int, ...], apart: tuple[int, ...]) -> list[list[int]] | None:
    """Which axes of `apart` make up each axis of `joined`; None if they do not."""
    found: list[list[int]] = []
    at = 0
    for size in joined:
        group: list[int] = []
        product = 1
        while at < len(apart) and (not group or product < size):
            product *= apart[at]
            group.append(at)
            at += 1
        if product != size or not group:
            return None
        found.append(group)
    return found if at == len(apart) else None


def _side(groups: list[list[int]], names: list[str]) -> str:
    return " ".join(
        f"({' '.join(names[axis] for axis in group)})" if len(group) > 1 else names[group[0]] for group in groups
    )
