"""From the operators of ONNX to calls of PyTorch's functions; a family of operators a file.

An operator is added as a function with `@operator`, which names it: it takes the run, the node and its inputs, and gives
what the node gives. `UnreadError` says that this use of it has no such call.
"""

from __future__ import annotations

from importlib import import_module

FAMILIES = ("activation", "attention", "convolution", "elementwise", "indexing", "norms", "pooling", "products", "quantised", "recurrent", "reduction", "views")  # fmt: skip


def load() -> None:
    """Reads every family, so that its operators are known."""
    for family in FAMILIES:
        import_module(f"archcalc.onnx.operators.{family}")
