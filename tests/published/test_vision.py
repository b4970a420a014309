"""Detectors, segmentation and generators of images: the specs give what the references give with the same weights."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from archcalc.cost import Costs
from archcalc.network.load import load_graph

from .copied import SPECS, built, copy, randomised
from .restoration import NAFNet
from .vision import BlurredResNet, EfficientDet, MaskRCNNHeads, SegNet, StyleGAN2, Swin

# Networks as their papers have them, in plain PyTorch.
WHOLE: dict[str, Callable[[], nn.Module]] = {
    "efficientdet": EfficientDet,
    "mask-rcnn-heads": MaskRCNNHeads,
    "nafnet": lambda: NAFNet(32, (1, 1, 1, 28)),
    "resnetblur50": lambda: BlurredResNet((3, 4, 6, 3)),
    "segnet": lambda: SegNet(11),
    "stylegan2": lambda: StyleGAN2((512, 512, 512, 512, 256, 128)),
}


@pytest.mark.parametrize("spec", WHOLE)
def test_parameters_are_those_of_the_whole_network(spec: str) -> None:
    with torch.device("meta"):
        theirs = WHOLE[spec]()
    counted = Costs(load_graph(str(SPECS / f"{spec}.yaml"))).totals.params
    assert counted == sum(parameter.numel() for parameter in theirs.parameters())


def equal(ours: nn.Module, theirs: nn.Module, *inputs: torch.Tensor) -> None:
    copy(randomised(theirs), ours)
    with torch.no_grad():
        pairs = list(zip(listed(ours(*inputs)), listed(theirs(*inputs)), strict=True))
    for mine, its in pairs:
        assert mine.shape == its.shape
        assert its.std() > 1e-3
        assert float((mine - its).abs().max() / its.abs().max()) < 1e-4


def listed(outputs: torch.Tensor | tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    return (outputs,) if isinstance(outputs, torch.Tensor) else tuple(outputs)


def test_segnet() -> None:
    small = built("segnet", ("input: [3, 360, 480]", "input: [3, 36, 33]"))
    equal(small, SegNet(11), torch.randn(2, 3, 36, 33))


def test_efficientdet() -> None:
    equal(built("efficientdet", cells="2", depth="2"), EfficientDet(cells=2, depth=2), torch.randn(1, 3, 128, 128))


def test_heads_of_mask_rcnn() -> None:
    sizes = (2, 5, 256, 7, 7), (2, 1, 256, 14, 14)
    equal(built("mask-rcnn-heads", regions="5", found="1"), MaskRCNNHeads(), *(torch.randn(*size) for size in sizes))


def test_blurred_resnet() -> None:
    shallow = built(
        "resnetblur50", (" repeat=5", ""), (", same 512 repeat=2", ""), (" repeat=3", ""), (" repeat=2", "")
    )
    equal(shallow, BlurredResNet((2, 2, 2, 1)), torch.randn(2, 3, 64, 64))


def test_swin() -> None:
    """Windows that are not whole, and a last stage of one window along an axis."""
    small = built("swin", width="8", heads="2", pairs="1", h="72", w="260")
    equal(small, Swin(8, 2), torch.randn(2, 3, 72, 260))


def test_stylegan() -> None:
    """Without its last stages, and with the last that is left as narrow as those."""
    last = "stage 512 image=y8 w=w from=y8.x"
    larger = (
        (SPECS / "stylegan2.yaml")
        .read_text(encoding="utf-8")
        .partition(f"{last} name=y16\n")[2]
        .partition("\nexpect")[0]
    )
    small = built("stylegan2", (larger, ""), (last, last.replace("512", "128")))
    equal(small, StyleGAN2((512, 128)), torch.randn(2, 512))


def test_nafnet() -> None:
    """At sides that 16 does not divide."""
    small = built("nafnet", width="4", third="2", h="20", w="36")
    equal(small, NAFNet(4, (1, 1, 1, 2)), torch.randn(2, 3, 20, 36))
