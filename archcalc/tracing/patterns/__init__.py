"""Several nodes that are one layer of the language; a pattern a file.

A pattern is a module with `apply(graph)`, which replaces what it recognises. What comes out is proved again, and where it
does not hold, the graph is taken as it was read.
"""

from __future__ import annotations

from importlib import import_module

from archcalc.tracing.graph import Graph

# In this order: what one leaves the next one reads.
PATTERNS = (
    "tidying",
    "activations",
    "growing",
    "position",
    "norms",
    "rotary",
    "attention",
    "scaling",
    "leading",
    "regrouping",
    "leading",
    "order",
)


def apply(graph: Graph) -> None:
    """All patterns, one after the other."""
    for name in PATTERNS:
        import_module(f"archcalc.tracing.patterns.{name}").apply(graph)
        graph.drop_unread()
