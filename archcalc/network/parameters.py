"""The named parameters of a graph, as in the state dict of its PyTorch module."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.network.graph import Node


def named_parameters(nodes: list[Node], prefix: str = "") -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name and shape of every parameter, separately for each copy and expert; tied ones come once."""
    for node in nodes:
        first = int(node.segment) if node.segment.isdigit() else 0
        several = node.copies * node.weights > 1 or node.is_expert
        for index in range(first, first + node.copies * node.weights):
            name = (
                f"{prefix}{index}"
                if node.segment.isdigit()
                else prefix + node.segment + (f".{index}" if several else "")
            )
            yield from named_parameters(node.children, prefix if node.inline else f"{name}.")
            for parameter, shape in node.params.items():
                yield f"{name}.{parameter}", tuple(int(size) for size in shape)
