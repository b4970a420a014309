"""The formulas of every kind of spec, at drawn values, against the numbers of builds at these values."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from archcalc.cost import Costs
from archcalc.diagnostics import Findings, Source
from archcalc.network.load import build_graph, document_graph, parsed, split_variant
from archcalc.reports.closed_form import as_json as machine
from archcalc.reports.closed_form.rows import totals
from archcalc.reports.rows import flat
from archcalc.reports.shapes import as_json as json_report
from archcalc.symbolic.check import draws
from archcalc.symbolic.network import ClosedForm, closed_form
from tests.conftest import ROOT
from tests.outcome import TIMES
from tests.symbolic.formulas import code, number

CHOICES = (
    ("gpt2.yaml", "batch,seq,width,depth,heads,vocab,context"),
    ("gpt2.yaml@xl", "seq,depth"),
    ("llama3.yaml", "seq,kv_heads,depth"),
    ("mixtral.yaml", "seq,width,ff,depth"),
    ("t5.yaml", "source,target,width,heads,hidden,depth"),
    ("transformer.yaml", "src_len,tgt_len,width,heads,ff,depth,batch"),
    ("vit.yaml", "patch,width,heads,depth,classes"),
    ("swin.yaml", "width,heads,pairs"),
    ("convnext.yaml", "width,third,batch"),
    ("densenet121.yaml", "growth"),
    ("lstm.yaml@stacked-bidirectional", "hidden,steps,batch"),
    ("gru.yaml", "hidden,steps"),
    ("rnn.yaml@stacked", "hidden,steps"),
    ("seq2seq-attention.yaml", "src_len,tgt_len,width,hidden,vocab"),
    ("one-to-many.yaml", "steps,batch"),
    ("many-to-many.yaml", "words"),
    ("many-to-one.yaml", "words,batch"),
    ("attention.yaml", "seq"),
    ("self-attention.yaml", "seq,width"),
    ("multi-head-attention.yaml", "seq,width,heads"),
    ("efficientnet.yaml", "batch"),
)
# The long ones whose layers are those of others too: with ARCHCALC_EXAMPLES.
LONG = ("transformer.yaml", "efficientnet.yaml", "efficientnet", "googlenet") if TIMES == 1 else ()
# Image sizes that a spec writes as numbers get names here.
IMAGES = (
    "convnext",
    "efficientnet",
    "googlenet",
    "lenet",
    "resnet18",
    "unet",
)


def images(name: str) -> Source:
    """The spec with the size of its image named `high` and `wide`."""
    path = ROOT / "specs" / f"{name}.yaml"
    text = path.read_text(encoding="utf-8")
    sizes = re.search(r"^input: \[(\w+), (\w+), (\w+)\]", text, re.M)
    assert sizes
    channels, *axes = sizes.groups()
    high, wide = (size if size.isdigit() else re.findall(rf"\b{size}: (\d+)", text)[0] for size in axes)
    kind = "hparams" if name == "lenet" else "dims"  # its first linear layer reads the whole image
    named = f"{kind}: {{high: {high}, wide: {wide}}}\ninput: [{channels}, high, wide]"
    text = re.sub(r"^dims: \{h: .*\n", "", text, flags=re.M)
    return Source(str(path), text.replace(sizes.group(), named))


def compare(form: ClosedForm, source: Source, variant: str | None, batch: int = 1) -> int:
    """Every formula, as people and as machines read it, against builds; how many there were."""
    document = machine.data(form, list(flat(form.costs)))
    sums = totals(form)
    own = [row.own for row in flat(form.costs)]
    parts = [part for one in own for part in (one.params, one.macs, one.other_flops)]
    formulas = {(form.formula(part), form.code(part)) for part in parts}
    done = 0
    every = [*draws(form.domain, seed=1)]  # of each name two values, then of all together
    for values in every[::2] if TIMES == 1 and len(every) > 5 else every:
        texts = {name: str(value) for name, value in values.items() if name != "batch"}
        costs = Costs(build_graph(source, variant, texts, values.get("batch", batch)))
        wanted = json_report.network(costs, flat(costs))
        for key in ("params", "trainable_params", "buffers", "macs", "flops", "other_flops", "activation_bytes"):
            assert code(document["totals"][key], values) == wanted["totals"][key]
        keys = {"parameters": "params", "trainable": "trainable_params", "buffers": "buffers", "MACs": "macs"}
        for total in sums:
            assert total.unit or number(total.formula, values) == wanted["totals"][keys[total.title]]
        assert len(document["layers"]) == len(wanted["layers"])
        for row, numbers in zip(document["layers"], wanted["layers"]):
            assert row["id"] == numbers["id"]
            assert [code(size, values) for size in row["output"]] == numbers["output"]
            for key in ("count", "params", "buffers", "macs", "other_flops", "activation_bytes"):
                assert code(row[key], values) == numbers[key], (row["id"], key, values)
        for people, machines in formulas:
            assert number(people, values) == code(machines, values), (people, machines, values)
        assert all(eval(condition, {}, dict(values)) for condition in document["conditions"])
        done += 1
    return done


@pytest.mark.parametrize(("spec", "names"), [one for one in CHOICES if one[0] not in LONG])
def test_formulas_give_the_numbers(spec, names):
    path, variant = split_variant(os.fspath(ROOT / "specs" / spec))
    source = Source(path, Path(path).read_text(encoding="utf-8"))
    form = closed_form(parsed(source, Findings()), names.split(","), variant)
    assert compare(form, source, variant) >= 3


@pytest.mark.parametrize("name", [one for one in IMAGES if one not in LONG])
def test_formulas_of_an_image_size_give_the_numbers(name):
    source = images(name)
    form = closed_form(parsed(source, Findings()), ["high", "wide", "batch"])
    assert compare(form, source, None) >= 3


def test_roundings_stay_exact():
    form = closed_form(parsed(images("resnet18"), Findings()), ["high", "wide"])
    (conv,) = [node for node in form.costs.layers() if node.name == "conv1"]
    assert [form.size(size) for size in conv.output.shape] == ["64", "⌈high/2⌉", "⌈wide/2⌉"]
    (last,) = [node for node in form.costs.layers() if node.op == "adaptiveavgpool"]
    assert [form.size(size) for size in last.inputs[0].shape] == ["512", "⌈high/32⌉", "⌈wide/32⌉"]
    assert form.conditions() == []


def test_what_skips_need_makes_sizes_divisible():
    form = closed_form(parsed(images("unet"), Findings()), ["high", "wide", "batch"])
    assert form.conditions() == ["16 divides high and wide"]
    assert form.formula(form.costs.totals.macs) == "734,976·batch·high·wide"


def test_a_transformer_by_hand():
    source = Source("gpt2.yaml", (ROOT / "specs" / "gpt2.yaml").read_text(encoding="utf-8"))
    form = closed_form(parsed(source, Findings()), ["batch", "seq", "width", "depth", "vocab", "context"])
    assert form.formula(form.costs.totals.params) == "width·(depth·(12·width + 13) + context + vocab + 2)"
    assert form.formula(form.costs.totals.macs) == "batch·seq·width·(2·depth·(6·width + seq) + vocab)"
    assert form.conditions() == ["depth ≥ 2", "12 divides width", "context ≥ seq"]


def test_the_cost_does_not_grow_with_copies():
    text = "model: m\nhparams: {n: 1000000}\ninput: [8]\nlayers:\n  - {repeat: n, layers: [linear 8, relu]}\n"
    source = Source("m.yaml", text)
    form = closed_form(parsed(source, Findings()), ["n"])
    assert form.formula(form.costs.totals.params) == "72·n"
    assert len(list(flat(form.costs))) == 2
    graph = document_graph(parsed(source, Findings()), None, {"n": "7"}, 1, Findings())
    assert Costs(graph).totals.params == 72 * 7
