"""What rules say of attention, shown in PyTorch."""

from __future__ import annotations

import pytest
import torch

import archcalc
from tests.rules.linting import findings, one
from tests.rules.shown import RULES, example, module


def test_shuffled_tokens_are_a_bag() -> None:
    net, tokens = module(example("ATT601")).eval(), torch.randint(1000, (2, 16))
    shuffled = tokens[:, torch.randperm(16)]
    assert torch.allclose(net(tokens), net(shuffled))
    ordered = module(RULES["ATT601"].section("Use instead")).eval()
    assert not torch.allclose(ordered(tokens), ordered(shuffled))


PATCHES = """model: m
input: [3, 16, 16]
layers:
  - conv 32 kernel=4 stride=4
  - rearrange 'c h w -> (h w) c'
  - clstoken
  - repeat: 2
    layers: [residual: [layernorm, attention 4 bias=qvo], residual: [layernorm, linear 64, gelu, linear 32]]
  - [layernorm, select 0, linear 10]
"""


def test_shuffled_patches_give_the_same() -> None:
    assert one(PATCHES, "ATT601").data["positions"] == 16
    net, image = module(PATCHES).eval(), torch.randn(1, 3, 16, 16, dtype=torch.double)
    patches = image.unfold(2, 4, 4).unfold(3, 4, 4).reshape(3, 16, 4, 4)[:, torch.randperm(16)]
    shuffled = patches.reshape(3, 4, 4, 4, 4).permute(0, 1, 3, 2, 4).reshape(1, 3, 16, 16)
    assert not torch.equal(image, shuffled)
    assert torch.allclose(net(image), net(shuffled))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  - clstoken\n", "  - [clstoken, posembed]\n"),
        ("kernel=4 stride=4", "kernel=7 stride=4 padding=3"),  # the padding tells the border from the middle
        ("attention 4 bias=qvo", "attention 4 bias=qvo rope=10000"),
        ("  - clstoken\n", "  - roll 1 axes=0\n  - linear 32\n"),
    ],
)
def test_patches_with_an_order(old: str, new: str) -> None:
    assert not findings(PATCHES.replace(old, new), ("ATT601",))


def test_scores_are_kept_for_the_backward_pass() -> None:
    def kept(text: str) -> set[int]:
        tensors: list[torch.Tensor] = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t: tensors.append(t) or t, lambda t: t):
            archcalc.loads(text).to_torch()(torch.randn(1, 128, 64))
        return {tensor.nbytes for tensor in tensors if tensor.shape[-2:] == (128, 128)}

    assert kept(example("ATT607")) == {one(example("ATT607"), "ATT607").data["bytes"]}
    assert not kept(RULES["ATT607"].section("Use instead"))


def test_an_unmasked_layer_shows_what_comes() -> None:
    tokens = torch.randint(1000, (1, 16))
    changed = tokens.clone()
    changed[0, -1] = (tokens[0, -1] + 1) % 1000
    leaky, tight = module(example("ATT602")).eval(), module(RULES["ATT602"].section("Use instead")).eval()
    assert not torch.allclose(leaky(tokens)[:, 0], leaky(changed)[:, 0])
    assert torch.allclose(tight(tokens)[:, :-1], tight(changed)[:, :-1])
