"""The worked example of a layer, whichever file has it."""

from __future__ import annotations

from archcalc.diagnostics import RequestError
from archcalc.network.graph import Node
from archcalc.worked import attention, convolution, dense, functions, normalization, pooling, recurrence  # noqa: F401
from archcalc.worked.example import WORKERS, Example


def work_out(node: Node) -> Example:
    """The worked example of a layer. Raises `RequestError` for one without, or of a size that no page takes."""
    worker = WORKERS.get(node.op)
    if worker is None:
        names = ", ".join(f"`{op}`" for op in sorted(WORKERS))
        raise RequestError(f"there is no worked example of `{node.op}`; there are those of {names}")
    return worker(node)
