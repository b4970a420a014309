"""Networks drawn at random over the whole language: the module that runs has the static numbers, and the graph's values."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from archcalc.diagnostics import Source
from archcalc.layers import REGISTRY
from archcalc.network.load import Graph, build_graph, load_graph
from archcalc.pytorch.instance import example_inputs, instantiate
from archcalc.pytorch.names import BuildError
from archcalc.pytorch.source import module_source
from archcalc.pytorch.verify import verify

from .interpreter import Interpreter
from .networks import draw
from .test_verify import REGRESSIONS

# How many networks are drawn, each from its number, and from which on; more and others on request.
COUNT = int(os.environ.get("ARCHCALC_RANDOM_NETWORKS", "300"))
FIRST = int(os.environ.get("ARCHCALC_RANDOM_FIRST", "0"))
# Of these so many are run on numbers.
RUN = COUNT // 3


Check = Callable[[Graph], object]


def check(first: int, count: int, wrong: Check) -> None:
    """Nothing is wrong with drawn networks; nearly all can be written, the others say why not."""
    refused = 0
    for seed in range(FIRST + first, FIRST + min(first + 50, count)):
        network = draw(seed)
        graph = network.build("other" if network.variant and seed % 2 else None)
        assert graph is not None
        try:
            found = wrong(graph)
        except BuildError:
            refused += 1
        else:
            assert not found, f"{seed}: {found}\n{network.spec()}"
    assert refused <= 2


@pytest.mark.parametrize("first", range(0, COUNT, 50))
def test_the_module_has_the_static_numbers(first: int) -> None:
    check(first, COUNT, lambda graph: verify(graph).differences)


@pytest.mark.parametrize("first", range(0, RUN, 50))
def test_the_module_computes_the_graph(first: int) -> None:
    check(first, RUN, wrong)


@pytest.mark.parametrize("file", REGRESSIONS, ids=lambda file: file.stem)
def test_what_once_failed_computes_its_graph(file: Path) -> None:
    assert not wrong(load_graph(str(file), batch=2))


def wrong(graph: Graph) -> bool:
    """Whether the module gives other numbers than the graph gone through layer by layer."""
    torch.manual_seed(0)
    module = instantiate(graph).double().eval()  # in double precision, as norms of nearly equal numbers enlarge errors
    inputs = [x.double() if x.is_floating_point() else x for x in example_inputs(graph)]
    with torch.no_grad():
        ours, theirs = flat(module(*inputs)), flat(Interpreter(graph, module).run(*inputs))
    return len(ours) != len(theirs) or not all(
        a.shape == b.shape and torch.allclose(a, b, rtol=1e-3, atol=1e-4, equal_nan=True) for a, b in zip(ours, theirs)
    )


def flat(outputs: object) -> list[torch.Tensor]:
    if isinstance(outputs, torch.Tensor):
        return [outputs]
    return [tensor for one in outputs for tensor in flat(one)]  # type: ignore[attr-defined]


def test_a_wrong_value_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = build_graph(Source("m.yaml", "{model: m, input: [4], layers: [linear 4, sub: [prev, input]]}"))
    assert not wrong(graph)
    real = Interpreter._evaluate
    monkeypatch.setattr(Interpreter, "_evaluate", lambda self, *given: -real(self, *given))
    assert wrong(graph)


# -- what is drawn --------------------------------------------------------------------------


def test_everything_in_the_language_is_drawn() -> None:
    drawn: Counter[object] = Counter()
    used: Counter[str] = Counter()
    for seed in range(400):
        network = draw(seed)
        used.update(network.used)
        for body in (network.items, *(inner for _, inner in network.blocks.values())):
            for item in (one for top in body for one in top.walk()):
                drawn.update((item.op, key) for key in item.keys)
    missing = [(op, key) for op, layer in REGISTRY.items() for key in layer.arguments if not drawn[op, key]]
    assert not missing
    assert not [op for op in REGISTRY if not used[f"op {op}"]]
    for construct in (
        "block", "again", "default", "repeat", "residual", "shortcut", "merge", "growing", "tie", "moe", "cross", "scores",
        "states", "parts", "product", "expression", "variant", "several inputs", "several outputs", "from", "name", "loss", "further output", "named copies",
        "block in a block", "tensor argument", "list as operand",
    ):  # fmt: skip
        assert used[construct] > 5, construct


def test_blocks_of_another_file_give_the_same_module(tmp_path: Path) -> None:
    found = 0
    for seed in range(40):
        network = draw(seed)
        head, blocks, rest = network.spec().partition("blocks:\n")
        if not blocks:
            continue
        inside, layers, rest = rest.partition("layers:\n")
        (tmp_path / "blocks.yaml").write_text(blocks + inside)
        (tmp_path / "drawn.yaml").write_text(f"{head}include: [blocks.yaml]\n{layers}{rest}")
        graph = network.build()
        assert graph is not None
        assert module_source(load_graph(str(tmp_path / "drawn.yaml"), batch=network.batch)) == module_source(graph)
        found += 1
    assert found > 10
