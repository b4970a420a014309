"""The same network at other sizes."""

from __future__ import annotations

from collections.abc import Mapping

from archcalc.advice import suggest
from archcalc.diagnostics import RequestError
from archcalc.network.load import Graph, graph_at, with_batch

BATCH = "batch"


def resized(graph: Graph, sizes: Mapping[str, int]) -> Graph:
    """The network with other values for the batch and for dims. Raises `SpecError` if they are impossible."""
    if set(sizes) == {BATCH}:
        return with_batch(graph, sizes[BATCH])
    dims = {name: str(size) for name, size in sizes.items() if name != BATCH}
    given = {**graph.given, **dims}
    return graph_at(graph.document, graph.steps, graph.variant, given, sizes.get(BATCH, graph.batch))


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
