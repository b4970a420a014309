"""The same network at other sizes."""

from __future__ import annotations

from collections.abc import Mapping

from archcalc.advice import suggest
from archcalc.diagnostics import Findings, RequestError, SpecError
from archcalc.language.settings import settle
from archcalc.network.load import Graph, graph_at, graph_of, with_batch
from archcalc.network.shapes import Shapes

BATCH = "batch"


def resized(graph: Graph, sizes: Mapping[str, int]) -> Graph:
    """The network with other values for the batch and for dims. Raises `SpecError` if they are impossible."""
    if set(sizes) == {BATCH}:
        return with_batch(graph, sizes[BATCH])
    dims = {name: str(size) for name, size in sizes.items() if name != BATCH}
    given = {**graph.given, **dims}
    return graph_at(graph.document, graph.steps, graph.variant, given, sizes.get(BATCH, graph.batch))


def shape_error(graph: Graph, name: str, size: int) -> str:
    """Why the shapes of the network do not fit together at another value of a dim, which may be traced; empty if they do.

    Nothing else is checked: neither limits of the machine nor what the layers cost.
    """
    findings = Findings()
    try:
        # Other dims are plain numbers: a quantity computed from a traced number would hide it.
        leaf = lambda key, value: size if key == name else value  # noqa: E731
        settings = settle(graph.document, graph.variant, graph.given, findings, leaf)
        graph_of(graph.document, graph.steps, settings, graph.batch, findings, Shapes)
    except SpecError as error:
        return error.diagnostics[0].message
    return ""


def size_of(graph: Graph, name: str) -> int:
    """The value of the batch or of a dim. Raises `RequestError` for any other name."""
    if name == BATCH:
        return graph.batch
    if name not in graph.settings.dims:
        known = [BATCH, *graph.settings.dims]
        near = suggest(name, known)
        hint = f"did you mean `{near}`?" if near else f"expected one of {', '.join(known)}"
        raise RequestError(f"{graph.path}: neither the batch nor a dim is named `{name}`: {hint}")
    return int(graph.settings.values[name])
