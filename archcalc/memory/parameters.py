"""Memory of a network's parameters: how many are stored, and their gradients in the order backward produces them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterator

from archcalc.network.graph import Node, walk
from archcalc.quantity import plain, product
from archcalc.records import NamedTuple

# Bytes of a counter (int64).
_COUNTER = 8


def trained_shapes(nodes: list[Node], reached: Container[int]) -> Counter[tuple[int, ...]]:
    """How many parameters of each shape are trained, among the layers whose ids are `reached`."""
    found: Counter[tuple[int, ...]] = Counter()
    for node, stored, _ in walk(nodes):
        for shape in node.trained if id(node) in reached else ():
            found[tuple(map(int, shape))] += stored
    return found


def buffer_bytes(nodes: list[Node], width: int) -> int:
    """Bytes of all buffers and constants: statistics in the parameters' type, counters (without axes) in int64."""
    return sum(stored * size for node, stored, _ in walk(nodes) for size in buffers(node, width))


def buffers(node: Node, width: int) -> Iterator[int]:
    """The bytes of each buffer of a node, including those that PyTorch's state dict leaves out."""
    each = _COUNTER if node.exit.integer and not node.inputs else width  # a constant that is read as whole numbers
    yield from (plain(product(shape) * each if shape else _COUNTER) for shape in node.buffers.values())
    shape = node.layer.constants(node.exit) if node.layer is not None else None
    if shape is not None:
        yield plain(product(shape)) * each


Passing = Callable[[tuple[int, ...]], tuple[int, int]]


def stepping(nodes: list[Node], reached: Container[int], of: Passing) -> tuple[int, int, int]:
    """Temporaries of a step that updates the parameters one by one.

    Args:
        reached: the ids of the layers whose parameters have a gradient.
        of: temporary bytes for a parameter of a shape, and how many of them remain while the next is updated.

    Returns:
        What the first parameter needs, what the last one leaves, and the peak.
    """
    sizes: tuple[int, int, int] | None = None
    for node in nodes:
        own: tuple[int, int, int] | None = None
        for shape in node.trained if node.weights and id(node) in reached else ():
            needed, left = of(tuple(map(int, shape)))
            own = _after(own, (needed, left, needed))
        inside = stepping(node.children, reached, of)
        own = _after(own, inside if any(inside) else None)
        for _ in range(min(2, node.weights * node.copies)):
            sizes = _after(sizes, own)
    return sizes or (0, 0, 0)


def _after(before: tuple[int, int, int] | None, then: tuple[int, int, int] | None) -> tuple[int, int, int] | None:
    if before is None or then is None:
        return before or then
    return before[0], then[1], max(before[2], then[2], before[1] + then[0])


class Parameter(NamedTuple):
    """A parameter whose gradient a layer computes.

    Attributes:
        owner: the id of the node it belongs to. name: its name there.
        turning: which of the groups around the layer are scan loops, whose steps share their weights.
        shared: how many repeated groups contain both layer and owner, and how many more contain the owner.
        size: the number of elements, over all experts.
        is_view: whether the gradient is a view, such as that of a matrix product's weights.
    """

    owner: int
    name: str
    shared: tuple[int, int]
    turning: frozenset[int]
    size: int
    is_view: bool

    def copy(self, at: tuple[int, ...]) -> tuple[int, ...]:
        """Which copy of it a layer in the copies `at` reads; groups inside a tied part pair up copy by copy."""
        shared, own = self.shared
        if self.turning:
            at = tuple(0 if place in self.turning else which for place, which in enumerate(at))
        return at[:shared] + (at[len(at) - own :] if own else ())

    def key(self, at: tuple[int, ...]) -> Shared:
        """What layers that read the same copy of it have in common."""
        return self.owner, self.name, self.copy(at)


Shared = tuple[int, str, tuple[int, ...]]


class Given(NamedTuple):
    """Bytes of the gradients of parameters from one backward pass of a layer.

    Attributes:
        first: of parameters that had none, which stay; more: of others, which are added.
        sums: of further contributions with any new sums.
        waits: of the first ones, those to which others will be added; whole: of parameters that now have all of theirs.
    """

    first: int
    more: int
    sums: int
    waits: int
    whole: int


class Learned:
    """The parameters whose gradients the layers of a network compute."""

    def __init__(self, nodes: list[Node]) -> None:
        self._stored: dict[int, int] = {}
        self._levels: dict[int, tuple[Node, ...]] = {}
        self._by: dict[int, list[Parameter]] = {}
        self._note(nodes, 1, ())

    def _note(self, nodes: list[Node], stored: int, around: tuple[Node, ...]) -> None:
        for node in nodes:
            levels = (*around, node) if node.copies > 1 or node.listed else around
            self._stored[id(node)] = stored * node.weights
            self._levels[id(node)] = levels
            self._note(node.children, stored * node.weights, levels)

    def by(self, node: Node) -> list[Parameter]:
        """The trained parameters of a layer: its own, then those tied to another layer's."""
        if id(node) not in self._by:
            layer = node.layer
            assert layer is not None
            named = [] if node.frozen else [(name, node, shape) for name, shape in node.params.items()]
            if not node.frozen:
                named += [(name, owner, owner.params.get(name, ())) for name, owner in node.tied.items()]
            named += [(f"{one.name}.{i}", node, shape) for one in node.adapters for i, shape in enumerate(one.shapes)]
            self._by[id(node)] = [
                Parameter(
                    id(owner), name, self._shared(node, owner), self._turning(node), plain(product(shape)) * self._stored[id(owner)],
                    layer.learns_in_turn and len(shape) > 1,
                )
                for name, owner, shape in named
            ]  # fmt: skip
        return self._by[id(node)]

    def _turning(self, node: Node) -> frozenset[int]:
        return frozenset(place for place, level in enumerate(self._levels[id(node)]) if level.listed)

    def _shared(self, node: Node, owner: Node) -> tuple[int, int]:
        mine, theirs = self._levels[id(node)], self._levels[id(owner)]
        shared = 0
        while shared < min(len(mine), len(theirs)) and mine[shared] is theirs[shared]:
            shared += 1
        return shared, len(theirs) - shared


class Gradients:
    """The gradients of parameters. A parameter shared by several layers, or by several calls, has one gradient.

    Autograd sums the contributions to a parameter. The first sum is a new tensor if the first contribution is a view,
    such as the gradient of a matrix product's weights; later contributions are added in place.
    Source: torch/csrc/autograd/input_buffer.cpp.
    """

    def __init__(self, learned: Learned, width: int, readers: Counter[Shared]) -> None:
        self.learned, self.width = learned, width
        self._left = readers
        self._given: dict[Shared, bool] = {}

    def give(self, node: Node, at: tuple[int, ...]) -> Given:
        """The gradients that a layer's backward pass computes, in the copies `at` of the repeated groups around it."""
        layer, first, more, sums, waits, whole = node.layer, 0, [0], [0], 0, 0
        assert layer is not None
        for one in self.learned.by(node):
            size, is_view, key = one.size * self.width, one.is_view, one.key(at)
            self._left[key] -= 1
            if key not in self._given:
                self._given[key] = is_view
                first += size
                waits += size * (self._left[key] > 0)
            else:
                more.append(size)
                sums.append(2 * size if self._given[key] else 0)
                self._given[key] = False
                whole += size * (self._left[key] == 0)
        return Given(first, max(more) if layer.learns_in_turn else sum(more), max(sums), waits, whole)
