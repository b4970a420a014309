"""Small specs and what the program says of them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from archcalc.cost import Costs
from archcalc.diagnostics import Diagnostic, Source, SpecError
from archcalc.network.graph import Node
from archcalc.network.load import Graph, build_graph


def spec(*layers: str, input: str = "[3, 32, 32]", top: str = "") -> str:
    """A spec with these entries of `layers:`, which begin on line 4 when `top` is empty."""
    return f"model: m\n{top}input: {input}\nlayers:\n" + "".join(f"  - {layer}\n" for layer in layers)


def read(text: str, variant: str | None = None, batch: int = 1, path: str = "t.yaml", **given: str) -> Graph:
    return build_graph(Source(path, text), variant, given, batch)


def graph(*layers: str, input: str = "[3, 32, 32]", top: str = "", **given: str) -> Graph:
    return read(spec(*layers, input=input, top=top), **given)


def shape(*layers: str, input: str = "[3, 32, 32]", top: str = "", **given: str) -> list[int]:
    """The only output's shape."""
    (tensor,) = graph(*layers, input=input, top=top, **given).outputs.values()
    return [int(size) for size in tensor.shape]


def params(*layers: str, input: str = "[3, 32, 32]", top: str = "", **given: str) -> int:
    return Costs(graph(*layers, input=input, top=top, **given)).totals.params


def refused(text: str, variant: str | None = None, given: Mapping[str, str] | None = None) -> list[Diagnostic]:
    """All that is said of a spec that is wrong."""
    with pytest.raises(SpecError) as caught:
        build_graph(Source("t.yaml", text), variant, given)
    assert caught.value.diagnostics
    return caught.value.diagnostics


def wrong(*layers: str, input: str = "[3, 32, 32]", top: str = "") -> Diagnostic:
    """The only thing that is said of these layers."""
    diagnostics = refused(spec(*layers, input=input, top=top))
    assert len(diagnostics) == 1, "\n".join(map(str, diagnostics))
    return diagnostics[0]


def at(diagnostic: Diagnostic) -> tuple[int, int]:
    return diagnostic.place.line, diagnostic.place.column


def marked(diagnostic: Diagnostic) -> str:
    """The stretch of the source that is underlined."""
    place = diagnostic.place
    return place.source.line(place.line)[place.column - 1 : place.end_column - 1]


def count(nodes: list[Node]) -> int:
    return sum(1 + count(node.children) for node in nodes)
