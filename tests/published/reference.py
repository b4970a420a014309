"""Specs beside the same networks of timm, torchvision and transformers: with the same weights, the same outputs.

Needs them beside torch, which the tests do not: `python -m tests.published.reference [SPEC...]`. Prints for each spec the largest
difference of an output, as a share of the largest number in it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from .copied import SPECS, built, randomised

# torchvision registers shapes for operations of its compiled part, which may be of another PyTorch; no network here calls them.
_COMPILED = torch.library.Library("torchvision", "FRAGMENT")
for _name in ("nms", "qnms"):
    if not hasattr(torch.ops.torchvision, _name):
        _COMPILED.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
Sort = Callable[[list[nn.Module], nn.Module], Iterable[nn.Module]]


class Renamed(nn.Module):
    """Weights as the other implementation stores them."""

    def __init__(self, *weights: Tensor) -> None:
        super().__init__()
        for number, weight in enumerate(weights):
            self.register_parameter(f"weight{number}", nn.Parameter(weight.detach()))


def largest_difference(ours: nn.Module, theirs: nn.Module, sort: Sort, *inputs: Tensor) -> float:
    """After their weights were copied to ours: those of layers that run first, to those that run first, shape by shape."""
    order, expected = _run(randomised(theirs), inputs)
    mine, _ = _run(ours.eval(), inputs)
    modules = list(sort(order, theirs))
    for kind in ("parameters", "buffers"):
        left = list(_weights(mine, kind))
        for weight in _weights(modules, kind):
            index = next((i for i, one in enumerate(left) if one.shape == weight.shape), None)
            if index is None:
                index = next(i for i, one in enumerate(left) if one.numel() == weight.numel())
            target = left.pop(index)
            with torch.no_grad():
                target.copy_(weight.reshape(target.shape))
        assert not left, [tuple(one.shape) for one in left]
    with torch.no_grad():
        found = _listed(ours(*inputs))
    assert [one.shape for one in found] == [one.shape for one in expected]
    assert all(float(one.std()) > 1e-3 for one in expected)
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(found, expected))


def _listed(outputs: Any) -> list[Tensor]:
    return [outputs] if isinstance(outputs, Tensor) else list(outputs)


def _run(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[list[nn.Module], list[Tensor]]:
    """The modules in the order in which they run, each followed by those inside that are not called; and the outputs."""
    order: list[nn.Module] = []
    hooks = [one.register_forward_pre_hook(lambda one, _: order.append(one)) for one in module.modules()]
    with torch.no_grad():
        outputs = _listed(module(*inputs))
    for hook in hooks:
        hook.remove()
    order = list(dict.fromkeys(order))
    around = {id(child): one for one in module.modules() for child in one.children()}
    inside: dict[int, list[nn.Module]] = {}
    for one in module.modules():
        if one not in order:
            called = around[id(one)]
            while called not in order:
                called = around[id(called)]
            inside.setdefault(id(called), []).append(one)
    return [each for one in order for each in (one, *inside.get(id(one), ()))], outputs


def _weights(modules: Iterable[nn.Module], kind: str) -> Iterator[Tensor]:
    """Each once; of what is stored, the statistics and the factors of norms."""
    seen: set[int] = set()
    for module in modules:
        named = module.named_parameters(recurse=False) if kind == "parameters" else module.named_buffers(recurse=False)
        for name, one in named:
            if id(one) not in seen and (
                kind == "parameters" or name in ("running_mean", "running_var", "weight", "bias")
            ):
                seen.add(id(one))
                yield one


# -- where the two run or store something otherwise ------------------------------------------


def as_run(order: list[nn.Module], _: nn.Module) -> list[nn.Module]:
    return order


def joined(order: list[nn.Module], _: nn.Module) -> Iterator[nn.Module]:
    """Queries, keys and values in one matrix."""
    gone: set[nn.Module] = set()
    for one in order:
        if one not in gone:
            yield one
        if hasattr(one, "q_proj"):
            parts = [getattr(one, f"{letter}_proj") for letter in "qkv"]
            gone |= set(parts)
            yield Renamed(torch.cat([part.weight for part in parts]), torch.cat([part.bias for part in parts]))


def pyramid(order: list[nn.Module], _: nn.Module) -> Iterator[nn.Module]:
    """PVT: fewer places before anything is projected, and one matrix."""
    gone: set[nn.Module] = set()
    for one in order:
        if hasattr(one, "kv") and hasattr(one, "q"):
            gone |= set(one.modules())
            yield from (one.sr, one.norm) if getattr(one, "sr", None) is not None else ()
            yield Renamed(torch.cat([one.q.weight, one.kv.weight]), torch.cat([one.q.bias, one.kv.bias]))
            yield one.proj
        elif one not in gone:
            yield one


def by_head(order: list[nn.Module], _: nn.Module) -> Iterator[nn.Module]:
    """MaxViT of timm has queries, keys and values side by side for each head."""
    gone: set[nn.Module] = set()
    for one in order:
        if getattr(one, "head_first", False):
            gone.add(one.qkv)
            sizes = one.num_heads, 3, one.dim_head
            yield one
            yield Renamed(
                *(x.unflatten(0, sizes).transpose(0, 1).flatten(0, 2) for x in (one.qkv.weight, one.qkv.bias))
            )
        elif one not in gone:
            yield one


def heads_last(order: list[nn.Module], _: nn.Module) -> Iterator[nn.Module]:
    """LeViT of timm has the scores of each head in a row."""
    for one in order:
        if hasattr(one, "attention_biases"):
            yield Renamed(one.attention_biases.T)
        else:
            yield one


def branches(order: list[nn.Module], model: nn.Module) -> list[nn.Module]:
    """HRNet: what the spec writes later, or earlier."""
    names = {one: name for name, one in model.named_modules()}

    def move(part: str, before: str) -> None:
        moved = [one for one in order if names[one].startswith(part)]
        rest = [one for one in order if not names[one].startswith(part)]
        place = next(index for index, one in enumerate(rest) if names[one].startswith(before))
        order[:] = rest[:place] + moved + rest[place:]

    move("transition1.1", "stage2.0.branches.1")
    for number in range(3):
        move(f"downsamp_modules.{number}", f"incre_modules.{number + 1}")
    return order


def shortcut_last(order: list[nn.Module], _: nn.Module) -> list[nn.Module]:
    """RegNet: the path of a block before its shortcut."""
    for one in [one for one in order if getattr(one, "proj", None) is not None and hasattr(one, "f")]:
        path, shortcut = set(one.f.modules()), set(one.proj.modules())
        rest = [other for other in order if other not in shortcut]
        end = max(index for index, other in enumerate(rest) if other in path) + 1
        order = rest[:end] + [other for other in order if other in shortcut] + rest[end:]
    return order


def scale_behind(order: list[nn.Module], _: nn.Module) -> Iterator[nn.Module]:
    """ConvNeXt: the factor of a block where it is applied."""
    factors = {one.block[5]: one.layer_scale for one in order if hasattr(one, "layer_scale")}
    for one in order:
        if not hasattr(one, "layer_scale"):
            yield one
        if one in factors:
            yield Renamed(factors[one])


def positions_first(order: list[nn.Module], model: nn.Module) -> list[nn.Module]:
    """DeBERTa: its table of positions before the layers."""
    table = [model.inner.encoder.rel_embeddings, model.inner.encoder.LayerNorm]
    layers = set(model.inner.encoder.layer.modules())
    rest = [one for one in order if one not in table]
    place = next(index for index, one in enumerate(rest) if one in layers)
    return rest[:place] + table + rest[place:]


def levels_apart(order: list[nn.Module], model: nn.Module) -> Iterator[nn.Module]:
    """Deformable DETR: a vector for each level, and the queries where the decoder starts."""
    inner = model.inner.model
    for one in joined(order, model):
        if one is inner.encoder:
            yield from (Renamed(level[None]) for level in inner.level_embed)
        if one is inner.decoder:
            yield inner.query_position_embeddings
        if one not in (inner, inner.query_position_embeddings):
            yield one


# -- the networks ----------------------------------------------------------------------------


class Outputs(nn.Module):
    """A model of transformers whose outputs of these names are given as tensors."""

    def __init__(self, inner: nn.Module, key: str, *names: str) -> None:
        super().__init__()
        self.inner, self.key, self.names = inner, key, names

    def forward(self, x: Tensor) -> list[Tensor]:
        result = self.inner(**{self.key: x})
        return [getattr(result, name) for name in self.names]


def deberta() -> float:
    from transformers import DebertaV2Config, DebertaV2Model

    config = DebertaV2Config(
        vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=24,
        relative_attention=True, max_relative_positions=-1, position_buckets=8, max_position_embeddings=32,
        norm_rel_ebd="layer_norm", share_att_key=True, pos_att_type=["p2c", "c2p"], type_vocab_size=0,
        position_biased_input=False, layer_norm_eps=1e-7,
    )  # fmt: skip
    sizes = {"vocab": "50", "width": "16", "heads": "4", "hidden": "24", "depth": "2", "mid": "4", "reach": "32"}
    theirs = Outputs(DebertaV2Model(config), "input_ids", "last_hidden_state")
    lengths = (12, 40)
    return max(
        largest_difference(built("deberta-v3", **sizes, seq=str(n)), theirs, positions_first, torch.randint(50, (2, n)))
        for n in lengths
    )


def deformable_detr() -> float:
    from transformers import DeformableDetrConfig, DeformableDetrForObjectDetection, ResNetConfig

    backbone = ResNetConfig(depths=[3, 4, 6, 3], out_features=["stage2", "stage3", "stage4"])
    config = DeformableDetrConfig(
        backbone_config=backbone, use_timm_backbone=False, backbone=None, use_pretrained_backbone=False, d_model=64,
        encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=24,
        decoder_ffn_dim=24, num_queries=5, num_labels=7, auxiliary_loss=False,
    )  # fmt: skip
    sizes = {"width": "64", "heads": "4", "hidden": "24", "depth": "2", "queries": "5", "classes": "7"}
    ours = built("deformable-detr", ("3, 800, 1066", "3, 64, 96"), **sizes)
    theirs = Outputs(DeformableDetrForObjectDetection(config), "pixel_values", "logits", "pred_boxes")
    return largest_difference(ours, theirs, levels_apart, torch.randn(2, 3, 64, 96))


def of_timm(spec: str, name: str, sizes: tuple[int, int], sort: Sort, *instead: tuple[str, str], **given: str) -> float:
    import timm

    ours, theirs = built(spec, *instead, **given).double(), timm.create_model(name).double()
    return largest_difference(ours, theirs, sort, torch.randn(2, 3, *sizes).double())


def of_torchvision(spec: str, name: str, size: int, sort: Sort, **options: bool) -> float:
    import torchvision

    text = (SPECS / f"{spec}.yaml").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("input: "))
    ours = built(spec, (line.partition("  #")[0], f"input: [3, {size}, {size}]")).double()
    theirs = getattr(torchvision.models, name)(weights=None, **options).double()
    return largest_difference(ours, theirs, sort, torch.randn(2, 3, size, size).double())


_SMALL = ("3, 224, 224", "3, 64, 64")
NETWORKS: dict[str, Callable[[], float]] = {
    "convnextv2-atto": lambda: of_timm("convnextv2-atto", "convnextv2_atto", (64, 64), as_run, _SMALL),
    "deberta-v3": deberta,
    "deformable-detr": deformable_detr,
    "focalnet-t": lambda: of_timm("focalnet-t", "focalnet_tiny_srf", (64, 64), as_run, _SMALL),
    "ghostnet": lambda: of_timm("ghostnet", "ghostnet_100", (64, 64), as_run, _SMALL),
    "hrnet": lambda: of_timm("hrnet", "hrnet_w18_small", (64, 64), branches, _SMALL),
    "hrnet-w32": lambda: of_timm("hrnet-w32", "hrnet_w32", (64, 64), branches, _SMALL),
    "levit-128s": lambda: of_timm("levit-128s", "levit_128s", (224, 224), heads_last),
    "maxvit-t": lambda: of_timm("maxvit-t", "maxvit_tiny_rw_224", (224, 224), by_head),
    "mixer": lambda: of_timm("mixer", "mixer_b16_224", (224, 224), as_run),
    "mobilevit-s": lambda: of_timm("mobilevit-s", "mobilevit_s", (64, 64), as_run, ("3, 256, 256", "3, 64, 64")),
    "pvt-v2-b0": lambda: of_timm("pvt-v2-b0", "pvt_v2_b0", (64, 96), pyramid, h="64", w="96"),
    **{
        spec: partial(of_torchvision, spec, name, size, sort, **options)
        for spec, name, size, sort, options in (
            ("convnext", "convnext_tiny", 64, scale_behind, {}),
            ("densenet121", "densenet121", 64, as_run, {}),
            ("efficientnet", "efficientnet_b0", 64, as_run, {}),
            ("efficientnetv2", "efficientnet_v2_s", 64, as_run, {}),
            ("googlenet", "googlenet", 64, as_run, {"aux_logits": False, "init_weights": False}),
            ("inceptionv3", "inception_v3", 139, as_run, {"aux_logits": False, "init_weights": False}),
            ("mobilenetv2", "mobilenet_v2", 64, as_run, {}),
            ("mobilenetv3", "mobilenet_v3_large", 64, as_run, {}),
            ("regnet", "regnet_y_400mf", 64, shortcut_last, {}),
            ("resnext50", "resnext50_32x4d", 64, as_run, {}),
            ("shufflenetv2", "shufflenet_v2_x1_0", 64, as_run, {}),
            ("squeezenet1_0", "squeezenet1_0", 64, as_run, {}),
            ("squeezenet1_1", "squeezenet1_1", 64, as_run, {}),
            ("vgg11", "vgg11", 64, as_run, {}),
        )
    },
    "swinv2-t": lambda: of_timm("swinv2-t", "swinv2_tiny_window8_256", (256, 256), as_run),
}


if __name__ == "__main__":
    for spec in sys.argv[1:] or NETWORKS:
        torch.manual_seed(0)
        print(f"{spec:18} {NETWORKS[spec]():.1e}", flush=True)
