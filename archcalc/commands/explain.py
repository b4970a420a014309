"""`archcalc explain SPEC LAYER` and `archcalc explain "LINE" --input SIZES`."""

from __future__ import annotations

import os

import click

from archcalc.commands import options
from archcalc.commands.printing import emit
from archcalc.cost import DTYPE_BYTES, Costs
from archcalc.diagnostics import RequestError, SpecError
from archcalc.layers import REGISTRY
from archcalc.layers.structures import STRUCTURES
from archcalc.network.finding import find
from archcalc.network.graph import Node, layers_of
from archcalc.network.line import line_graph
from archcalc.network.load import Graph, load_graph, split_variant
from archcalc.network.paths import fields
from archcalc.records import NamedTuple
from archcalc.reports.explanation.groups import explain_group, explain_network
from archcalc.reports.explanation.report import Explanation, Report, explain
from archcalc.shipped import path_of
from archcalc.terminal import complain


class _Asked(NamedTuple):
    """The options of `archcalc explain`."""

    spec: str
    layer: str | None
    input: str | None
    set: tuple[str, ...]
    batch: int
    symbolic: tuple[str, ...] | None
    dtype: str
    format: str
    steps: bool
    color: str


@click.command(name="explain")
@click.argument("spec", metavar="SPEC|LINE", shell_complete=options.files)
@click.argument("layer", required=False)
@options.look("--input", metavar="SIZES", help="Input of LINE, without the batch, e.g. 3x32x32 or 3xHxW.")
@options.settings
@options.batch
@options.symbolic
@options.look(
    "--dtype", type=click.Choice(tuple(DTYPE_BYTES)), default="fp32", show_default=True, help="Type of the activations."
)
@options.form("explanation")
@click.option("--steps", is_flag=True, help="Compute a small layer with real numbers, step by step.")
@options.color
@options.guarded
@options.asked(_Asked)
def command(asked: _Asked) -> int:
    """Derive every number of one layer, of a block, or of a whole network.

    SPEC LAYER names a layer or block of a file: by its id (listed by `archcalc shapes --format json`), its name, its
    line number, or the start of its line. LINE is a single layer, written as in a spec; --input says what it reads.
    """
    if asked.symbolic or (asked.input is not None and any(map(str.isalpha, asked.input.replace("x", "")))):
        return _formulas(asked)
    graph = _graph(asked.spec, asked.layer, asked.input, options.parse_settings(asked.set), asked.batch, asked.steps)
    if asked.steps:
        title = asked.spec if asked.input is not None and asked.layer is None else None
        return _worked(graph, asked.layer, title, asked.format, asked.color)
    costs = Costs(graph, dtype=asked.dtype)
    seen = fields(graph)

    def explained(node: Node) -> Explanation:
        return explain_group(node, costs) if node.children else explain(node, costs, seen.get(id(node.exit)))

    if asked.layer is not None:
        found = find(graph, asked.layer)
        if found.note:
            complain(found.note, asked.color)
        explanations = [explained(node) for node in found.nodes]
    else:
        nodes = list(costs.layers())
        each = nodes if asked.input is not None or len(nodes) == 1 else []
        layers = [explain(node, costs, seen.get(id(node.exit))) for node in each]
        explanations = layers if len(layers) == 1 else [*layers, explain_network(costs)]
    if asked.input is not None and asked.layer is None and len(explanations) == 1:
        explanations[0].title = asked.spec
    emit("explanation", asked.format, Report(graph, explanations), asked.color)
    return 0


def _worked(graph: Graph, layer: str | None, title: str | None, format: str, color: str) -> int:
    """The worked example of one layer, by default under its label."""
    from archcalc.reports.worked.report import Report
    from archcalc.worked.workers import work_out

    if layer is None:
        alone = len(graph.nodes) == 1 and graph.nodes[0].layer is not None and not graph.nodes[0].inline
        nodes = graph.nodes if alone else list(layers_of(graph.nodes))
        if len(nodes) != 1:
            raise RequestError("--steps needs a layer: name one")
    else:
        found = find(graph, layer)
        nodes = found.nodes
        if found.note:
            complain(found.note, color)
    if nodes[0].layer is None or nodes[0].inline:
        raise RequestError(f"`{nodes[0].id}` is a group: --steps needs one of the layers inside it")
    emit("worked", format, Report(title or nodes[0].label, work_out(nodes[0])), color)
    return 0


