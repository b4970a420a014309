"""Several nodes that are one layer of the language; one file for each pattern.

A pattern is a module with `apply(graph)`, which replaces what it recognises. The result is checked again (`proof.py`); if
that fails, the graph is used as it was read.
"""

from __future__ import annotations

from importlib import import_module

from archcalc.tracing.graph import Graph

# The order matters: each reads what the one before leaves.
PATTERNS = (
    "tidying",
    "activations",
    "growing",
    "position",
    "norms",
    "rotary",
    "attention",
    "turning",
    "scaling",
    "leading",
    "regrouping",
    "leading",
    "order",
)


def apply(graph: Graph) -> None:
    """Apply all patterns, one after the other."""
    for name in PATTERNS:
        import_module(f"archcalc.tracing.patterns.{name}").apply(graph)
        graph.drop_unread()
