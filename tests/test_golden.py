"""Numbers that papers and other tools' tests assert, for the same networks."""

from __future__ import annotations

import pytest

from archcalc.cost import Costs
from archcalc.network.load import load_graph

from .conftest import ROOT

# Asserted by fvcore's tests: batch, input, layer, MACs.
FVCORE = [
    (5, "10, 15, 15", "conv 3 kernel=3 padding=1", 303_750),
    (2, "10, 20, 20", "conv 6 kernel=3 padding=1 stride=2", 108_000),
    (5, "16, 15, 15", "conv 8 kernel=5 padding=2 groups=4", 900_000),
    (5, "10", "linear 20", 1_000),
    (5, "5, 10", "linear 20", 5_000),
]
# Asserted by torchinfo's tests: input, layer, output, parameters.
TORCHINFO = [
    ("1, 28, 28", "conv 10 kernel=5", (10, 24, 24), 260),
    ("10, 12, 12", "conv 20 kernel=5", (20, 8, 8), 5_020),
    ("320", "linear 50", (50,), 16_050),
    ("50", "linear 10", (10,), 510),
    ("16, 28, 28", "conv 32 kernel=3 groups=4", (32, 26, 26), 1_184),
    ("100, 300", "lstm 512 layers=2", (100, 512), 3_768_320),
    ("100", "embedding 20 dim=300", (100, 300), 6_000),
    ("512", "linear 20", (20,), 10_260),
]


@pytest.mark.parametrize(("batch", "input", "layer", "macs"), FVCORE)
def test_fvcore(graph, batch, input, layer, macs):
    assert Costs(graph(input, layer, batch=batch)).totals.macs == macs


def test_fvcore_products(graph):
    product = graph("20, 10", "transpose name=t", "{matmul: [input, t]}")
    assert Costs(product).totals.macs == 20 * 10 * 20
    built = graph(
        "2, 5",
        "reshape 5x2 name=b",
        "rearrange 'c t -> t c' name=a",
        "{einsum: {equation: 'ct,pc->tp', operands: [a, b]}}",
    )
    assert Costs(built).totals.macs == 2 * 5 * 5


def test_fvcore_lenet(graph):
    layers = ["conv 6 kernel=3", "relu", "maxpool 2", "conv 16 kernel=3", "relu", "maxpool 2", "flatten"]
    costs = Costs(graph("1, 32, 32", *layers, "linear 120", "relu", "linear 84", "relu", "linear 10"))
    assert [costs.own(node).macs for node in costs.layers() if node.macs] == [48_600, 146_016, 69_120, 10_080, 840]
    assert costs.totals.macs == 274_656


@pytest.mark.parametrize(("input", "layer", "output", "params"), TORCHINFO)
def test_torchinfo(graph, input, layer, output, params):
    costs = Costs(graph(input, layer))
    node = next(costs.layers())
    assert tuple(node.output.shape) == output
    assert costs.totals.params == params


def test_resnet18_at_64(tmp_path):
    # torchinfo's tests give these sizes and counts for the stages.
    text = (ROOT / "specs" / "resnet18.yaml").read_text(encoding="utf-8")
    (tmp_path / "blocks").symlink_to(ROOT / "specs" / "blocks")
    path = tmp_path / "resnet18.yaml"
    path.write_text(text.replace("[3, 224, 224]", "[3, 64, 64]"), encoding="utf-8")
    costs = Costs(load_graph(str(path)))
    shapes = [tuple(node.output.shape) for node in costs.graph.nodes]
    for stage in ((64, 16, 16), (128, 8, 8), (256, 4, 4), (512, 2, 2)):
        assert stage in shapes
    stages: dict[int, int] = {}
    for node in costs.graph.nodes:
        if node.block:
            channels = int(node.output.shape[0])
            stages[channels] = stages.get(channels, 0) + costs.total(node).params
    assert stages == {64: 147_968, 128: 525_568, 256: 2_099_712, 512: 8_393_728}


def test_gpt2_flops_of_nanogpt():
    assert Costs(load_graph("specs/gpt2.yaml")).totals.flops == 291_648_307_200


def test_hand_derivations(graph):
    encoder = "{repeat: 6, layers: [{residual: [attention heads=8]}, layernorm, {residual: [linear 2048, relu, linear 512]}, layernorm]}"
    totals = Costs(graph("128, 512", encoder)).totals
    assert totals.params == 18_914_304
    assert totals.macs == 2_516_582_400
    lstm = Costs(graph("100, 256", "lstm 512 layers=2 bidirectional=true", batch=4)).totals
    assert lstm.params == 9_453_568
    assert lstm.macs == 3_774_873_600
    llama = Costs(load_graph("specs/llama3.yaml@70b", {"seq": "4096"})).totals
    assert llama.macs == 306_669_254_868_992
