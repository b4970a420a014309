"""Names of layers and blocks: the module's own, where the language allows them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from archcalc.tracing.block import Block
from archcalc.tracing.calls import Scope
from archcalc.tracing.graph import Graph, Node, Out
from archcalc.tracing.items import Body, Item


def references(items: list[Item]) -> Iterator[Out]:
    """What items read by name."""
    for item in items:
        if item.source is not None:
            yield item.source
        yield from item.beside
        for one in item.operands or ():
            if isinstance(one, Out):
                yield one
        if item.node is not None and item.layers is None:
            if item.node.tie is not None:
                yield Out(item.node.tie)
                if item.node.tie.within not in (None, item.node.within):
                    yield Out(item.node.tie.within)
            for value in item.node.keys.values():
                if isinstance(value, Out):
                    yield value
        if item.node is not None and item.node.loop is not None:
            yield from item.node.loop.references()
        for state in item.states:
            yield from (Out(state.node), state.start, state.following)
        for inner in item.inner():
            yield from references(inner)


def names(
    blocks: Mapping[Body, Block],
    items: list[Item],
    start: Out | None,
    taken: set[str],
    graph: Graph | None = None,
    home: Scope | None = None,
) -> dict[Node, str]:
    """A name for each node that is read by name: that of its module or, directly in a block's own module `home`, `x`."""
    wanted = {out.node for out in _deep_references(blocks, items) if out != start}
    found: dict[Node, str] = {}
    used = set(taken)
    if graph is not None:
        single = len(graph.inputs) == 1
        for name, node in graph.inputs.items():
            found[node] = "input" if single else name
            used.add(found[node])
        outs = [out for _, out in graph.outputs]
        last = items[-1].gives if items else None
        if list(dict.fromkeys(outs)) != [last]:
            wanted |= {out.node for out in outs}
    # A repeat whose states are read later has a name.
    wanted |= {
        item.gives.node
        for item in _each(items)
        if item.gives is not None and any(state.last.node in wanted for state in item.states)
    }
    order = list(_in_order(blocks, items))
    masks = {mask.node for node in order if isinstance(mask := node.keys.get("mask"), Out) and not mask.name}
    for node in order:
        if node.op == "input" and "name" in node.keys:  # what stands for an entry or a state
            found[node] = node.keys["name"]
            used.add(found[node])
    for node in order:
        if node in wanted and node not in found:
            is_plain = home is not None and node.scope is home and node.op not in _CALLED
            found[node] = free("mask" if node in masks else "x" if is_plain else base(node), used)
    for item in _each(items):
        for state in item.states:
            assert item.gives is not None
            if state.last != item.gives and state.last.node in wanted:
                found[state.last.node] = f"{found[item.gives.node]}.{found[state.node]}"
    return found


def free(wanted: str, used: set[str]) -> str:
    """This name, or the next free one if it is taken; it is then marked as taken."""
    name, index = wanted, 2
    while name in used:
        name, index = f"{wanted}{index}", index + 1
    used.add(name)
    return name


# What people call them.
_CALLED = {
    "relposbias": "bias",
    "split": "parts",
    "parameter": "table",
    "constant": "fixed",
    "identity": "x",
    "scan": "loop",
}


def base(node: Node) -> str:
    """What a node is called if that name is free."""
    if "state" in node.keys and node.op == "input":
        return str(node.keys["state"])
    if node.op in _CALLED:
        return _CALLED[node.op]
    parts = [part for part in (node.scope.name.split(".") if node.scope else []) if not part.isdigit()]
    text = parts[-1] if parts else node.op
    text = re.sub(r"\W", "_", text).strip("_") or "x"
    return text if not text[0].isdigit() and text not in ("input", "prev") else f"x_{text}"


def _deep_references(blocks: Mapping[Body, Block], items: list[Item]) -> Iterator[Out]:
    yield from references(items)
    for item in _each(items):
        if item.body is not None and not blocks[item.body].written:
            yield from _deep_references(blocks, item.body.items)


def _in_order(blocks: Mapping[Body, Block], items: list[Item]) -> Iterator[Node]:
    for item in items:
        if item.node is not None and item.node.loop is not None:
            yield from item.node.loop.stand_ins()
        for state in item.states:
            yield state.node
        for inner in item.inner():
            yield from _in_order(blocks, inner)
        if item.body is not None and not blocks[item.body].written:
            yield from _in_order(blocks, item.body.items)
        if item.gives is not None:
            yield item.gives.node


def _each(items: list[Item]) -> Iterator[Item]:
    for item in items:
        yield item
        for inner in item.inner():
            yield from _each(inner)


def called(scope: Scope) -> str:
    """What a block is called: its class, or if that says nothing, its place in the model."""
    if scope.kind not in ("Sequential", "ModuleList"):
        return snake(scope.kind)
    parts = [part for part in scope.name.split(".") if not part.isdigit()]
    place = re.sub(r"\W|\d+$", "", parts[-1]).rstrip("_") if parts else ""
    if place.endswith("s") and not place.endswith("ss"):
        place = place[:-1]
    return place if len(place) > 1 and not place[0].isdigit() else "stage"


def snake(kind: str) -> str:
    """`basic_block` for `BasicBlock`."""
    parts = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z](?!\d))", "_", kind).lower().split("_")
    for at in range(len(parts) - 1, 0, -1):  # a letter belongs to the word after it: UNet
        if len(parts[at - 1]) == 1 and len(parts[at]) > 2:
            parts[at - 1 : at + 1] = [parts[at - 1] + parts[at]]
    text = ""
    for part in parts:  # ConvNeXt is one word
        text += part if len(part) < 3 or not text or len(text) < 3 else f"_{part}"
    text = re.sub(r"\W", "_", text).strip("_") or "block"
    return text if not text[0].isdigit() else f"block_{text}"


def plain(name: str) -> str:
    """The name as a valid model name."""
    return re.sub(r"[^\w.\-]", "_", name) or "model"
