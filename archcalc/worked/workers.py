"""Finds the worked example of a layer in its file."""

from __future__ import annotations

from archcalc.diagnostics import RequestError
from archcalc.network.graph import Node
from archcalc.worked import (  # noqa: F401
    attention,
    convolution,
    copying,
    dense,
    dropping,
    functions,
    merging,
    moving,
    normalization,
    pooling,
    positions,
    recurrence,
    reduction,
    resizing,
    routing,
    sampling,
    selecting,
    state_space,
    summing,
    transposed,
    unpooling,
)
from archcalc.worked.example import WORKERS, Example


def work_out(node: Node) -> Example:
    """The worked example of a layer. Raises `RequestError` if it has none, or does not fit on a page."""
    worker = WORKERS.get(type(node.layer)) if node.layer is not None else None
    if worker is None:
        equation = (
            "; ".join(node.layer.notation.replace("        ", ", ").split("\n")) if node.layer is not None else ""
        )
        raise RequestError(
            f"there is no worked example of `{node.op}`{f', which is {equation}' if equation else ''}"
            "; layers that compute have one, e.g. `conv`, `lstm` and `attention`"
        )
    return worker(node)
