"""What a training step keeps for backward and what generating caches, as formulas, against plain numbers at drawn values."""

from __future__ import annotations

import pytest

from archcalc.diagnostics import Findings, RequestError, Source
from archcalc.memory.generation import generate
from archcalc.memory.simulation import simulate
from archcalc.network.load import build_graph, parsed
from archcalc.symbolic.check import draws
from archcalc.symbolic.network import ClosedForm, closed_form
from archcalc.symbolic.writing import Writer
from tests.conftest import ROOT
from tests.runs import run_of
from tests.symbolic.formulas import number
from tests.symbolic.kept import difference
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
    assert kept.value == simulate(form.plain, run_of("train")).saved
    done = set()
    for found in (kept, kept.otherwise):
        if found is None:
            continue
        formula = Writer(list(form.names)).write(found.expression)
        if found.value is not None:
            assert number(formula, form.names) == found.value
        for values in ({**drawn, **found.fixed} for drawn in draws(found.domain, seed=2)):
            texts = {name: str(value) for name, value in values.items() if name != "batch"}
            graph = build_graph(source, None, texts, values.get("batch", 1))
            assert number(formula, values) == simulate(graph, run_of("train")).saved, values
            done.add(values.get("batch", 1))
    assert len(done) > ("batch" in names)
    assert "batch" not in names or 1 in done


def test_a_transformer_by_hand():
    """Of a layer: 20 tensors of the width, and three of the scores (softmax, mask and their product)."""
    form = form_of(spec("gpt2"), "batch,seq,width,depth,heads")
    kept, cache = form.kept(), form.cache()
    assert kept is not None
    assert form.text.write(kept.expression) == ("4·batch·seq·(depth·(3·seq·heads + 20·width + 4) + 3·width + 50,259)")
    assert form.further(kept) == ["depth ≥ 4"]
    assert kept.value == simulate(form.plain, run_of("train")).saved
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
    assert kept.value == simulate(build_graph(Source("t.yaml", text)), run_of("train")).saved
    assert {"batch": 1, "samples": 400} in kept.domain
    assert {"batch": 1, "samples": 12} not in kept.domain  # the groupnorm would see one value


def test_one_sample_that_is_kept_otherwise_has_a_formula_of_its_own():
    form = form_of(spec("t5"), "batch,source")
    kept = form.kept()
    assert kept is not None
    assert kept.value == simulate(form.plain, run_of("train")).saved
    assert form.further(kept)[0] == "batch = 1"
    assert kept.otherwise is not None
    assert kept.otherwise.value is None
    assert {"batch": 1, "source": 8} not in kept.otherwise.domain
    assert {"batch": 2, "source": 8} in kept.otherwise.domain


@pytest.mark.parametrize(
    "layers",
    [
        "transpose, linear 2",
        "gru hidden, attention 2, slice -1, linear 1",
        "transpose axes=0x1, groupnorm 1, transpose",
        "linear width, rearrange 'a b -> b a', gru 2",
        "attention 1 qknorm=true rope=10, transpose, attention 1",
    ],
)
@pytest.mark.parametrize("sizes", [(1, 6, 4), (3, 6, 4), (2, 1, 4), (1, 1, 2)])
def test_formulas_hold_for_the_sizes_of_the_spec(layers, sizes):
    """Whether an axis has one position decides what is copied; of what is said, the spec's own sizes are part."""
    batch, seq, width = sizes
    hparams = f"hparams: {{hidden: 4, width: {width}, seq: {seq}}}"
    text = f"model: m\n{hparams}\ninput: [seq, width]\nlayers: [linear width, {layers}]\n"
    source = Source("m.yaml", text)
    for names in ("batch", "batch,seq"):
        try:
            form = closed_form(parsed(source, Findings()), names.split(","), batch=batch)
        except RequestError:
            continue
        assert form.kept() is not None
        assert difference(form, seed=5) == ""


def test_what_a_projected_lstm_keeps_is_a_formula_of_its_sizes():
    source = Source("m.yaml", "model: m\nhparams: {hidden: 4, p: 2}\ninput: [6, 4]\nlayers: [lstm hidden proj=p]\n")
    form = closed_form(parsed(source, Findings()), ["hidden", "p"], batch=1)
    assert form.kept() is not None
    assert difference(form, seed=5) == ""


@pytest.mark.parametrize(("name", "names"), GENERATING, ids=[name for name, _ in GENERATING])
def test_the_cache_is_that_of_generating(name, names):
    source = spec(name)
    form = form_of(source, names)
    cache = form.cache()
    assert cache is not None
    formula = Writer(list(form.names)).write(cache.expression)
    assert number(formula, form.names) == cache.value == generate(form.plain, run_of("generate")).cache_bytes
    for values in draws(cache.domain, seed=3):
        texts = {name: str(value) for name, value in values.items() if name != "batch"}
        graph = build_graph(source, None, texts, values.get("batch", 1))
        assert number(formula, values) == generate(graph, run_of("generate")).cache_bytes, values


def test_a_window_bounds_the_cache():
    form = form_of(Source("m.yaml", WINDOW), "seq,seen")
    cache = form.cache()
    assert cache is not None
    assert form.text.write(cache.expression) == "64·seen"
    assert form.further(cache) == ["seq ≥ seen"]


def test_what_does_not_generate_has_no_cache():
    assert form_of(spec("bert"), "seq").cache() is None
    assert form_of(spec("alexnet"), "batch").cache() is None
