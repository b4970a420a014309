"""Specs beside their papers' equations: the same outputs and gradients from the same weights."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from archcalc.diagnostics import Source
from archcalc.network.load import build_graph
from archcalc.pytorch.instance import instantiate
from tests.layers.values import difference

from .copied import SPECS
from .plain import Written, gat, graphsage, nbeats, nerf, pointnet, realnvp, tacotron2, vqvae

CASES: list[tuple[Callable[..., object], tuple[tuple[str, str], ...], dict[str, int]]] = [
    (nerf, (), {"width": 8, "points": 3}),
    (graphsage, (("1433", "5"),), {"hidden": 4, "nodes": 6, "links": 9}),
    (gat, (("1433", "5"), ("dropout 0.6, ", ""), (", dropout 0.6", "")), {"nodes": 6, "links": 9}),
    (nbeats, (), {"width": 6, "theta": 3, "past": 5, "horizon": 4, "depth": 2}),
    (
        pointnet,
        ((", dropout 0.3", ""), ("1024, max", "10, max"), ("512", "9"), ("256", "8"), ("128", "7"), (" 64", " 6")),
        {"classes": 3, "points": 5},
    ),
    (realnvp, (), {"hidden": 5, "depth": 2}),
    (vqvae, (("3, 32, 32", "3, 8, 8"),), {"width": 8, "inner": 4, "codes": 7, "size": 3}),
    (
        tacotron2,
        ((", dropout 0.5", ""), ("256", "6")),
        {"width": 8, "hidden": 6, "attend": 4, "mels": 5, "chars": 7, "frames": 4},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("function", "instead", "sizes"), CASES, ids=[case[0].__name__ for case in CASES])
def test_equals_the_papers_equations(
    function: Callable[..., object], instead: tuple[tuple[str, str], ...], sizes: dict[str, int]
) -> None:
    text = (SPECS / f"{function.__name__}.yaml").read_text(encoding="utf-8").partition("\nexpect:")[0]
    for line, other in instead:
        assert line in text
        text = text.replace(line, other)
    given = {name: str(size) for name, size in sizes.items()}
    graph = build_graph(Source("t.yaml", text), given=given, batch=2)
    assert not difference(graph, lambda: Written(function, instantiate(graph)))
