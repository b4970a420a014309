"""What a training step keeps for backward and what generating caches, as formulas, against plain numbers at drawn values."""

from __future__ import annotations

import pytest

from archcalc.diagnostics import Findings, Source
from archcalc.memory.generation import generate
from archcalc.memory.plan import Plan
from archcalc.memory.simulation import simulate
from archcalc.network.load import build_graph, parsed
from archcalc.symbolic.check import draws
from archcalc.symbolic.network import ClosedForm, closed_form
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


GENERATING = (
    ("gpt2", "batch,seq,width,depth,heads"),
    ("llama3", "batch,seq,depth,heads,kv_heads,width"),
    ("mixtral", "seq,batch"),
    ("t5", "source,target,batch"),
    ("transformer", "src_len,tgt_len,batch,width"),
    ("gru", "hidden,steps,batch"),
    ("lstm", "hidden,steps,batch"),
    ("one-to-many", "steps,batch"),
    ("whisper", "text,batch"),
    ("seq2seq-attention", "src_len,tgt_len,hidden,batch"),
)
WINDOW = """\
model: m
hparams: {seen: 16}
dims: {seq: 64}
input: [seq]
layers: [embedding vocab=10 dim=8, attention heads=2 causal=true window=seen, linear 10]
"""


def form_of(source: Source, names: str) -> ClosedForm:
    return closed_form(parsed(source, Findings()), names.split(","))


def spec(name: str) -> Source:
    path = ROOT / "specs" / f"{name}.yaml"
    return Source(str(path), path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("name", "names"), CASES, ids=[name for name, _ in CASES])
def test_the_formula_gives_what_a_simulation_keeps(name, names):
    source = images(name) if "high" in names else spec(name)
    form = form_of(source, names)
    kept = form.kept()
    assert kept is not None
    formula = Writer(list(form.names)).write(kept.expression)
    done = set()
    for values in draws(kept.domain, seed=2):
        texts = {name: str(value) for name, value in values.items() if name != "batch"}
        graph = build_graph(source, None, texts, values.get("batch", 1))
        assert number(formula, values) == simulate(graph, Plan(training=True)).saved, values
        done.add(values.get("batch", 1))
        if kept.value is not None:
            assert number(formula, form.names) == kept.value
    assert len(done) > ("batch" in names)
    assert "batch" not in names or (1 in done) == (kept.value is not None)


def test_a_transformer_by_hand():
    """Of a layer: 20 tensors of the width, and three of the scores (softmax, mask and their product)."""
    form = form_of(spec("gpt2"), "batch,seq,width,depth,heads")
    kept, cache = form.kept(), form.cache()
    assert kept is not None
    assert form.text.write(kept.expression) == ("4·batch·seq·(depth·(3·seq·heads + 20·width + 4) + 3·width + 50,259)")
    assert form.further(kept.domain) == ["2 ≤ seq ≤ 1,024", "depth ≥ 4"]
    assert kept.value == simulate(form.plain, Plan(training=True)).saved
    assert cache is not None
    assert form.text.write(cache.expression) == "8·batch·seq·width·depth"


def test_one_sample_counted_apart_has_no_batch_in_its_conditions():
    """A convolution over a reshaped input keeps one sample in another order; the scores must not be empty."""
    text = """model: m
dims: {samples: 400}
input: [samples]
layers: [reshape 1x-1, conv 6 kernel=10 stride=5 bias=false, groupnorm 6, gelu, transpose, attention heads=2]
"""
    kept = form_of(Source("t.yaml", text), "batch,samples").kept()
    assert kept is not None
    assert kept.value == simulate(build_graph(Source("t.yaml", text)), Plan(training=True)).saved
    assert {"batch": 1, "samples": 400} in kept.domain
    assert {"batch": 1, "samples": 12} not in kept.domain  # the groupnorm would see one value


def test_one_sample_that_is_kept_otherwise_is_left_out():
    kept = form_of(spec("t5"), "batch").kept()
    assert kept is not None
    assert kept.value is None
    assert {"batch": 1} not in kept.domain
    assert {"batch": 2} in kept.domain


@pytest.mark.parametrize(("name", "names"), GENERATING, ids=[name for name, _ in GENERATING])
def test_the_cache_is_that_of_generating(name, names):
    source = spec(name)
    form = form_of(source, names)
    cache = form.cache()
    assert cache is not None
    formula = Writer(list(form.names)).write(cache.expression)
    assert number(formula, form.names) == cache.value == generate(form.plain, dtype="fp32").cache_bytes
    for values in draws(cache.domain, seed=3):
        texts = {name: str(value) for name, value in values.items() if name != "batch"}
        graph = build_graph(source, None, texts, values.get("batch", 1))
        assert number(formula, values) == generate(graph, dtype="fp32").cache_bytes, values


def test_a_window_bounds_the_cache():
    form = form_of(Source("m.yaml", WINDOW), "seq,seen")
    cache = form.cache()
    assert cache is not None
    assert form.text.write(cache.expression) == "64·seen"
    assert form.further(cache.domain) == ["seq ≥ seen"]


def test_what_does_not_generate_has_no_cache():
    assert form_of(spec("bert"), "seq").cache() is None
    assert form_of(spec("alexnet"), "batch").cache() is None
