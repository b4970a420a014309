"""What a training step keeps for backward, as a formula, against simulations at drawn values."""

from __future__ import annotations

import pytest

from archcalc.diagnostics import Findings, Source
from archcalc.memory.plan import Plan
from archcalc.memory.simulation import simulate
from archcalc.network.load import build_graph, parsed
from archcalc.symbolic.check import draws
from archcalc.symbolic.network import closed_form
from archcalc.symbolic.writing import Writer
from tests.conftest import ROOT
from tests.symbolic.formulas import number
from tests.symbolic.test_specs import images

CASES = (
    ("gpt2", "batch,seq,width,depth,heads"),
    ("bert", "batch,seq,width,depth"),
    ("llama3", "batch,seq,depth"),
    ("t5", "source,target,batch"),
    ("vit", "width,depth"),
    ("mixtral", "seq,batch"),
    ("gru", "hidden,steps,batch"),
    ("lstm", "hidden,steps,batch"),
    ("resnet18", "high,wide,batch"),
    ("unet", "high,wide,batch"),
)


@pytest.mark.parametrize(("name", "names"), CASES, ids=[name for name, _ in CASES])
def test_the_formula_gives_what_a_simulation_keeps(name, names):
    path = ROOT / "specs" / f"{name}.yaml"
    source = images(name) if "high" in names else Source(str(path), path.read_text(encoding="utf-8"))
    form = closed_form(parsed(source, Findings()), names.split(","))
    kept = form.kept()
    assert kept is not None
    formula = Writer(list(form.names)).write(kept.expression)
    done = 0
    for values in draws(kept.domain, seed=2):
        texts = {name: str(value) for name, value in values.items() if name != "batch"}
        graph = build_graph(source, None, texts, values.get("batch", 1))
        assert number(formula, values) == simulate(graph, Plan(training=True)).saved, values
        done += 1
    assert done >= 3


def test_a_transformer_by_hand():
    """Of a layer: 20 tensors of the width, and three of the scores (softmax, mask and their product)."""
    source = Source("gpt2.yaml", (ROOT / "specs" / "gpt2.yaml").read_text(encoding="utf-8"))
    form = closed_form(parsed(source, Findings()), ["batch", "seq", "width", "depth", "heads"])
    kept = form.kept()
    assert kept is not None
    assert form.text.write(kept.expression) == ("4·batch·seq·(depth·(3·seq·heads + 20·width + 4) + 3·width + 50,259)")
    assert form.further(kept.domain) == ["batch ≥ 2", "2 ≤ seq ≤ 1,024", "depth ≥ 4"]
