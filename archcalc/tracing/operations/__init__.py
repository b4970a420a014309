"""From calls of PyTorch's functions to layers of the language; a family of functions a file.

An operation is added as a function with `@reads`, which names the calls and their arguments. It adds nodes to the
graph and returns what the call gives; `Beyond` says that the language has no word for this use of it.
"""

from __future__ import annotations

from importlib import import_module

FAMILIES = ("activation", "algebra", "convolution", "dense", "elementwise", "indexing", "normalization", "pooling", "recurrent", "reduction", "shape")  # fmt: skip


def load() -> None:
    """Reads every family, so that its operations are known."""
    for family in FAMILIES:
        import_module(f"archcalc.tracing.operations.{family}")
