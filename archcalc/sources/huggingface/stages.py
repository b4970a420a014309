"""Hierarchical vision transformers: Swin and SegFormer."""

from __future__ import annotations

from archcalc.sources.file import Json
from archcalc.sources.huggingface.config import Config
from archcalc.sources.huggingface.model import Model, activated, activation, architecture, labels, number
from archcalc.sources.writing import Item, Spec

_CLASSIFIES = ("Model", "ForImageClassification")
# For the backbone and segmentation classes, and values derived from others.
_BACKBONE = (
    "out_features", "out_indices", "stage_names", "encoder_stride", "num_layers", "hidden_size", "num_encoder_blocks",
    "semantic_loss_ignore_index", "reshape_last_stage", "image_size", "downsampling_rates", "path_norm",
)  # fmt: skip


def _start(config: Config) -> Spec:
    for key in _BACKBONE:
        config.value(key)
    if config.maybe_number("drop_path_rate"):
        config.note("drop_path_rate: stochastic depth in training, increasing with depth")
    return Spec(config.model_type)


def _drop(config: Config, key: str) -> list[Item]:
    share = config.share(key)
    return [f"dropout {number(share)}"] if share else []


def _swin(config: Config) -> Spec:
    builds = architecture(config, "Model", _CLASSIFIES)
    spec = _start(config)
    width, depths, heads = config.whole("embed_dim"), config.wholes("depths"), config.wholes("num_heads")
    if len(depths) != len(heads) or not depths:
        config.wrong("num_heads", "depths and num_heads must be lists of equal length")
    patch, window, ratio = config.whole("patch_size"), config.whole("window_size"), config.number("mlp_ratio")
    sizes = [-(-size // patch) for size in (config.wholes("image_size") * 2)[:2]]
    spec.inputs = [config.whole("num_channels"), *(config.wholes("image_size") * 2)[:2]]
    spec.hparams = {"width": width, "window": window}
    eps = config.number("layer_norm_eps")
    norm = "layernorm" if eps == 1e-5 else f"layernorm eps={number(eps)}"
    drop, act = _drop(config, "hidden_dropout_prob"), activated(activation(config, "hidden_act"))
    share = config.share("attention_probs_dropout_prob")
    line = "attention heads=heads" + ("" if config.flag("qkv_bias") else " bias=o") + " relbias=bias from=window"
    line += f" dropout={number(share)}" if share else ""
    spec.blocks = {
        "windows(heads)": [
            "pad axis=0x1 after=((window-h(input)%window)%window)x((window-w(input)%window)%window) name=padded",
            "rearrange '(y h) (x w) c -> (y x) (h w) c' h=window w=window name=places",
            "relposbias heads kind=window window=(window)x(window) name=bias",
            line.replace("from=window", "from=places"),
            "rearrange '(y x) (h w) c -> (y h) (x w) c' y=h(padded)//window h=window",
            ["slice end=h(input) axis=0", "slice end=w(input) axis=1"],
        ],
        "mlp(ff)": [{"residual": [norm, "linear ff", *act, "linear c(input)", *drop]}],
        "still(heads, ff)": [{"residual": [norm, "windows heads", *drop]}, "mlp ff"],
    }
    if any(depth > 1 for depth in depths):
        spec.blocks["shifted(heads, ff)"] = [
            {
                "residual": [
                    [norm, "roll -(window//2)x-(window//2) axes=0x1", "windows heads"],
                    ["roll (window//2)x(window//2) axes=0x1", *drop],
                ]
            },
            "mlp ff",
        ]
    if len(depths) > 1:
        spec.blocks["merge"] = [
            "pad axis=0x1 after=(h(input)%2)x(w(input)%2)",
            "rearrange '(h y) (w x) c -> h w (x y c)' x=2 y=2",
            ["layernorm", "linear cin//2 bias=false"],
        ]
    places = [f"parameter {sizes[0]}x{sizes[1]}x(width)"] if config.flag("use_absolute_embeddings") else []
    spec.layers = [[f"conv width kernel={patch} stride={patch}", "rearrange 'c h w -> h w c'", "layernorm"]]
    spec.layers += [{"add": ["prev", places]}] if places else []
    spec.layers += drop
    for index, (depth, count) in enumerate(zip(depths, heads)):
        if min(sizes) < window:
            config.wrong("window_size", f"a window of {window} does not fit into {sizes[0]} × {sizes[1]} patches")
        features = width * 2**index
        if features % count:
            config.wrong("num_heads", f"the width {features} is not divisible by {count} heads")
        words = f"{count} ff={int(ratio * features)}"
        spec.layers += ["merge"] if index else []
        spec.layers += _pairs(words, depth, min(sizes) > window)
        sizes = [-(-size // 2) for size in sizes]
    spec.layers += [[f"{norm} name=map", "mean 0x1 name=pooler"]]
    if builds != "Model":
        spec.layers.append(f"linear {labels(config)} name=classifier")
        spec.loss = "crossentropy"
    return spec


def _pairs(words: str, depth: int, shifts: bool) -> list[Item]:
    """The layers of a stage: every second one shifts its windows, if there is more than one."""
    if not shifts:
        return [f"still {words} repeat={depth}" if depth > 1 else f"still {words}"]
    pair: list[Item] = [f"still {words}", f"shifted {words}"]
    items: list[Item] = [{"repeat": depth // 2, "layers": pair}] if depth > 3 else [pair] * (depth // 2)
    return [*items, *([f"still {words}"] if depth % 2 else [])]


def _segformer(config: Config) -> Spec:
    builds = architecture(config, "Model", (*_CLASSIFIES, "ForSemanticSegmentation"))
    spec = _start(config)
    keys = ("depths", "sr_ratios", "hidden_sizes", "patch_sizes", "strides", "num_attention_heads", "mlp_ratios")
    lists = [config.wholes(key) for key in keys]
    if len({len(values) for values in lists}) != 1 or not lists[0]:
        config.wrong("depths", f"{', '.join(keys)} must be lists of equal length")
    size = config.wholes("image_size")[0] if config.has("image_size") else 512
    spec.inputs = [config.whole("num_channels"), size, size]
    drop, act = _drop(config, "hidden_dropout_prob"), activated(activation(config, "hidden_act"))
    share = config.share("attention_probs_dropout_prob")
    config.value("layer_norm_eps")  # the class's norms use their own eps
    more = f" dropout={number(share)}" if share else ""
    there, back = "rearrange 'c h w -> (h w) c'", "rearrange '(h w) c -> c h w' h=h(input)"
    spec.blocks = {
        "patches(c, k, s)": [
            "conv c kernel=k stride=s padding=k//2",
            [there, "layernorm"],
            back.replace("h(input)", "ceil(h(input)/s)"),
        ],
        "normed": [[there, "layernorm", back]],
        "attend(heads)": [[there, "layernorm", f"attention heads=heads{more}", *drop, back]],
        "reduced(heads, ratio)": [
            [there, "layernorm name=x", back],
            ["conv cin kernel=ratio stride=ratio", there, "layernorm name=few"],
            [f"attention heads=heads kv=few from=x{more}", *drop, back],
        ],
        "mix(ff)": [
            [there, "layernorm", "linear ff", back, "conv cin kernel=3 padding=1 groups=cin"],
            [*act, *drop, there, "linear c(input)", *drop, back],
        ],
    }
    for index, (depth, ratio, width, kernel, stride, heads, wide) in enumerate(zip(*lists)):
        if width % heads:
            config.wrong("num_attention_heads", f"the width {width} is not divisible by {heads} heads")
        attend = f"attend {heads}" if ratio == 1 else f"reduced {heads} ratio={ratio}"
        layer: list[Item] = [{"residual": [attend]}, {"residual": [f"mix {width * wide}"]}]
        spec.layers.append(f"patches {width} k={kernel} s={stride}")
        spec.layers += [{"repeat": depth, "layers": layer}] if depth > 1 else layer
        spec.layers.append(f"normed name=stage{index + 1}")
    used = {str(item).split()[0] for item in spec.layers} | set(_names(spec.layers))
    spec.blocks = {sig: body for sig, body in spec.blocks.items() if sig.partition("(")[0] in used}
    if builds == "ForImageClassification":
        spec.layers.append(["mean 1x2", f"linear {labels(config)} name=classifier"])
        spec.loss = "crossentropy"
    for key in ("decoder_hidden_size", "classifier_dropout_prob"):
        config.value(key)
    if builds == "ForSemanticSegmentation":
        hidden, end = config.whole("decoder_hidden_size"), _drop(config, "classifier_dropout_prob")
        count = len(lists[0])
        for index in range(count):
            line: list[Item] = [f"conv {hidden} kernel=1 from=stage{index + 1}"]
            line += ["upsample like=stage1 mode=bilinear"] if index else []
            spec.layers.append([*line[:-1], f"{line[-1]} name=part{index + 1}"])
        spec.layers += [
            {"concat": [f"part{index}" for index in range(count, 0, -1)]},
            [f"conv {hidden} kernel=1 bias=false", "batchnorm", "relu", *end],
            f"conv {labels(config)} kernel=1 name=classifier",
        ]
    return spec


def _names(items: list[Item]) -> list[str]:
    """The names of blocks that items call, at any depth."""
    found: list[str] = []
    for item in items:
        if isinstance(item, str):
            found.append(item.split()[0])
        elif isinstance(item, dict):
            for value in item.values():
                found += _names(value if isinstance(value, list) else [])
        elif isinstance(item, list):
            found += _names(item)
    return found


_SWIN: dict[str, Json] = {
    "image_size": 224,
    "patch_size": 4,
    "num_channels": 3,
    "embed_dim": 96,
    "depths": [2, 2, 6, 2],
    "num_heads": [3, 6, 12, 24],
    "window_size": 7,
    "mlp_ratio": 4.0,
    "qkv_bias": True,
    "drop_path_rate": 0.1,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-5,
}

MODELS = {
    "swin": Model(_swin, _SWIN),
    "segformer": Model(
        _segformer,
        {
            "num_channels": 3,
            "depths": [2, 2, 2, 2],
            "sr_ratios": [8, 4, 2, 1],
            "hidden_sizes": [32, 64, 160, 256],
            "patch_sizes": [7, 3, 3, 3],
            "strides": [4, 2, 2, 2],
            "num_attention_heads": [1, 2, 5, 8],
            "mlp_ratios": [4, 4, 4, 4],
            "hidden_act": "gelu",
            "classifier_dropout_prob": 0.1,
            "drop_path_rate": 0.1,
            "decoder_hidden_size": 256,
        },
    ),
}
