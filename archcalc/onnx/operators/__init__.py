"""Translates ONNX operators into calls of PyTorch functions; one file per family of operators.

To add an operator, write a function with `@operator` and its name: it takes the run, the node and its inputs, and
returns the node's outputs. It raises `UnreadError` for a use of the operator that no call can express.
"""

from __future__ import annotations

from importlib import import_module

FAMILIES = ("activation", "attention", "convolution", "elementwise", "indexing", "norms", "pooling", "products", "quantised", "recurrent", "reduction", "views")  # fmt: skip


def load() -> None:
    """Imports every family, which registers its operators."""
    for family in FAMILIES:
        import_module(f"archcalc.onnx.operators.{family}")
