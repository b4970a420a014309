"""From calls of PyTorch's functions to layers of the language; one file for each family of functions.

To add an operation, write a function with `@reads`, which names the calls and their arguments. It adds nodes to the
graph and returns what the call gives; it raises `Beyond` for a use that the language cannot express.
"""

from __future__ import annotations

from importlib import import_module

FAMILIES = ("activation", "algebra", "convolution", "dense", "elementwise", "indexing", "normalization", "pooling", "recurrent", "reduction", "shape")  # fmt: skip


def load() -> None:
    """Import every family, which registers its operations."""
    for family in FAMILIES:
        import_module(f"archcalc.tracing.operations.{family}")
