"""Writes the nodes one by one as a spec that archcalc reads, and compares what it finds for each with the run.

A node that comes out in other sizes, or that the language refuses, becomes an opaque one. Where one layer takes a
tensor to be channels-first and another takes it to be features-last, a `reshape` to the same sizes is put between them.
"""

from __future__ import annotations

from archcalc.diagnostics import RequestError, Source, SpecError
from archcalc.layers import REGISTRY
from archcalc.layers.layout import ASKS
from archcalc.network.graph import Node as Built
from archcalc.network.load import Graph as Network
from archcalc.network.load import build_graph
from archcalc.sources.writing import Item, Spec
from archcalc.tracing.graph import Graph, Node, Out
from archcalc.tracing.naming import plain
from archcalc.tracing.words import flat

# Errors of layouts, by their codes.
_LAYOUTS = ("SHP101", "SHP102", "SHP111")
_ATTEMPTS = 60
# The code of a spec that is too long.
_TOO_MUCH = "SPC014"


class Proof:
    """What archcalc makes of the nodes: the network, and its node for each of them."""

    def __init__(self, network: Network, built: dict[Node, Built]) -> None:
        self.network = network
        self.built = built


def prove(graph: Graph, numbers: dict[str, int]) -> Proof:
    """Repair the graph until archcalc finds what the run gave. `numbers` has the size of each parameter.

    Raises:
        RequestError: no repair makes both agree.
    """
    tried: set[Node] = set()
    reason = ""
    for _ in range(_ATTEMPTS):
        graph.drop_unread()
        nodes = [node for node in graph.nodes if node.op != "input"]
        text, lines = written(graph, nodes)
        try:
            network = build_graph(Source(graph.name, text))
        except SpecError as error:
            wrong = error.diagnostics[0]
            reason = wrong.message
            node = lines.get(wrong.place.line)
            if wrong.code == _TOO_MUCH:  # no single layer is wrong
                reason += (
                    f"; the source runs {len(nodes):,} operations: with shorter inputs, loops over steps have fewer"
                )
                break
            if node is None:
                break
            if wrong.code in _LAYOUTS and node not in tried and node.op not in ("opaque", "parameter"):
                tried.add(node)
                _between(graph, node)
            elif node.op == "opaque":
                break
            else:
                _hide(graph, node, numbers, wrong.message)
            continue
        built = dict(zip(nodes, network.nodes))
        wrong_nodes = [node for node, one in built.items() if not _fits(node, one)]
        if not wrong_nodes:
            return Proof(network, built)
        if wrong_nodes[0].op == "opaque":
            reason = f"{wrong_nodes[0]} comes out as {built[wrong_nodes[0]].output}"
            break
        _hide(graph, wrong_nodes[0], numbers, f"comes out as {built[wrong_nodes[0]].output}")
    raise RequestError(f"its spec is not valid: {reason}")


def written(graph: Graph, nodes: list[Node]) -> tuple[str, dict[int, Node]]:
    """The text with one line a node, and which node each line is."""
    names = {node: f"n{index}" for index, node in enumerate(nodes)}
    single = len(graph.inputs) == 1
    for name, node in graph.inputs.items():
        names[node] = "input" if single else name

    def refer(out: Out) -> str:
        return f"{names[out.node]}.{out.name}" if out.name else names[out.node]

    spec = Spec(plain(graph.name))
    sizes = {name: list(map(str, node.sizes)) for name, node in graph.inputs.items()}
    spec.inputs = next(iter(sizes.values())) if single else sizes  # type: ignore[assignment]
    spec.layers = []
    outputs = list(dict.fromkeys(refer(out) for _, out in graph.outputs))
    spec.output = outputs[0] if len(outputs) == 1 else outputs
    items: list[Item] = [flat(node, names[node], refer, node.inputs[0] if node.inputs else None) for node in nodes]
    head = spec.text().partition("\nlayers:\n")[0]
    body, lines = [], {}
    count = head.count("\n") + 3
    for node, item in zip(nodes, items):
        body.append(f"  - {_inline(item)}")
        lines[count] = node
        count += 1
    return f"{head}\n\nlayers:\n" + "\n".join(body) + f"\noutput: {_inline(spec.output)}\n", _shifted(lines)


def _shifted(lines: dict[int, Node]) -> dict[int, Node]:
    return {number + 1: node for number, node in lines.items()}


def _inline(item: object) -> str:
    if isinstance(item, dict):
        return "{" + ", ".join(f"{key}: {_inline(value)}" for key, value in item.items()) + "}"
    if isinstance(item, list):
        return "[" + ", ".join(_inline(one) for one in item) + "]"
    return str(item)


def _fits(node: Node, built: Built) -> bool:
    """Whether a layer gives what the run gave."""
    output = built.output
    if output.parts and node.further:
        return all(
            tuple(map(int, tensor.shape)) == node.further[name] for name, tensor in (output.outputs or {}).items()
        )
    if tuple(map(int, output.shape)) != node.sizes:
        return False
    return all(
        name in (output.outputs or {}) and tuple(map(int, (output.outputs or {})[name].shape)) == sizes
        for name, sizes in node.further.items()
    )


def _between(graph: Graph, node: Node) -> None:
    """Put a reshape to the same sizes before a node, which then decides for itself what the axes are."""
    at = graph.nodes.index(node)
    for index, out in enumerate(node.inputs):
        if len(out.sizes) > 1:
            copy = Node("reshape", out.sizes, node.scope, [out], {"shape": out.sizes})
            copy.place = node.place
            graph.nodes.insert(at, copy)
            at += 1
            node.inputs[index] = Out(copy)
            for key, value in node.keys.items():
                if isinstance(value, Out) and value == out:
                    node.keys[key] = Out(copy)


def _hide(graph: Graph, node: Node, numbers: dict[str, int], why: str) -> None:
    """Make a node that the language cannot express an opaque one."""
    params = 0 if node.tie is not None else sum(numbers.get(name, 0) for name in set(node.weights.values()))
    weights = {name: name for name in node.weights.values() if name in numbers}
    node.keys = {"what": node.op, "output": node.sizes, "params": params, "macs": node.macs or 0}
    node.op, node.weights, node.tie = "opaque", weights, None
    node.inputs = node.inputs or [Out(next(iter(graph.inputs.values())))]
    graph.hidden.append((node, why))


def plain_axes(proof: Proof) -> dict[Node, int]:
    """The nodes whose axis is that of channels or features as the surrounding layers decide it, with the axis."""
    found: dict[Node, int] = {}
    for node, built in proof.built.items():
        axis = node.keys.get("axis")
        if REGISTRY[node.op].layout == ASKS and isinstance(axis, int) and built.inputs:
            wide = max(built.inputs, key=lambda tensor: tensor.rank)
            if wide.rank == 1 or (wide.layout is not None and wide.feature_axis == axis % wide.rank):
                found[node] = axis
    return found
