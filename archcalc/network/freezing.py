"""Frozen parameters: from the command line, and for whole groups of layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from archcalc.advice import suggest
from archcalc.diagnostics import Diagnostic, RequestError
from archcalc.network.graph import Graph, Node, walk
from archcalc.quantity import plain, product
from archcalc.source import Scalar

CODE = "GRF706"


class Trained:
    """Which groups of layers hold trained parameters, and which hold frozen ones."""

    def __init__(self) -> None:
        self._found: dict[int, tuple[bool, bool]] = {}

    def is_frozen(self, node: Node) -> bool:
        """Whether it has parameters and none of them is trained."""
        return self._has(node) == (False, True)

    def _has(self, node: Node) -> tuple[bool, bool]:
        """Whether it has parameters that are trained, and parameters that are not.

        Parameters that belong to another layer are frozen if that layer is; if trained, they keep a group that uses
        them from being frozen as a whole.
        """
        if id(node) not in self._found:
            inside = [self._has(child) for child in node.children]
            self._found[id(node)] = (
                node.learns_itself or any(trained for trained, _ in inside),
                (bool(node.params) and node.frozen) or any(frozen for _, frozen in inside),
            )
        return self._found[id(node)]


def freeze(graph: Graph, patterns: Sequence[str]) -> None:
    """Freeze what `--freeze` names, with everything inside; tied layers are frozen together.

    Raises:
        RequestError: a pattern matches nothing with parameters, or only one of several equal copies.
    """
    for pattern in patterns:
        found = list(_named(graph, graph.nodes, pattern))
        if not any(node.params or node.tied for node, _, _ in walk(found)):
            raise RequestError(_nothing(graph, pattern, found))
        for node, _, _ in walk(found):
            node.frozen = True
    frozen = {id(owner) for node, _, _ in walk(graph.nodes) if node.frozen for owner in node.tied.values()}
    for node, _, _ in walk(graph.nodes) if patterns else ():
        if id(node) in frozen or any(owner.frozen or id(owner) in frozen for owner in node.tied.values()):
            node.frozen = True


def untrainable(graph: Graph) -> str:
    """Why the network cannot be trained, as a sentence; empty if it can."""
    found = [(node, stored) for node, stored, _ in walk(graph.nodes) if node.params]
    if not all(node.frozen and not node.adapters for node, _ in found) or not found:
        return ""
    count = sum(stored * plain(product(shape)) for node, stored in found for shape in node.params.values())
    return f"all {count:,} parameters are frozen: there is no training step"


def check_trains(graph: Graph, instead: str) -> None:
    """Raises `RequestError` if all parameters are frozen; `instead` is what can be asked for."""
    if reason := untrainable(graph):
        raise RequestError(f"{graph.path}: {reason}: leave a layer trained, or ask for {instead}")


def idle(graph: Graph) -> list[Diagnostic]:
    """A warning for each `frozen=` on an item without parameters in any of its copies and calls."""
    places: dict[Scalar, tuple[Node, bool]] = {}
    for node, _, _ in walk(graph.nodes):
        if node.freezes is not None:
            has = any(one.params or one.tied for one, _, _ in walk([node]))
            places[node.freezes] = (node, has or places.get(node.freezes, (node, False))[1])
    return [
        Diagnostic(
            CODE,
            f"nothing to {'train' if place.text == 'false' else 'freeze'}: `{node.op}` has no parameters",
            place,
            f"delete `frozen={place.text}`",
            severity="warning",
        )
        for place, (node, has) in places.items()
        if not has
    ]


def _named(graph: Graph, nodes: list[Node], pattern: str, prefixes: tuple[str, str] = ("", "")) -> Iterator[Node]:
    """The nodes whose name or id matches; `prefixes` begin their ids in the first and in the last of equal copies."""
    for node in nodes:
        first, last = node.id, prefixes[1] + node.id[len(prefixes[0]) :]
        if node.segment.isdigit():
            last = f"{last.rpartition('.')[0]}.{int(node.segment) + node.copies - 1}"
        fits = fnmatchcase(first, pattern)
        if fits != fnmatchcase(last, pattern):
            raise RequestError(
                f"{graph.path}: --freeze {pattern} names some of several equal copies, {first}: "
                f"write {_any_copy(first, last)} for all of them"
            )
        if fits or pattern == node.name:
            yield node
        elif node.inline:
            yield from _named(graph, node.children, pattern, prefixes)
        else:
            number = node.copies if node.layer is None and not node.segment.isdigit() else 1
            number = node.weights if node.is_expert else number
            middle = (".0", f".{number - 1}") if number > 1 or node.is_expert else ("", "")
            yield from _named(graph, node.children, pattern, (f"{first}{middle[0]}.", f"{last}{middle[1]}."))


def _any_copy(first: str, last: str) -> str:
    """An id with `*` for the number of the copy."""
    return ".".join(one if one == other else "*" for one, other in zip(first.split("."), last.split(".")))


def _nothing(graph: Graph, pattern: str, found: list[Node]) -> str:
    if found:
        return f"{graph.path}: --freeze {pattern}: there are no parameters in {found[0].id}"
    known = [name for node, _, _ in walk(graph.nodes) for name in (node.name, node.id) if name]
    near = suggest(pattern, known)
    hint = (
        f"did you mean `{near}`?"
        if near
        else "`archcalc shapes --format csv` lists the names; `*` stands for any letters"
    )
    return f"{graph.path}: no layer or group is named `{pattern}`: {hint}"
