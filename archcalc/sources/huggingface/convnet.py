"""Convolutional networks: ResNet and ConvNeXt."""

from __future__ import annotations

from archcalc.sources.file import Json
from archcalc.sources.huggingface.config import Config
from archcalc.sources.huggingface.model import Model, activated, activation, architecture, labels, number
from archcalc.sources.writing import Item, Spec

_IMAGE = 224
_HEADS = ("Model", "ForImageClassification")


def _stages(config: Config) -> list[tuple[int, int]]:
    """Channels and layers of each stage."""
    channels, depths = config.wholes("hidden_sizes"), config.wholes("depths")
    if len(channels) != len(depths) or not channels:
        config.wrong("depths", "hidden_sizes and depths must be lists of equal length")
    for key in ("out_features", "out_indices", "stage_names"):
        config.value(key)  # of the backbone class
    return list(zip(channels, depths))


def _resnet(config: Config) -> Spec:
    builds = architecture(config, "Model", _HEADS)
    act = activated(activation(config, "hidden_act"))
    wide = config.word("layer_type", ("bottleneck", "basic")) == "bottleneck"
    first, inside = config.flag("downsample_in_first_stage"), config.flag("downsample_in_bottleneck")
    stem = config.whole("embedding_size")
    spec = Spec(config.model_type)
    spec.inputs = [config.whole("num_channels"), _IMAGE, _IMAGE]
    early, late = ("stride", "1") if inside else ("1", "stride")
    if wide:
        body: list[Item] = [_conv("c//4", "1", early, act), _conv("c//4", "3", late, act), _conv("c", "1", "1")]
    else:
        body = [_conv("c", "3", "stride", act), _conv("c", "3", "1")]
    before = stem
    spec.layers = [
        [f"conv {stem} kernel=7 stride=2 padding=3 bias=false", "batchnorm", *act, "maxpool 3 stride=2 padding=1"]
    ]
    for index, (channels, depth) in enumerate(_stages(config)):
        if wide and channels % 4:
            config.wrong("hidden_sizes", f"{channels} channels are too few for a quarter of them")
        stride = 2 if index or first else 1
        if stride != 1 or channels != before:
            spec.blocks["turn(c, stride)"] = [
                {"residual": {"layers": body, "shortcut": _conv("c", "1", "stride")}},
                *act,
            ]
            spec.layers.append(f"turn {channels} stride={stride}")
            depth -= 1
        before = channels
        if depth:
            spec.blocks["layer(c, stride=1)"] = [{"residual": body}, *act]
            spec.layers.append(f"layer {channels} repeat={depth}" if depth > 1 else f"layer {channels}")
    spec.layers.append(["adaptiveavgpool 1", "flatten"])
    if builds == "ForImageClassification":
        spec.layers.append(f"linear {labels(config)} name=classifier")
        spec.loss = "crossentropy"
    return spec


def _conv(channels: str, kernel: str, stride: str, act: list[Item] | None = None) -> list[Item]:
    """A convolution with its norm and an optional activation."""
    words = f"conv {channels} kernel={kernel}" + (f" stride={stride}" if stride != "1" else "")
    words += f" padding={int(kernel) // 2}" if kernel != "1" else ""
    return [f"{words} bias=false", "batchnorm", *(act or [])]


def _convnext(config: Config) -> Spec:
    """ConvNeXt, ConvNeXt V2 with response normalisation, and DINOv3's variant."""
    builds = architecture(config, "Model", _HEADS)
    act = activated(activation(config, "hidden_act"))
    kind, eps, path = config.model_type, config.number("layer_norm_eps"), config.share("drop_path_rate")
    patch = config.whole("patch_size") if kind != "dinov3_convnext" else 4
    scale = config.number("layer_scale_init_value") if kind != "convnextv2" else 0
    config.value("num_stages")
    config.value("image_size")
    spec = Spec(config.model_type)
    spec.inputs = [config.whole("num_channels"), _IMAGE, _IMAGE]
    inner = f"layernorm eps={number(eps if kind == 'dinov3_convnext' else 1e-6)}".replace(" eps=1e-5", "")
    spec.blocks["channelnorm"] = ["rearrange 'c h w -> h w c'", inner, "rearrange 'h w c -> c h w'"]
    scaled: list[Item] = [f"layerscale init={number(scale)}"] if scale > 0 or kind == "dinov3_convnext" else []
    if kind == "convnextv2":
        spec.blocks["responses"] = [
            ["norm 0x1 keepdim=true name=lengths", "mean 2 keepdim=true", "offset 1e-6 name=usual"],
            {"div": ["lengths", "usual"]},
            {"mul": ["input", "prev", ["parameter cin"]]},
            {"add": ["prev", "input", ["parameter cin"]]},
        ]
    told: list[Item] = ["responses"] if kind == "convnextv2" else []
    spec.blocks["layer(c)"] = [
        {
            "residual": [
                "conv c kernel=7 padding=3 groups=c",
                "rearrange 'c h w -> h w c'",
                [inner, "linear 4*c", *act, *told, "linear c", *scaled],
                "rearrange 'h w c -> c h w'",
                *([f"droppath {number(path)}"] if path else []),
            ]
        }
    ]
    spec.blocks["halve(c)"] = [["channelnorm", "conv c kernel=2 stride=2"]]
    stages = _stages(config)
    spec.layers = [[f"conv {stages[0][0]} kernel={patch} stride={patch}", "channelnorm"]]
    for index, (channels, depth) in enumerate(stages):
        layers = f"layer {channels} repeat={depth}" if depth > 1 else f"layer {channels}"
        spec.layers.append([f"halve {channels}", layers] if index else layers)
    norm = "layernorm" if eps == 1e-5 else f"layernorm eps={number(eps)}"
    if kind == "dinov3_convnext" and builds == "Model":
        spec.layers += [
            "rearrange 'c h w -> (h w) c' name=map",
            "mean 0 keepdim=true name=whole",
            {"concat": {"operands": ["whole", "map"], "axis": 0}},
            norm,
        ]
        return spec
    spec.layers.append(["adaptiveavgpool 1", "flatten", norm])
    if builds == "ForImageClassification":
        spec.layers.append(f"linear {labels(config)} name=classifier")
        spec.loss = "crossentropy"
    return spec


_RESNET: dict[str, Json] = {
    "num_channels": 3,
    "embedding_size": 64,
    "hidden_sizes": [256, 512, 1024, 2048],
    "depths": [3, 4, 6, 3],
    "layer_type": "bottleneck",
    "hidden_act": "relu",
}

_CONVNEXT: dict[str, Json] = {
    "num_channels": 3,
    "patch_size": 4,
    "hidden_sizes": [96, 192, 384, 768],
    "depths": [3, 3, 9, 3],
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
}

MODELS = {
    "resnet": Model(_resnet, _RESNET),
    "convnext": Model(_convnext, {**_CONVNEXT, "layer_scale_init_value": 1e-6}),
    "convnextv2": Model(_convnext, _CONVNEXT),
    "dinov3_convnext": Model(_convnext, {**_CONVNEXT, "layer_norm_eps": 1e-6, "layer_scale_init_value": 1e-6}),
}
