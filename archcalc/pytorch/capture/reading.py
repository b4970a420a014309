"""From a name or a module to the text of a spec: the steps one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torch import nn

from archcalc.cost import Costs
from archcalc.diagnostics import RequestError, Source, SpecError
from archcalc.expectations import written as expectation
from archcalc.network.load import Graph as Network
from archcalc.network.load import build_graph
from archcalc.pytorch.capture import operations, patterns
from archcalc.pytorch.capture.bodies import Blocks
from archcalc.pytorch.capture.comparison import Comparison
from archcalc.pytorch.capture.examples import Example, examples
from archcalc.pytorch.capture.finding import find, quiet, told
from archcalc.pytorch.capture.graph import Graph, Node
from archcalc.pytorch.capture.lineup import BATCHES, line_up
from archcalc.pytorch.capture.operations.reader import Reader
from archcalc.pytorch.capture.operations.registry import Beyond
from archcalc.pytorch.capture.proof import Proof, plain_axes, prove, written
from archcalc.pytorch.capture.record import Run, record
from archcalc.pytorch.capture.structure import bodies


class Reading:
    """A module read.

    Attributes:
        text: the spec, with `expect:`; comparison: with what PyTorch counts; guessed: whether its input is a guess;
        is_flat: whether it has one line for each layer, as nothing shorter came out right;
        order: the nodes in the order of the text; real: builds the module with numbers.
        module, inputs: what was run; graph: the intermediate form.
    """

    def __init__(
        self, text: str, comparison: Comparison, module: nn.Module, inputs: list[Example], graph: Graph
    ) -> None:
        self.text = text
        self.comparison = comparison
        self.module = module
        self.inputs = inputs
        self.graph = graph
        self.guessed = False
        self.is_flat = False
        self.order: list[Node] = []
        self.real: Callable[[], nn.Module] | None = None


def read(
    name: str, inputs: Sequence[str] = (), arguments: Mapping[str, str] | None = None, train: bool = False
) -> Reading:
    """The spec of what a name stands for. Raises `RequestError` with what can be done."""
    found = find(name, arguments or {})
    given, guessed = examples(found.module, inputs, found.inputs)
    reading = read_module(found.module, given, found.name, train, f"From {name}, as archcalc import reads it.")
    reading.guessed, reading.real = guessed, found.real
    return reading


def read_module(module: nn.Module, inputs: list[Example], name: str, train: bool, *comments: str) -> Reading:
    """The spec of a module that is on the meta device."""
    first, second = runs(module, inputs, name, train)
    line_up(first, second)
    if not first.calls or not any(value.of_data for _, value in first.outputs):
        raise RequestError(f"{name!r} gives no tensor that depends on its input")
    operations.load()
    numbers = {one: parameter.numel() for one, parameter in module.named_parameters()}
    graph, proof, reader = _proved(name, first, numbers)
    text, network, order, is_flat = _text(graph, proof, comments, _remarks(graph, reader))
    costs = Costs(network)
    unreached = {one: count for one, count in numbers.items() if one not in _reached(graph, reader)}
    comparison = Comparison(costs, module, first, unreached)
    comparison.declared = _declared(network)
    comparison.remarks = _remarks(graph, reader)
    reading = Reading(text + expectation(costs), comparison, module, inputs, graph)
    reading.is_flat, reading.order = is_flat, order
    return reading


def _proved(name: str, run: Run, numbers: dict[str, int]) -> tuple[Graph, Proof, Reader]:
    """The graph with its patterns recognised; as it was read, where they would change what it counts."""
    try:
        reader = Reader(name, run)
        graph = reader.read()
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


def runs(module: nn.Module, inputs: list[Example], name: str, train: bool) -> tuple[Run, Run]:
    """A module at two batches. Raises `RequestError` with what it raises."""
    before = module.training
    modes = {one: one.training for one in module.modules()}
    module.train(train)
    done: list[Run] = []
    try:
        for batch in BATCHES:
            try:
                with quiet():
                    done.append(
                        record(module, [(one.name, one.tensor(batch), one.keyword) for one in inputs], not done)
                    )
            except (Exception, SystemExit) as error:
                raise RequestError(f"{name!r} cannot be run: {told(error)}") from None
    finally:
        module.train(before)
        for one, mode in modes.items():
            one.training = mode
    return done[0], done[1]


def _text(
    graph: Graph, proof: Proof, comments: Sequence[str], remarks: Sequence[str]
) -> tuple[str, Network, list[Node], bool]:
    """The shortest text that is right: in blocks, with the axes that the layout decides or without, or one line a layer."""
    wanted = Costs(proof.network)
    shapes = [output.shape for output in proof.network.outputs.values()]
    known = plain_axes(proof)
    for without in (True, False):
        for node, axis in known.items():
            node.keys["axis"] = None if without else axis
        try:
            root = bodies(graph)
            spec = Blocks(graph, root).spec()
            spec.comments = [*comments, *remarks]
            text = spec.text()
            network = build_graph(Source(graph.name, text))
        except SpecError:
            continue
        totals = Costs(network).totals
        same = [output.shape for output in network.outputs.values()] == shapes
        if same and (totals.params, totals.macs) == (wanted.totals.params, wanted.totals.macs):
            return text, network, [node for item in root.items for node in item.nodes()], False
    nodes = [node for node in graph.nodes if node.op != "input"]
    text, _ = written(graph, nodes)
    text = "".join(f"# {line}\n" for line in (*comments, *remarks)) + text
    return text, build_graph(Source(graph.name, text)), nodes, True


def _reached(graph: Graph, reader: Reader) -> set[str]:
    there = {name for node in graph.nodes for name in node.weights.values()}
    return there | reader.declared


def _declared(network: Network) -> list[tuple[int, str]]:
    found: dict[tuple[int, str], None] = {}
    for layer in Costs(network).layers():
        if layer.layer is not None and layer.layer.declared:
            found[layer.place.line, str(getattr(layer.layer, "what", "") or "not described")] = None
    return list(found)


def _remarks(graph: Graph, reader: Reader) -> list[str]:
    found = []
    if "mask" in graph.remarks:
        found.append("Masks are not in the spec: they change values and no count.")
    if "epsilon" in graph.remarks:
        found.append("The epsilon of the norms of queries and keys is not in the spec: it changes values and no count.")
    weights = graph.remarks.count("weights")
    if weights:
        what = "1 convolution are" if weights == 1 else f"{weights} convolutions are"
        found.append(
            f"The weights of {what} standardised before they are used: that is not in the spec and changes no count."
        )
    constants = sum(1 for node in graph.nodes if node.op == "constant" and "value" not in node.keys)
    if constants:
        what = "1 constant is" if constants == 1 else f"{constants} constants are"
        found.append(f"The numbers of {what} not in the spec: it has zeros for them.")
    return found
