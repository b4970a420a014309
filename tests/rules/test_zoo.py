"""Lints networks that are known to be right. Every finding stands here with the reason why it is true."""

from __future__ import annotations

import functools
from copy import copy

import pytest

from archcalc.devices import find
from archcalc.diagnostics import Source
from archcalc.network.load import build_graph
from archcalc.rules.check import Selection, load_rules
from archcalc.rules.model import Model
from tests.cases import CASES, shared
from tests.rules.architectures import ARCHITECTURES
from tests.rules.linting import findings

_FLATTEN = "most weights are those of the linear layer behind `flatten`; the papers say so too"
_KEYS = "torch.nn.MultiheadAttention has the bias, softmax cancels it"
_BN = "torchvision's vgg_bn keeps the biases; the comment in the spec says so"
_HALVES = "halving rounds down: with one more row the skip is a row larger, and cat refuses it in PyTorch as well"
_SCORES = "the spec shows attention step by step, with softmax between two products: no fused kernel does it"
_LAST = "of the last layer only the skip is read, as in the paper: its residual goes nowhere"
_ROW = "kernel 3 or 7, stride 2, no padding, 224 pixels: the last row and column are in no window"

# (spec, with its variant; code; line) -> why the finding is true
ZOO = {
    ("alexnet", "PRM307", 16): _FLATTEN,
    ("alexnet-longform", "PRM307", 28): _FLATTEN,
    ("lenet", "PRM307", 12): _FLATTEN,
    ("siamese", "PRM307", 11): _FLATTEN,
    **{(f"vgg{n}{bn}", "PRM307", 22): _FLATTEN for n in (11, 13, 16, 19) for bn in ("", "@bn")},
    **{(f"vgg{n}@bn", "PRM301", 12): _BN for n in (11, 13, 16, 19)},
    ("squeezenet1_0", "GEO201", 14): _ROW,
    ("squeezenet1_1", "GEO201", 14): _ROW,
    ("rwkv7", "PRM308", 74): "the paper keeps two tables",
    ("self-attention", "ATT607", 17): _SCORES,
    ("multi-head-attention", "ATT607", 21): _SCORES,
    ("attention", "PRM303", 11): _KEYS,
    **{(f"bert{v}", "PRM303", 18): _KEYS for v in ("", "@large")},
    ("clip", "PRM303", 8): _KEYS,
    **{(f"gpt2{v}", "PRM303", 20): _KEYS for v in ("", "@medium", "@large", "@xl")},
    **{(f"transformer{v}", "PRM303", line): _KEYS for v in ("", "@big") for line in (14, 18, 20)},
    **{(f"swin{v}", "PRM303", 27): _KEYS for v in ("", "@s", "@b")},
    ("dit", "PRM303", 12): _KEYS,
    **{("segformer", "PRM303", line): _KEYS for line in (19, 24)},
    ("wav2vec2", "PRM303", 20): _KEYS,
    **{
        ("hrnet", "PRM301", line): "timm has these biases; the comments in the spec say so" for line in (43, 45, 47, 49)
    },
    ("tacotron2", "PRM301", 11): "the original has these biases; the comment in the spec says so",
    ("hrnet", "GEO212", 23): _HALVES,
    ("efficientdet", "GEO212", 32): _HALVES,
    **{("hrnet-w32", "PRM301", line): "timm has these biases, as for hrnet" for line in (56, 58, 60, 62)},
    ("hrnet-w32", "GEO212", 26): _HALVES,
    ("wavenet", "GRF701", 13): _LAST,
    ("nbeats", "GRF701", 17): "nothing reads what the last block leaves of the past; the comment in the spec says so",
    ("nbeats", "PRM305", 15): "a few numbers between two maps, as in the paper; the comment in the spec says so",
    **{("efficientdet", "PRM301", line): "google/automl has these biases" for line in (21, 24)},
    ("stylegan2", "GEO206", 28): "the paper blurs what is uneven; the comment in the spec says so",
    ("yolov8", "GEO212", 31): _HALVES,
    ("deeplabv3", "NRM501", 33): "the pooled branch has one number a channel; torchvision trains it in larger batches",
    ("deformable-detr", "PRM303", 107): "transformers has the bias, softmax cancels it",
    **{(f"dinov2{v}", "PRM303", 13): "the original has the bias, softmax cancels it" for v in ("", "@base", "@large")},
    ("maxvit-t", "PRM303", 17): "timm has the bias, softmax cancels it",
    **{("pvt-v2-b0", "PRM303", line): "timm has the bias, softmax cancels it" for line in (19, 23)},
    ("mobilevit-s", "PRM303", 16): "timm has the bias, softmax cancels it",
    **{(f"vit{v}", "PRM303", 22): _KEYS for v in ("", "@ti16", "@s16", "@b32", "@l16", "@h14")},
}

# (architecture, code) -> why the finding is true
ALLOWED = {
    ("resnet-v1-stage", "GEO202"): "both 1x1 convolutions of stride 2 read the same quarter of the pixels",
    ("unet-with-upsampling", "GEO212"): "64 pixels halved twice and doubled are 64, 65 are not",
}


@functools.cache
def networks() -> dict[str, Model]:
    """Every spec and variant."""
    return {case: Model(shared(case)) for case in CASES}


def test_the_zoo() -> None:
    seen = set()
    for case, model in networks().items():
        for rule in load_rules().values():
            if rule.on:
                seen |= {(case, finding.code, finding.place.line) for finding in rule.check(model)}
    assert seen == set(ZOO)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_other_architectures(name: str) -> None:
    text = f"model: {name}{ARCHITECTURES[name]}"
    assert {finding.code for finding in findings(text)} == {code for spec, code in ALLOWED if spec == name}


def test_rules_find_nothing_in_networks_that_they_are_not_about() -> None:
    selection = Selection(("ALL",), device=find("h100"))
    texts = (f"model: {name}{text}" for name, text in ARCHITECTURES.items())
    for model in (*map(copy, networks().values()), *(Model(build_graph(Source("t.yaml", text))) for text in texts)):
        model.device = selection.device
        asked = selection.rules_about(model)
        assert [rule.code for rule in load_rules().values() if rule not in asked and list(rule.check(model))] == []


def test_heuristics_do_not_fail_on_the_zoo() -> None:
    for model in networks().values():
        for rule in load_rules().values():
            if not rule.on:
                assert all(finding.severity in ("info", "warning") for finding in rule.check(model))
