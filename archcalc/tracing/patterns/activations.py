"""Hand-written activations: GELU by tanh or erf, SiLU, Mish, hard swish, and softmax, also of x minus its maximum."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from archcalc.tracing.graph import Graph, Node, Out
from archcalc.tracing.patterns.views import only_within, replace


class _Product(NamedTuple):
    """A product: a number, the tensors that it is multiplied by, and the nodes that multiply."""

    number: float
    factors: list[Out]
    nodes: set[Node]


# Longer products are not activations.
_MOST = 4
_CUBIC = 0.044715


def apply(graph: Graph) -> None:
    """One layer for each."""
    for node in list(graph.nodes):
        if node.op == "div":
            _softmax(graph, node)
    for node in graph.nodes:
        if node.op == "softmax":
            _beside_largest(node)
    for node in list(graph.nodes):
        if node.op not in ("mul", "scale") or node not in graph.nodes:
            continue
        whole = _product(Out(node))
        if len(whole.factors) != 2:
            continue
        for x, gate in (whole.factors, whole.factors[::-1]):
            found = next((one for one in _known(x, gate, whole.number) if one is not None), None)
            if found is None or x.sizes != node.sizes:
                continue
            op, keys, nodes = found
            inner = whole.nodes | nodes
            if only_within(graph, inner, node):
                made = Node(op, node.sizes, node.scope, [x], keys)
                made.place = node.place
                replace(graph, node, made)
                break


def _softmax(graph: Graph, quotient: Node) -> None:
    """exp(x) by its own sum along an axis."""
    curve, total = quotient.inputs if len(quotient.inputs) == 2 else (None, None)
    if curve is None or total is None or (curve.node.op, total.node.op) != ("exp", "sum"):
        return
    axes = total.node.keys["axis"]
    fits = total.node.inputs == [curve] and total.node.keys.get("keepdim") and len(axes) == 1
    if fits and only_within(graph, {quotient, curve.node, total.node}, quotient):
        keys = {"axis": axes[0] % len(quotient.sizes)}
        made = Node("softmax", quotient.sizes, quotient.scope, [curve.node.inputs[0]], keys)
        made.place = quotient.place
        replace(graph, quotient, made)


def _beside_largest(softmax: Node) -> None:
    """Drop the subtraction of the largest score along the axis, which changes nothing."""
    apart = softmax.inputs[0].node
    if apart.op != "sub":
        return
    scores, largest = apart.inputs
    if largest.node.op == "detach":
        largest = largest.node.inputs[0]
    rank, keys = len(softmax.sizes), largest.node.keys
    axes = keys.get("axis", ())
    along = [axis % rank for axis in (axes if isinstance(axes, tuple) else (axes,))]
    if largest.node.op == "max" and largest.node.inputs == [scores] and along == [softmax.keys["axis"] % rank]:
        softmax.inputs = [scores]


_Found = tuple[str, dict[str, Any], set[Node]]


def _known(x: Out, gate: Out, number: float) -> Iterator[_Found | None]:
    """The activation that a tensor times a gate of it is."""
    yield _gelu(x, gate) if _near(number, 0.5) else None
    chain = _chain(gate, x)
    ops = [node.op for node in chain]
    nodes = set(chain)
    if _near(number, 1):
        yield ("silu", {}, nodes) if ops == ["sigmoid"] else None
        yield ("hardswish", {}, nodes) if ops == ["hardsigmoid"] else None
        plain = ops == ["tanh", "softplus"] and (chain[1].keys.get("beta", 1), chain[1].keys.get("threshold", 20)) == (
            1,
            20,
        )
        yield ("mish", {}, nodes) if plain else None
    if ops == ["relu6", "offset"] and _near(number, 1 / 6) and chain[1].keys["number"] == 3:
        yield "hardswish", {}, nodes
    if (
        ops == ["scale", "relu6", "offset"]
        and _near(number * chain[0].keys["factor"], 1 / 6)
        and chain[2].keys["number"] == 3
    ):
        yield "hardswish", {}, nodes


def _chain(out: Out, x: Out) -> list[Node]:
    """The single-input layers from an output back to `x`; none if it is not made of `x` alone."""
    found: list[Node] = []
    while out != x:
        if len(out.node.inputs) != 1 or out.name or len(found) == _MOST:
            return []
        found.append(out.node)
        out = out.node.inputs[0]
    return found


def _gelu(x: Out, gate: Out) -> _Found | None:
    """1 + erf(x / √2), or 1 + tanh(√(2/π) · (x + 0.044715 x³)): the factor of half of x."""
    plus = gate.node
    if plus.op != "offset" or plus.keys["number"] != 1:
        return None
    curve = plus.inputs[0].node
    inside = _product(curve.inputs[0]) if len(curve.inputs) == 1 else None
    if inside is None:
        return None
    nodes = {plus, curve, *inside.nodes}
    if curve.op == "opaque" and curve.keys["what"] == "erf":
        fits = inside.factors == [x] and _near(inside.number, math.sqrt(0.5))
        return ("gelu", {}, nodes) if fits else None
    if curve.op != "tanh" or not _near(inside.number, math.sqrt(2 / math.pi)):
        return None
    cubic = _added(x, inside) if len(inside.factors) == 1 else _factored(x, inside)
    return None if cubic is None else ("gelu", {"approximate": "tanh"}, nodes | cubic)


def _added(x: Out, inside: _Product) -> set[Node] | None:
    """The nodes of x + 0.044715 x³."""
    total = inside.factors[0].node
    rest = [one for one in total.inputs if one != x]
    if total.op != "add" or len(total.inputs) != 2 or len(rest) != 1:
        return None
    cubic = _product(rest[0])
    return {total, *cubic.nodes} if cubic.factors == [x] * 3 and _near(cubic.number, _CUBIC) else None


def _factored(x: Out, inside: _Product) -> set[Node] | None:
    """The nodes of x · (1 + 0.044715 x²)."""
    rest = [one.node for one in inside.factors if one != x]
    if len(rest) != 1 or len(inside.factors) != 2 or rest[0].op != "offset" or rest[0].keys["number"] != 1:
        return None
    square = _product(rest[0].inputs[0])
    return {rest[0], *square.nodes} if square.factors == [x] * 2 and _near(square.number, _CUBIC) else None


def _product(out: Out) -> _Product:
    """The factors of a tensor."""
    number, factors, nodes, left = 1.0, list[Out](), set[Node](), [out]
    while left and len(factors) + len(left) <= _MOST:
        one = left.pop()
        node = one.node
        times = {"mul": 1, "scale": 1, "square": 2, "pow": node.keys.get("exponent")}.get(node.op)
        if one.name or not isinstance(times, (int, float)) or times not in (1, 2, 3):
            factors.append(one)
            continue
        nodes.add(node)
        number *= node.keys["factor"] if node.op == "scale" else 1
        left += [each for each in node.inputs for _ in range(int(times))]
    return _Product(number, [*factors, *left], nodes)


def _near(one: float, other: float) -> bool:
    return abs(one - other) < 1e-5 * abs(other)
