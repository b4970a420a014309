"""From a run to the text of a spec: the steps one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from archcalc.cost import Costs
from archcalc.diagnostics import RequestError, Source, SpecError
from archcalc.expectations import written as expectation
from archcalc.network.load import Graph as Network
from archcalc.network.load import build_graph
from archcalc.quoting import visible
from archcalc.sources.writing import Spec
from archcalc.tracing import operations, patterns
from archcalc.tracing.bodies import ways
from archcalc.tracing.calls import Run
from archcalc.tracing.comparison import Comparison
from archcalc.tracing.graph import Graph, Node
from archcalc.tracing.items import Body
from archcalc.tracing.loops import folded
from archcalc.tracing.operations.reader import Reader
from archcalc.tracing.operations.registry import Beyond
from archcalc.tracing.proof import Proof, plain_axes, prove, written


class Telling:
    """A run, written as a spec.

    Attributes:
        spec: its text; text: the same with `expect:`; comparison: with the source; graph: the intermediate form;
        is_flat: whether it has one line for each layer because nothing shorter came out right;
        order: the nodes in the order of the text.
    """

    def __init__(
        self, spec: str, text: str, comparison: Comparison, graph: Graph, is_flat: bool, order: list[Node]
    ) -> None:
        self.spec = spec
        self.text = text
        self.comparison = comparison
        self.graph = graph
        self.is_flat = is_flat
        self.order = order


def tell(name: str, run: Run, numbers: Mapping[str, int], comments: Sequence[str], whose: str) -> Telling:
    """The spec of a run that has been lined up, so that its values know what one sample has.

    Args:
        name: the model's; numbers: the size of each parameter; comments: lines for the top of the spec.
        whose: the source in a word, for the comparison.

    Raises `RequestError` if no spec can be written at all.
    """
    if not run.calls or not any(value.of_data for _, value in run.outputs):
        raise RequestError(f"{name!r} returns no tensor that depends on its input")
    operations.load()
    graph, proof, reader = _proved(name, run, dict(numbers))
    remarks, notes = _remarks(graph), _notes(graph, run)
    text, network, order, is_flat = _text(graph, proof, [*comments, *remarks, *notes])
    costs = Costs(network)
    reached = {one for node in graph.nodes for one in node.weights.values()} | reader.declared
    unreached = {one: count for one, count in numbers.items() if one not in reached}
    comparison = Comparison(costs, run, sum(numbers.values()), unreached, whose)
    comparison.declared = _declared(network)
    comparison.remarks, comparison.notes = remarks, notes
    return Telling(text, text + expectation(costs), comparison, graph, is_flat, order)


def _proved(name: str, run: Run, numbers: dict[str, int]) -> tuple[Graph, Proof, Reader]:
    """The graph with its patterns recognised; as it was read if they would change what it counts."""
    try:
        reader = Reader(name, run)
        graph = reader.read()
        if all(node.op == "input" for node in graph.nodes):
            raise RequestError(f"{name!r} does nothing with its input")
        plain = prove(graph, numbers)
        totals, hidden = Costs(plain.network).totals, len(graph.hidden)
        patterns.apply(graph)
        proof = prove(graph, numbers)
        found = Costs(proof.network).totals
        if (found.params, found.macs) == (totals.params, totals.macs) and len(graph.hidden) == hidden:
            return graph, proof, reader
        reader = Reader(name, run)
        graph = reader.read()
        return graph, prove(graph, numbers), reader
    except Beyond as error:
        raise RequestError(f"{name!r} cannot be read: {error}") from None


# Longer graphs are written with their loops folded if possible, without looking at their length otherwise.
_MOST = 300


def _specs(graphs: list[Graph]) -> Iterator[tuple[Spec, Body]]:
    """The specs of a graph, shortest first."""
    together = [graphs] if len(graphs[-1].nodes) < _MOST else [[one] for one in graphs]
    for some in together:
        found: list[tuple[Spec, Body]] = []
        for one in some:
            with suppress(RecursionError):  # hundreds of branches within branches
                found += ways(one)
        yield from sorted(found, key=lambda each: each[0].text().count("\n"))


def _text(graph: Graph, proof: Proof, comments: Sequence[str]) -> tuple[str, Network, list[Node], bool]:
    """The shortest correct text: in blocks, with or without axes that the layout decides, or one line per layer."""
    wanted = Costs(proof.network)
    shapes = [output.shape for output in proof.network.outputs.values()]
    known = plain_axes(proof)
    looped = folded(graph)
    graphs = [graph]
    if looped is not None:
        graphs = [looped[0], graph]
        known |= {looped[1][node]: axis for node, axis in known.items()}
    for without in (True, False):
        for node, axis in known.items():
            node.keys["axis"] = None if without else axis
        for spec, root in _specs(graphs):
            spec.comments = [*comments]
            text = spec.text()
            try:
                network = build_graph(Source(graph.name, text))
            except (SpecError, RecursionError):
                continue
            totals = Costs(network).totals
            same = [output.shape for output in network.outputs.values()] == shapes
            if same and (totals.params, totals.macs) == (wanted.totals.params, wanted.totals.macs):
                return text, network, [node for item in root.items for node in item.nodes()], False
    nodes = [node for node in graph.nodes if node.op != "input"]
    text, _ = written(graph, nodes)
    text = "".join(f"# {visible(line)}\n" for line in comments) + text
    return text, build_graph(Source(graph.name, text)), nodes, True


def _declared(network: Network) -> list[tuple[int, str]]:
    found: dict[tuple[int, str], None] = {}
    for layer in Costs(network).layers():
        if layer.layer is not None and layer.layer.declared:
            found[layer.place.line, str(getattr(layer.layer, "what", "") or "not described")] = None
    return list(found)


def _remarks(graph: Graph) -> list[str]:
    """What changes values but appears nowhere in the spec."""
    found = []
    if "states" in graph.remarks:
        found.append("The states that an LSTM starts from are not in the spec: they change values but no count.")
    if "frequencies" in graph.remarks:
        found.append("The scaling of rotary frequencies is not in the spec: it changes values but no count.")
    if "complex" in graph.remarks:
        found.append(
            "Complex numbers are real ones in the spec: that changes values and halves bytes, but changes no count."
        )
    return found


def _notes(graph: Graph, run: Run) -> list[str]:
    """Numbers that affect values and, like weights, have to come from the source; and what is true only of some data."""
    found = []
    if run.packed:
        found.append("Sequences are packed: in the spec all of them are as long as the longest.")
    weights = sum(1 for node in graph.nodes if node.op != "constant" and node.holds is not None)
    if weights:
        what = "1 convolution are" if weights == 1 else f"{weights} convolutions are"
        found.append(
            f"The weights of {what} computed before they are used: that is not in the spec, but changes no count."
        )
    constants = sum(
        1 for node in graph.nodes if node.op == "constant" and "value" not in node.keys and "kind" not in node.keys
    )
    if constants:
        what = "1 constant are" if constants == 1 else f"{constants} constants are"
        found.append(f"The numbers of {what} not in the spec, which has zeros in their place.")
    return found
