"""`archcalc explain SPEC LAYER` and `archcalc explain "LINE" --input SIZES`."""

from __future__ import annotations

import json
import os

import click

from archcalc.advice import suggest
from archcalc.commands import options
from archcalc.cost import DTYPE_BYTES, Costs
from archcalc.diagnostics import RequestError
from archcalc.network.graph import Node
from archcalc.network.line import line_graph
from archcalc.network.load import Graph, load_graph, split_variant
from archcalc.network.paths import fields
from archcalc.reports.blocks import Group
from archcalc.reports.explanation.report import explain
from archcalc.reports.explanation.text import Drawn
from archcalc.terminal import show, text_width, write


@click.command(name="explain")
@click.argument("spec", metavar="SPEC|LINE", shell_complete=options.files)
@click.argument("layer", required=False)
@options.look("--input", metavar="SIZES", help="Input of a LINE without its batch, as 3x32x32 or 3xHxW.")
@options.settings
@options.batch
@options.symbolic
@options.look(
    "--dtype", type=click.Choice(tuple(DTYPE_BYTES)), default="fp32", show_default=True, help="Type of the activations."
)
@options.look(
    "--format",
    "format",
    type=click.Choice(("text", "json")),
    default="text",
    show_default=True,
    help="Form of the output.",
)
@options.color
@options.guarded
def command(
    spec: str,
    layer: str | None,
    input: str | None,
    set: tuple[str, ...],
    batch: int,
    symbolic: tuple[str, ...] | None,
    dtype: str,
    format: str,
    color: str,
) -> int:
    """Derive every number of one layer.

    SPEC LAYER names a layer of a file by its id (`archcalc shapes --format json` lists them), its
    name or its line. LINE is a layer as it would stand in a spec, with --input for what it reads.
    """
    if symbolic or (input is not None and any(map(str.isalpha, input.replace("x", "")))):
        return _formulas(spec, layer, input, symbolic or (), options.parse_settings(set), batch, dtype, format)
    graph = _graph(spec, layer, input, options.parse_settings(set), batch)
    costs = Costs(graph, dtype=dtype)
    nodes = list(costs.layers()) if layer is None else _find(costs, layer)
    seen = fields(graph)
    explanations = [explain(node, costs, seen.get(id(node.exit))) for node in nodes]
    if format == "json":
        write(json.dumps({"version": 1, "layers": [one.data for one in explanations]}, ensure_ascii=False) + "\n")
    else:
        if input is not None and len(explanations) == 1:
            explanations[0].title = spec
        drawn = [block for one in explanations for block in ("", Drawn(one))]
        show(Group(*drawn[1:]), color)
    return 0


def _formulas(
    spec: str,
    layer: str | None,
    sizes: str | None,
    names: tuple[str, ...],
    given: dict[str, str],
    batch: int,
    dtype: str,
    format: str,
) -> int:
    """The derivation in formulas of `names`, and of the names among the sizes of a line's input."""
    options.needs_sympy()
    from archcalc.reports.closed_form.explanation import FormulaExplanation
    from archcalc.symbolic.line import line_form
    from archcalc.symbolic.network import BATCH, load_closed_form

    _check(spec, layer, sizes)
    if sizes is not None:
        form = line_form(spec, sizes, names, given, batch, dtype)
    else:
        form = load_closed_form(spec, names, given, batch, dtype=dtype)
    plain = {node.id: node for node in Costs(form.plain).layers()}
    nodes = list(form.costs.layers()) if layer is None else _find(form.costs, layer)
    title = spec if sizes is not None and len(nodes) == 1 else None
    valued = sizes is None or set(form.names) <= {*given, BATCH}
    explanations = [FormulaExplanation(form, node, plain[node.id], title, valued) for node in nodes]
    if format == "json":
        document = {
            "version": 1,
            "values": form.names,
            "conditions": form.conditions(python=True),
            "layers": [one.data() for one in explanations],
        }
        write(json.dumps(document, ensure_ascii=False) + "\n")
    else:
        write("\n".join(one.text(text_width()) for one in explanations))
    return 0


def _check(spec: str, layer: str | None, sizes: str | None) -> None:
    """Raises `RequestError` for a line without its input, or a spec with one."""
    path = split_variant(spec)[0]
    is_file = path == "-" or os.path.exists(path) or path.endswith((".yaml", ".yml"))
    if sizes is None and layer is None and not is_file:
        raise RequestError("give the input of the layer with --input, as --input 3x32x32")
    if sizes is not None and layer is not None:
        raise RequestError("--input belongs to a line; a spec has an input of its own (quote the line)")


def _graph(spec: str, layer: str | None, sizes: str | None, given: dict[str, str], batch: int) -> Graph:
    _check(spec, layer, sizes)
    if sizes is None:
        return load_graph(spec, given, batch)
    if given:
        raise RequestError("--set belongs to a spec; write the number into the line")
    return line_graph(spec, sizes, batch)


def _find(costs: Costs, wanted: str) -> list[Node]:
    """The layers that `wanted` means: by id or name, by the end of the id, inside a group, or on a line."""
    layers = list(costs.layers())
    exact = [node for node in layers if node.id == wanted or node.name == wanted]
    if exact:
        return exact
    same = [node for node in layers if node.segment == wanted]
    if same:
        return same
    inside = [node for node in layers if node.id.startswith(f"{wanted}.") or f".{wanted}." in f".{node.id}."]
    if inside:
        return inside
    if wanted.isdigit():
        on_line = [node for node in layers if node.place.line == int(wanted)]
        if on_line:
            return on_line
        raise RequestError(f"no layer stands on line {wanted}")
    near = suggest(wanted, [node.id for node in layers])
    help = f"did you mean `{near}`?" if near else f"there are {', '.join(node.id for node in layers[:8])}, ..."
    raise RequestError(f"no layer is named `{wanted}`: {help}")
