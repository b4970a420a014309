"""Products of matrices that are written as `einsum` around the softmax of attention."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from archcalc.tracing.graph import Graph, Node, Out
from archcalc.tracing.patterns.views import redirect

# Layers that may stand between the scores and their softmax, or between that and the product with the values.
_BETWEEN = frozenset(("scale", "add", "reshape", "dropout"))


def opened(graph: Graph, softmax: Node) -> Callable[[], None]:
    """Write the `einsum` before and after a softmax as `matmul`, with the axes that it takes. Returns what undoes that."""
    made = [
        (node, nodes)
        for node, along in list(_around(graph, softmax))
        if (nodes := _product(node, along)) is not None  # one of them may be something else
    ]
    for old, nodes in made:
        at = graph.nodes.index(old)
        graph.nodes[at : at + 1] = nodes
        redirect(graph, Out(old), Out(nodes[-1]))

    def undo() -> None:
        for old, nodes in made:
            redirect(graph, Out(nodes[-1]), Out(old))
            at = graph.nodes.index(nodes[0])
            graph.nodes[at : at + len(nodes)] = [old]

    return undo


def _around(graph: Graph, softmax: Node) -> Iterator[tuple[Node, Out | None]]:
    """The `einsum` that computes the scores, and the one that reads the weights, with the output that it reads."""
    left = list(softmax.inputs)
    while left:
        node = left.pop().node
        if node.op == "einsum":
            yield node, None
        elif node.op in _BETWEEN:
            left += node.inputs
    users = graph.users()
    out = Out(softmax)
    while len(found := users.get(out, [])) == 1:
        if found[0].op == "einsum":
            yield found[0], out
        if found[0].op not in _BETWEEN:
            break
        out = Out(found[0])


def _product(node: Node, first: Out | None) -> list[Node] | None:
    """The nodes of a product, the last of which gives the result of the `einsum`; None if it is not a matrix product.

    Args:
        first: the operand to come first; by default the one without the last axis of the result.
    """
    terms, _, right = node.keys["equation"].partition("->")
    if len(node.inputs) != 2 or len(right) < 2:
        return None
    (x, y), (left, other) = terms.split(","), node.inputs
    if left != first if first is not None else right[-1] in x:
        (x, left), (y, other) = (y, other), (x, left)
    shared = [letter for letter in right if letter in x and letter in y]
    inner, row, column = set(x) & set(y) - set(right), set(x) - set(y), set(y) - set(x)
    letters = [len(set(term)) == len(term) for term in (x, y, right)]
    if not all(letters) or (len(inner), len(row), len(column)) != (1, 1, 1) or not row | column <= set(right):
        return None
    (c,), (r,), (d,) = inner, row, column
    made: list[Node] = []
    ends = [_ordered(made, left, x, [*shared, r, c]), _ordered(made, other, y, [*shared, c, d])]
    sizes = dict(zip(right, node.sizes))
    made.append(Node("matmul", tuple(sizes[letter] for letter in (*shared, r, d)), node.scope, ends, {}))
    _ordered(made, Out(made[-1]), "".join((*shared, r, d)), list(right))
    for one in made:
        one.scope, one.place, one.macs = node.scope, node.place, node.macs if one.op == "matmul" else 0
    return made


def _ordered(made: list[Node], out: Out, have: str, want: Sequence[str]) -> Out:
    """A tensor with its axes in another order."""
    if list(have) == list(want):
        return out
    sizes = tuple(out.sizes[have.index(letter)] for letter in want)
    if list(have[:-2]) == list(want[:-2]):
        node = Node("transpose", sizes, out.node.scope, [out], {"axes": (-2, -1)})
    else:
        node = Node("rearrange", sizes, out.node.scope, [out], {"pattern": f"{' '.join(have)} -> {' '.join(want)}"})
    made.append(node)
    return Out(node)
