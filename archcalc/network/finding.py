"""Finds the layers a user means: by an id, a name, a line of the spec, or the beginning of a line."""

from __future__ import annotations

from archcalc.advice import suggest
from archcalc.diagnostics import RequestError
from archcalc.network.graph import Node, walk
from archcalc.network.load import Graph
from archcalc.records import NamedTuple


class Found(NamedTuple):
    """The layers and groups that were meant; `note` says what was chosen if nothing has the name."""

    nodes: list[Node]
    note: str = ""


def find(graph: Graph, wanted: str) -> Found:
    """What `wanted` means. Raises `RequestError` with the nearest name if it means nothing."""
    nodes = [node for node, _, _ in walk(graph.nodes)]
    for same in (
        [node for node in nodes if wanted in (node.id, node.name)],
        [node for node in nodes if node.segment == wanted],
        [node for node in nodes if wanted.isdigit() and node.place.line == int(wanted)],
    ):
        if same:
            return _several(same, wanted)
    if wanted.isdigit():
        raise RequestError(f"there is no layer on line {wanted}")
    first = _first_copy(nodes, wanted)
    if first is not None:
        return Found([first], f"all copies are the same; the first one is `{first.id}`")
    written = _squeezed(wanted)
    alike = [node for node in nodes if _squeezed(node.label) == written] or [
        node for node in nodes if f"{_squeezed(node.label)} ".startswith(f"{written} ") and written
    ]
    if alike:
        return Found(alike[:1], _first(alike, wanted))
    near = suggest(wanted, [node.id for node in nodes]) or suggest(wanted, [node.name for node in nodes if node.name])
    near = near or _of_kind(nodes, wanted)
    help = f"did you mean `{near}`?" if near else f"expected one of {', '.join(node.id for node in nodes[:8])}, ..."
    raise RequestError(f"no layer is named `{wanted}`: {help}")


def _of_kind(nodes: list[Node], wanted: str) -> str | None:
    """The first layer of the kind that `wanted` misspells or shortens, as `attn` does `attention`."""
    kinds = {node.op: node.id for node in reversed(nodes)}
    short = (op for op in kinds if op[:1] == wanted[:1] and len(wanted) > 2 and _is_within(wanted, op))
    kind = suggest(wanted, [*kinds]) or next(short, None)
    if kind is None:
        from archcalc.spelling.names import meaning  # `positional` is `posembed`

        known = meaning(wanted)
        within = next((op for op in kinds if len(wanted) > 2 and wanted.lower() in op), None)
        kind = known.layer if known and known.layer in kinds else within
    return None if kind is None else kinds[kind]


def _is_within(letters: str, word: str) -> bool:
    """Whether a word has these letters in this order."""
    rest = iter(word)
    return all(letter in rest for letter in letters)


def _several(nodes: list[Node], wanted: str) -> Found:
    """All nodes on one line; of several with one name, the first."""
    if not wanted.isdigit():
        return Found(nodes[:1], _first(nodes, wanted) if len(nodes) > 1 else "")
    places = {(node.place.line, node.place.column): node for node in reversed(nodes)}
    found = [node for node in nodes if places[node.place.line, node.place.column] is node]
    return Found(found, _first(nodes, f"line {wanted}") if len(found) < len(nodes) else "")


def _first(nodes: list[Node], wanted: str) -> str:
    """What a note says of the first of several."""
    if len(nodes) == 1:
        return f"`{wanted}` is `{nodes[0].id}`"
    others = f"`{nodes[1].id}`" + (", ..." if len(nodes) > 2 else "")
    return f"`{wanted}` is {len(nodes)} layers; this is the first, `{nodes[0].id}`; others are {others}"


def _squeezed(text: str) -> str:
    return " ".join(text.split())


def _first_copy(nodes: list[Node], wanted: str) -> Node | None:
    """The layer that stands for the copy `h.7.attention`, which is stored as `h.0.attention`."""
    parts = wanted.split(".")
    for node in nodes:
        own = node.id.split(".")
        if len(own) == len(parts) and all(a == b or (a == "0" and b.isdigit()) for a, b in zip(own, parts)):
            return node
    return None
