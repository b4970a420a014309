"""Tied weights: which nodes reuse a whole module, and which share single parameters."""

from __future__ import annotations

from typing import Any

from archcalc.layers.tensor import Alias, Tensor
from archcalc.network.codes import code_of
from archcalc.network.graph import Node, walk


class Sharing:
    """Whose weights each node of a graph uses.

    A node equal to the one it is tied to calls that node's module. Otherwise it has its own module, in which the
    parameters are replaced: one by one in a layer, all at once in a group.
    """

    def __init__(self, nodes: list[Node]) -> None:
        self._target: dict[int, Node] = {}
        self._covered: set[int] = set()
        self._reused: dict[int, Node] = {}
        self._around: dict[int, Node] = {}
        self._visit(nodes)

    def around(self, node: Node) -> Node | None:
        """The group that contains a node; None at the top level."""
        return self._around.get(id(node))

    def _visit(self, nodes: list[Node], around: Node | None = None) -> None:
        for node in nodes:
            if around is not None:
                self._around[id(node)] = around
            if node.tied_to is not None and node.children:
                self._pair(node, node.tied_to)
            self._visit(node.children, node)
            if node.layer is not None and node.tied and not node.children:
                self._layer(node)

    def _pair(self, node: Node, other: Node) -> None:
        """Record groups that are tied as a whole, looking into inline lists."""
        if node.inline:
            for child, counterpart in zip(node.children, other.children):
                self._pair(child, counterpart)
        elif not node.params and (_has_buffers_alone(node) or (node.children and _has_ties(node))):
            equal = _same(node, other) and _wiring(node) == _wiring(other)
            if not equal and (_has_own(node.children) or self._calls_again(other)):
                self._pair_buffers(node, other)
                return  # its parameters are not those of the other one by one, so that each layer is tied by itself
            self._target[id(node)] = other
            self._cover(node.children)
            if equal:
                self._reused[id(node)] = other

    def _pair_buffers(self, node: Node, other: Node) -> None:
        """Record the layers of two groups that have nothing but buffers to share, which no parameter ties."""
        for child, counterpart in zip(node.children, other.children):
            if child.children:
                self._pair_buffers(child, counterpart)
            elif _has_buffers_alone(child):
                self._pair(child, counterpart)

    def _calls_again(self, group: Node) -> bool:
        """Whether a module of a group is called by several of its layers, or any module by the copies of a layer."""
        inside = [node for node, _, _ in walk(group.children)]
        made = {id(node) for node in inside}
        return any(
            self.is_reused(node)
            and (id(self.module_of(node)) in made or (self.is_called_again(node) and node.copies > 1))
            for node in inside
        )

    def _cover(self, nodes: list[Node]) -> None:
        for node in nodes:
            self._covered.add(id(node))
            self._cover(node.children)

    def _layer(self, node: Node) -> None:
        owners = {id(owner): owner for owner in node.tied.values()}
        if node.params or len(owners) != 1 or id(node) in self._covered:
            return
        (owner,) = owners.values()
        if owner.op == node.op and not owner.children and _equal(node, owner):
            self._reused[id(node)] = owner

    def is_reused(self, node: Node) -> bool:
        """Whether `node` calls the module of another."""
        return id(node) in self._reused

    def module_of(self, node: Node) -> Node:
        """The node whose module `node` calls: itself, or the first of those it is tied to."""
        while id(node) in self._reused:
            node = self._reused[id(node)]
        return node

    def is_called_again(self, node: Node) -> bool:
        """Whether the copies of `node` call one module several times, not one each."""
        return self.is_reused(node) and not node.unfolded and self.module_of(node).copies == 1

    def owners(self, node: Node) -> list[Node]:
        """The nodes whose modules `node` needs for its weights, in order."""
        if id(node) in self._target:
            return [self.module_of(self._target[id(node)])]
        if self.is_reused(node):
            return [self.module_of(node)]
        return list({id(owner): owner for _, owner in self.parameters(node)}.values())

    def parameters(self, node: Node) -> list[tuple[str, Node]]:
        """Each tied parameter of a layer, and the node that has it."""
        if node.layer is None or id(node) in self._covered or id(node) in self._target:
            return []
        return [(name, self.module_of(owner)) for name, owner in node.tied.items()]

    def target(self, node: Node) -> Node | None:
        """The group whose parameters replace those of `node`, which has a module of its own."""
        target = self._target.get(id(node))
        return None if target is None or self.is_reused(node) else self.module_of(target)


def _has_buffers_alone(node: Node) -> bool:
    """Whether there are only buffers to share, e.g. for a batchnorm without affine parameters."""
    return not _has_ties(node) and _has_buffers(node)


def _has_buffers(node: Node) -> bool:
    own = node.layer is not None and bool(node.inputs) and bool(node.layer.buffers(node.inputs[0]))
    return own or any(_has_buffers(child) for child in node.children)


def _has_ties(node: Node) -> bool:
    return bool(node.tied) or any(_has_ties(child) for child in node.children)


def _has_own(nodes: list[Node]) -> bool:
    """Whether layers have parameters of their own beside those that are tied, as a norm with factors tied to one without."""
    return any(node.params or _has_own(node.children) for node in nodes)


def _wiring(group: Node) -> list[tuple[Any, ...]]:
    """The inputs of each layer inside a group, numbered in order of first use, and where copies get theirs."""
    labels = {id(tensor): number for number, tensor in enumerate(group.inputs[:1])}
    origins = dict(labels)
    found: list[tuple[Any, ...]] = []

    def read(tensor: Tensor) -> tuple[int, int]:
        origin = tensor
        while isinstance(origin, Alias) and id(origin) not in labels:
            origin = origin.origin
        return labels.setdefault(id(tensor), len(labels)), origins.setdefault(id(origin), len(origins))

    def visit(nodes: list[Node]) -> None:
        for node in nodes:
            if node.op == "expert":
                labels.setdefault(id(node.inputs[0]), len(labels))
            visit(node.children)
            given = node.inputs if node.layer is not None else ()
            found.append(tuple(map(read, given)))
            for tensor in (node.exit, node.output):
                for one in (tensor, *(tensor.outputs or {}).values()):
                    labels.setdefault(id(one), len(labels))

    visit(group.children)
    return [*found, (labels.setdefault(id(group.exit), len(labels)),)]


def _equal(a: Node, b: Node) -> bool:
    """Whether two layers are made with the same arguments."""
    one, other = code_of(a), code_of(b)
    return (one.module, one.args, one.kwargs) == (other.module, other.args, other.kwargs)


def _same(a: Node, b: Node) -> bool:
    """Whether two groups compute the same function."""
    if (a.op, a.block, len(a.children)) != (b.op, b.block, len(b.children)):
        return False
    if a.layer is not None and (b.layer is None or not _equal(a, b) or code_of(a).values != code_of(b).values):
        return False
    if a.layer is not None and code_of(a).call != code_of(b).call:
        return False
    return all(
        (one.segment, one.copies, one.weights) == (other.segment, other.copies, other.weights) and _same(one, other)
        for one, other in zip(a.children, b.children)
    )
