"""The specs of specs/: each loads, is what it claims to be, and agrees with PyTorch's own counts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from archcalc.cost import Costs
from archcalc.language.document import EXPECTATIONS
from archcalc.network.load import Graph, load_graph
from archcalc.network.paths import depth
from archcalc.source import Node, Scalar, Sequence
from tests.cases import CASES, shared

FOLDER = Path(__file__).parent.parent / "specs"
FILES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load(spec: str, **given: str) -> Graph:
    name, at, variant = spec.partition("@")
    return load_graph(f"{FOLDER / name}.yaml{at}{variant}", given=given)


def value(node: Node) -> int | list:
    if isinstance(node, Scalar):
        return int(node.text)
    assert isinstance(node, Sequence)
    return [value(item) for item in node.items]


@pytest.mark.parametrize("spec", CASES)
def test_expectations_hold(spec: str) -> None:
    graph = shared(spec)
    totals = Costs(graph).totals
    shapes = [list(map(int, tensor.shape)) for tensor in graph.outputs.values()]
    actual = {key: getattr(totals, key, None) for key in EXPECTATIONS}
    actual |= {"depth": depth(graph), "output": shapes if len(shapes) > 1 else shapes[0]}
    expected = {key.text: value(node) for key, node in graph.document.expect[graph.variant or ""]}
    assert {key: actual[key] for key in expected} == expected
    assert {"params", "macs"} <= set(expected)
    assert graph.variant or "output" in expected


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.yaml")), ids=lambda path: path.stem)
def test_says_what_it_is_and_where_it_is_from(path: Path) -> None:
    comment = re.match(r"(# .+\n)+", path.read_text(encoding="utf-8"))
    assert comment
    what, _, source = comment.group().partition("# Source: ")
    assert len(what) > 20
    assert len(source) > 5


# Counts of torchvision 0.28, timm 1.0.31 and transformers 5.23: numel() of the parameters, FlopCounterMode with dense attention.
# Mixtral's MACs are derived by hand: attention, router, and the three matrices of 2 of the 8 experts.
TRUTH = [
    ("alexnet", {}, 61_100_840, 714_188_480),
    ("alexnet-longform", {}, 61_100_840, 714_188_480),
    ("densenet121", {}, 7_978_856, 2_834_161_664),
    ("googlenet", {}, 6_624_904, 1_498_376_192),
    ("mobilenetv2", {}, 3_504_872, 300_774_272),
    ("r2plus1d", {}, 31_505_325, 40_519_080_960),
    ("shufflenetv2", {}, 2_278_604, 144_907_992),
    ("resnet18", {}, 11_689_512, 1_814_073_344),
    ("resnet34", {}, 21_797_672, 3_663_761_408),
    ("resnet50", {}, 25_557_032, 4_089_184_256),
    ("resnet101", {}, 44_549_160, 7_801_405_440),
    ("resnet152", {}, 60_192_808, 11_513_626_624),
    ("swin", {"h": "256", "w": "320"}, 28_288_354, 8_484_919_296),
    ("maxvit-t", {"h": "256", "w": "320", "rows": "8", "columns": "10"}, 29_076_800, 8_456_007_680),
    ("pvt-v2-b0", {"h": "256", "w": "320"}, 3_666_760, 963_389_440),
    ("caformer-s18", {"h": "256", "w": "320"}, 26_341_656, 6_939_426_816),
    ("edgenext-xx-small", {"h": "256", "w": "320"}, 1_327_216, 322_339_360),
    ("squeezenet1_0", {}, 1_248_424, 818_924_576),
    ("vgg11", {}, 132_863_336, 7_609_090_048),
    ("vgg13", {}, 133_047_848, 11_308_466_176),
    ("vgg16", {}, 138_357_544, 15_470_264_320),
    ("vgg16@bn", {}, 138_365_992, 15_470_264_320),
    ("vgg19", {}, 143_667_240, 19_632_062_464),
    ("vit", {}, 86_567_656, 17_563_828_224),
    ("vit", {"classes": "768"}, 86_389_248, 17_563_650_048),  # a pooler of 768 features instead of the classifier
    ("gpt2", {"seq": "1024"}, 124_439_808, 145_824_153_600),
    ("bert", {"seq": "512"}, 109_482_240, 48_318_971_904),
    ("llama3", {"seq": "2048"}, 8_030_261_248, 16_469_052_096_512),
    ("llama3@70b", {"seq": "2048"}, 70_553_706_496, 147_837_069_295_616),
    ("llama3@70b", {"seq": "4096"}, 70_553_706_496, 306_669_254_868_992),
    (
        "mixtral",
        {"seq": "2048"},
        46_702_792_704,
        2048 * (32 * (4096 * (2 * 4096 + 2 * 1024 + 2 * 2048 + 8) + 2 * 3 * 4096 * 14336) + 4096 * 32000),
    ),
]


@pytest.mark.parametrize(("spec", "given", "params", "macs"), TRUTH)
def test_equals_the_reference_implementation(spec: str, given: dict[str, str], params: int, macs: int) -> None:
    totals = Costs(load(spec, **given)).totals
    assert (totals.params, totals.macs) == (params, macs)


LECTURE = """
    net graph-xy graph-xxy convolution conv56 mlp lenet alexnet vgg19 resnet152 googlenet googlenet-paper
    rnn rnn@nobias rnn@stacked rnn@bidirectional rnn@stacked-bidirectional
    lstm lstm@stacked lstm@bidirectional lstm@stacked-bidirectional
    gru gru@stacked gru@bidirectional gru@stacked-bidirectional
    many-to-one many-to-many one-to-many seq2seq-attention
    recurrence recurrence@nobias lstm-gates attention-decoder
    self-attention multi-head-attention attention transformer bert gpt2
"""


def test_the_lecture_is_there() -> None:
    assert set(LECTURE.split()) <= set(CASES)
    names = {node.name: int(node.output.shape[0]) for node in load("net").nodes if node.name}
    assert names == {"fc1": 20, "fc2": 2}


def test_the_lecture_compares_right() -> None:
    networks = {name: load(name) for name in ("alexnet", "vgg19", "resnet152", "googlenet")}
    totals = {name: Costs(graph).totals for name, graph in networks.items()}
    assert [depth(graph) for graph in networks.values()] == [8, 19, 152, 22]
    assert [round(cost.params / 1e6) for cost in totals.values()] == [61, 144, 60, 7]
    assert totals["resnet152"].macs < totals["vgg19"].macs


def test_attention_is_the_same_from_first_principles() -> None:
    by_hand, layer = Costs(load("multi-head-attention")).totals, Costs(load("attention@nobias")).totals
    assert (by_hand.params, by_hand.macs) == (layer.params, layer.macs)
