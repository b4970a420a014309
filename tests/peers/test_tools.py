"""The tools themselves are run on small networks: what is predicted for them is what they say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from archcalc.cost import Costs
from archcalc.diagnostics import SpecError
from archcalc.layers import REGISTRY
from archcalc.network.load import Graph
from archcalc.peers import NAMES, peer
from archcalc.peers.comparison import Comparison
from archcalc.pytorch.names import BuildError
from archcalc.pytorch.source import module_source
from tests.draw.draw import case
from tests.outcome import TIMES
from tests.peers.cases import CASES, WHOLE, single, whole
from tests.peers.tools import TOOLS, run
from tests.pytorch.specs import load

# How many drawn networks each tool is run on.
COUNT = 6 * TIMES


def batch_of(name: str) -> int:
    return 1 if peer(name).one_sample else 3


def difference(name: str, graph: Graph) -> str:
    """What is not as predicted; empty where all is, or where nothing is predicted."""
    predicted = Comparison(graph, peer(name))
    if predicted.macs is None:
        return ""
    count, params = run(name, graph)
    if predicted.macs * predicted.peer.factor != count:
        return f"{predicted.macs * predicted.peer.factor} predicted, {count} counted"
    if predicted.params not in (None, params):
        return f"{predicted.params} parameters predicted, {params} counted"
    return ""


def graphs(batch: int) -> Iterator[tuple[str, Graph]]:
    for sizes, layers in CASES.items():
        for layer in layers:
            yield f"{layer} of {sizes}", single(sizes, layer, batch)
    for text in WHOLE:
        yield text, whole(text, batch)


@pytest.mark.parametrize("name", NAMES)
def test_every_layer(name: str) -> None:
    wrong = [f"{what}: {found}" for what, graph in graphs(batch_of(name)) if (found := difference(name, graph))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", NAMES)
def test_every_layer_is_predicted(name: str) -> None:
    unknown = [what for what, graph in graphs(batch_of(name)) if Comparison(graph, peer(name)).macs is None]
    assert not unknown, (
        f"say in archcalc/peers/{name}.py what it counts, or `bare = True` in the layer where no tool does"
    )


def test_the_cases_have_every_layer() -> None:
    found = {node.op for _, graph in graphs(1) for node in Costs(graph).layers()}
    missing = sorted(set(REGISTRY) - found - {"opaque"})
    assert not missing, f"give `{missing[0]}` a line in tests/peers/cases.py"
    assert found == set(REGISTRY) - {"opaque"}  # what it stands for is no module that a tool could be run on


@pytest.mark.parametrize("name", NAMES)
def test_drawn_networks(name: str) -> None:
    known = 0
    for seed in range(COUNT):
        drawn = case(seed)
        try:
            graph = replace(drawn, batch=1 if peer(name).one_sample else drawn.batch).graph()
            module_source(graph)
        except (BuildError, SpecError):  # it cannot be written, or not run on one sample alone
            continue
        found = difference(name, graph)
        assert not found, f"seed {seed}: {found}\n{drawn.text}"
        known += Comparison(graph, peer(name)).macs is not None
    assert known > COUNT // 3


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("spec", ["lenet", "seq2seq-attention", "multi-head-attention", "squeezenet1_1"])
def test_specs(name: str, spec: str) -> None:
    graph = load(spec)
    assert Comparison(graph, peer(name)).macs is not None
    assert difference(name, graph) == ""


@pytest.mark.parametrize("name", NAMES)
def test_a_cell_at_every_step(name: str) -> None:
    text = "{model: m, input: [5, 8], layers: [{scan: prev, state: {h: [4]}, layers: [grucell 4 state=h]}]}"
    graph = whole(text, batch_of(name))
    assert Comparison(graph, peer(name)).macs is not None
    assert difference(name, graph) == ""


def test_a_wrong_prediction_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(peer("torchinfo").macs, "linear", lambda call: {})
    assert difference("torchinfo", single("[6]", "linear 5")) == "30 predicted, 35 counted"
    assert set(TOOLS) == set(NAMES)


def test_refused_specs_are_no_cases() -> None:
    with pytest.raises(SpecError):
        single("[6]", "conv 3 kernel=2")