def _formulas(asked: _Asked) -> int:
    """The derivation in formulas of the chosen names and of names in the input sizes of a line."""
    spec, names, values = asked.spec, asked.symbolic or (), options.parse_settings(asked.set)
    options.needs_sympy()
    from archcalc.reports.closed_form_layer.report import FormulaExplanation, Report
    from archcalc.symbolic.line import line_form
    from archcalc.symbolic.network import BATCH, load_closed_form

    _check(spec, asked.layer, asked.input)
    if asked.input is not None:
        form = line_form(spec, asked.input, names, values, asked.batch, asked.dtype)
    else:
        form = load_closed_form(spec, names, values, asked.batch, dtype=asked.dtype)
    plain = {node.id: node for node in Costs(form.plain).layers()}
    nodes = list(form.costs.layers())
    if asked.layer is not None:
        found = find(form.costs.graph, asked.layer)
        nodes = [node for one in found.nodes for node in (layers_of([one]) if one.children else [one])]
    title = spec if asked.input is not None and len(nodes) == 1 else None
    valued = asked.input is None or set(form.names) <= {*values, BATCH}
    explanations = [FormulaExplanation(form, node, plain[node.id], title, valued) for node in nodes]
    emit("closed_form_layer", asked.format, Report(form, explanations), asked.color)
    return 0


# Inputs of a worked example that fits a page, by the number of axes.
_SMALL = {1: "4", 2: "3x4", 3: "1x5x5"}


def _check(spec: str, layer: str | None, sizes: str | None, steps: bool = False) -> None:
    """Raises `RequestError` for a line without its input, or a spec with one."""
    path = split_variant(spec)[0]
    # A name can be both a layer and a spec, e.g. lstm: without an input it is the spec.
    is_file = os.path.exists(path) or path_of(path) is not None
    is_line = (" " in spec or spec in REGISTRY) and not is_file
    if spec in STRUCTURES and spec not in REGISTRY and not is_file:
        what = f"`{spec}` needs layers inside it: `archcalc layer {spec}` describes it"
        raise RequestError(f"{what}; to explain one, name a spec that contains it, and its id")
    if sizes is None and layer is None and is_line and not path.endswith((".yaml", ".yml")):
        like = getattr(REGISTRY.get(spec.split(" ")[0]), "example", None)
        example = like[1] if like else "3x32x32"
        if steps:
            example = _that_fits(spec, example)
        raise RequestError(f"a layer needs an input: use --input, e.g. --input {example}")
    if sizes is not None and layer is not None and not spec.lstrip().startswith("["):
        raise RequestError("--input is for a layer line (quote it); a spec has its own input")


def _that_fits(line: str, example: str) -> str:
    """An input for which the line has a worked example, with as many axes as `example` if possible."""
    from archcalc.worked.workers import work_out

    for sizes in (_SMALL.get(example.count("x") + 1, example), *_SMALL.values()):
        try:
            work_out(line_graph(line, sizes).nodes[0])
        except (SpecError, RequestError):
            continue
        return sizes
    return example


def _graph(
    spec: str, layer: str | None, sizes: str | None, given: dict[str, str], batch: int, steps: bool = False
) -> Graph:
    _check(spec, layer, sizes, steps)
    if sizes is None:
        return load_graph(spec, given, batch)
    if spec.endswith((".yaml", ".yml")) or (path_of(spec) is not None and spec not in REGISTRY):
        raise RequestError("--input is for a layer line; a spec has its own input: leave out --input")
    if given:
        raise RequestError("--set is for specs: write the number into the line")
    return line_graph(spec, sizes, batch)
