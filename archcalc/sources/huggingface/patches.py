"""Variations of ViT: BEiT, DINOv3, I-JEPA, VideoMAE, and AST for audio."""

from __future__ import annotations

from collections.abc import Mapping

from archcalc.sources.file import Json
from archcalc.sources.huggingface.config import Config
from archcalc.sources.huggingface.model import Model, architecture, biases, labels
from archcalc.sources.huggingface.vision import UNREACHED, VISION, VIT, Tower, pooled_by_probe
from archcalc.sources.writing import Item, Spec

_CLASSIFIES = ("Model", "ForImageClassification")
# For the backbone and segmentation classes.
_BACKBONE = (
    "apply_layernorm", "reshape_hidden_states", "out_features", "out_indices", "stage_names", "pool_scales",
    "use_auxiliary_head", "auxiliary_loss_weight", "auxiliary_channels", "auxiliary_num_convs", "add_fpn",
    "auxiliary_concat_input", "semantic_loss_ignore_index", "segmentation_indices", "encoder_stride",
)  # fmt: skip


def _start(config: Config) -> tuple[Tower, Spec]:
    for key in _BACKBONE:
        config.value(key)
    dropped = "hidden_dropout_prob" in config.defaults
    tower = Tower(config, "hidden_dropout_prob", "attention_probs_dropout_prob") if dropped else Tower(config)
    if config.maybe_number("drop_path_rate"):
        config.note("drop_path_rate: stochastic depth in training, increasing with depth")
    spec = Spec(config.model_type)
    spec.inputs, spec.hparams = tower.image(), tower.sizes()
    return tower, spec


def _layers(tower: Tower) -> Item:
    return {"repeat": "depth", "name": "encoder", "layers": tower.layer()}


def _classes(config: Config, spec: Spec) -> Item:
    spec.loss = "crossentropy"
    return f"linear {labels(config)} name=classifier"


def _plain(config: Config) -> Spec:
    """ViT-MSN and I-JEPA: no pooler; I-JEPA has no class token."""
    builds = architecture(config, "Model", _CLASSIFIES)
    tower, spec = _start(config)
    tower.bias = "true" if config.flag("qkv_bias") else "o"
    config.value("pooler_output_size")
    config.value("pooler_act")
    first: list[Item] = [] if config.model_type == "ijepa" else ["clstoken"]
    spec.layers = [*tower.patches(), [*first, "posembed", *tower.drop], _layers(tower), f"{tower.norm} name=tokens"]
    if builds != "Model":
        spec.layers += ["mean 0" if config.model_type == "ijepa" else "select 0", _classes(config, spec)]
    return spec


def _with_registers(config: Config) -> Spec:
    builds = architecture(config, "Model", _CLASSIFIES)
    tower, spec = _start(config)
    tower.bias = "true" if config.flag("qkv_bias") else "o"
    tower.scaled = True
    config.value("layerscale_value")
    ratio, tower.gated = config.whole("mlp_ratio"), config.flag("use_swiglu_ffn")
    tower.ff = tower.width * ratio
    if tower.gated:
        tower.act = "silu"
        tower.ff = (int(tower.ff * 2 / 3) + 7) // 8 * 8
    spec.hparams = tower.sizes()
    count = config.whole("num_register_tokens", 0)
    spec.layers = [
        f"parameter 1x(width) name=mask_token  {UNREACHED}",
        *_from_input(tower),
        ["clstoken", "posembed"],
        *_registers(count, tower),
        _layers(tower),
        f"{tower.norm} name=tokens",
    ]
    if builds != "Model":
        rest: Item = [f"slice {1 + count} axis=0 from=tokens", "mean 0"]
        spec.layers += [{"concat": [["select 0 from=tokens"], rest]}, _classes(config, spec)]
    return spec


def _registers(count: int, tower: Tower) -> list[Item]:
    """Learned tokens after the class token."""
    if not count:
        return [list(tower.drop)] if tower.drop else []
    joined: dict[str, Item] = {"operands": ["first", "registers", "rest"], "axis": 0}
    return [
        "identity name=placed",
        f"parameter {count}x(width) name=registers",
        ["slice end=1 axis=0 from=placed name=first"],
        ["slice 1 axis=0 from=placed name=rest"],
        {"concat": joined},
        *([list(tower.drop)] if tower.drop else []),
    ]


def _from_input(tower: Tower) -> list[Item]:
    patches = tower.patches()
    return [f"{patches[0]} from=input", *patches[1:]]


def _dinov3(config: Config) -> Spec:
    builds = architecture(config, "Model", _CLASSIFIES)
    tower, spec = _start(config)
    tower.bias = biases(
        q=config.flag("query_bias"), k=config.flag("key_bias"), v=config.flag("value_bias"), o=config.flag("proj_bias")
    )
    tower.scaled, tower.gated, tower.ff_bias = True, config.flag("use_gated_mlp"), config.flag("mlp_bias")
    config.note(f"rope_theta: 2-D RoPE by the row and column of each patch, base {config.number('rope_theta')}")
    for key in ("layerscale_value", "pos_embed_shift", "pos_embed_jitter", "pos_embed_rescale"):
        config.value(key)
    count = config.whole("num_register_tokens", 0)
    spec.layers = [
        f"parameter 1x1x(width) name=mask_token  {UNREACHED}",
        *_from_input(tower),
        "clstoken",
        *_registers(count, tower),
        _layers(tower),
        f"{tower.norm} name=tokens",
    ]
    if builds != "Model":
        rest: Item = [f"slice {1 + count} axis=0 from=tokens", "mean 0"]
        spec.layers += [{"concat": [["select 0 from=tokens"], rest]}, _classes(config, spec)]
    return spec


def _beit(config: Config) -> Spec:
    """BEiT and data2vec: relative position biases, per layer or shared; keys without a bias."""
    builds = architecture(config, "Model", _CLASSIFIES)
    tower, spec = _start(config)
    tower.bias, tower.scaled = "qvo", config.number("layer_scale_init_value") > 0
    config.value("vocab_size")
    image = tower.image()
    patch = config.whole("patch_size")
    rows, columns = int(image[1]) // patch, int(image[2]) // patch
    count, distances = rows * columns + 1, (2 * rows - 1) * (2 * columns - 1) + 3
    table: list[Item] = [
        f"parameter {distances}x(heads)",
        f"opaque 'the score of its displacement for each pair' output=(heads)x{count}x{count} name=near",
    ]
    each, shared = config.flag("use_relative_position_bias"), config.flag("use_shared_relative_position_bias")
    if each and shared:
        config.wrong(
            "use_shared_relative_position_bias", "per-layer tables together with a shared one are not supported yet"
        )
    masked = config.flag("use_mask_token")
    spec.layers = [f"parameter 1x1x(width) name=mask_token  {UNREACHED}"] if masked else []
    places = ["posembed"] if config.flag("use_absolute_position_embeddings") else []
    spec.layers += _from_input(tower) if masked else tower.patches()
    spec.layers += [["clstoken", *places, *tower.drop]]
    if shared:
        spec.layers += ["identity name=words", table, "identity from=words"]
    tower.relbias = "near" if each or shared else None
    layer = tower.layer()
    if each:
        spec.blocks["attend"] = [table, f"{_attention(layer)} from=input"]
        layer = _replaced(layer, "attend")
    spec.layers.append({"repeat": "depth", "name": "encoder", "layers": layer})
    mean = config.flag("use_mean_pooling")
    spec.layers += [] if mean else [f"{tower.norm} name=tokens"]
    if builds != "Model" or config.model_type == "beit":
        spec.layers += [["slice 1 axis=0", "mean 0", f"{tower.norm} name=pooler"] if mean else ["select 0 name=pooler"]]
    if builds != "Model":
        spec.layers.append(_classes(config, spec))
    return spec


def _attention(layer: list[Item]) -> str:
    """The line of attention in a layer."""
    first = layer[0]
    assert isinstance(first, Mapping)
    items = first["residual"]
    assert isinstance(items, list)
    return str(next(one for one in items if str(one).startswith("attention")))


def _replaced(layer: list[Item], name: str) -> list[Item]:
    """A layer whose attention is a block."""
    first = layer[0]
    assert isinstance(first, Mapping)
    items = first["residual"]
    assert isinstance(items, list)
    return [{"residual": [name if str(one).startswith("attention") else one for one in items]}, *layer[1:]]


def _ast(config: Config) -> Spec:
    builds = architecture(config, "Model", ("Model", "ForAudioClassification"))
    for key in _BACKBONE:
        config.value(key)
    tower = Tower(config, "hidden_dropout_prob", "attention_probs_dropout_prob")
    tower.bias = "true" if config.flag("qkv_bias") else "o"
    size, high, long = config.whole("patch_size"), config.whole("num_mel_bins"), config.whole("max_length")
    strides = config.whole("frequency_stride"), config.whole("time_stride")
    spec = Spec(config.model_type)
    spec.hparams, spec.inputs = tower.sizes(), [long, high]
    spec.layers = [
        [
            "rearrange 't f -> 1 f t'",
            f"conv width kernel={size} stride={strides[0]}x{strides[1]} name=patches",
            "rearrange 'c f t -> (f t) c'",
        ],
        ["clstoken", "clstoken", "posembed", *tower.drop],
        _layers(tower),
        [f"{tower.norm} name=tokens", "slice end=2 axis=0", "mean 0 name=pooler"],
    ]
    if builds != "Model":
        spec.layers += [[tower.norm, _classes(config, spec)]]
    return spec


def _videomae(config: Config) -> Spec:
    builds = architecture(config, "Model", ("Model", "ForVideoClassification"))
    tower, spec = _start(config)
    inner = config.flag("qv_bias")
    tower.bias = biases(q=inner, v=inner, o=True)
    for key in ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"):
        config.value(key.replace("num_", "decoder_num_", 1) if key.startswith("num_") else f"decoder_{key}")
    config.value("norm_pix_loss")
    frames, deep, size = config.whole("num_frames"), config.whole("tubelet_size"), config.whole("patch_size")
    image = tower.image()
    spec.inputs = [frames, *image]
    box = f"{deep}x{size}x{size}"
    spec.layers = [
        [
            "rearrange 't c h w -> c t h w'",
            f"conv width kernel={box} stride={box} name=patches",
            "rearrange 'c t h w -> (t h w) c'",
        ],
        ["posembed kind=sinusoidal", *tower.drop] if tower.drop else "posembed kind=sinusoidal",
        _layers(tower),
    ]
    mean = config.flag("use_mean_pooling")
    spec.layers += [] if mean else [f"{tower.norm} name=tokens"]
    if builds != "Model":
        spec.layers += [["mean 0", "layernorm"] if mean else "select 0", _classes(config, spec)]
    return spec


def _siglip_eyes(config: Config) -> Spec:
    architecture(config, "Model", ("Model",))
    tower, spec = _start(config)
    spec.layers = [*tower.patches(), "posembed", _layers(tower), f"{tower.norm} name=patches_read"]
    if config.flag("vision_use_head"):
        spec.layers += pooled_by_probe(tower, "width", "heads", "ff")
    return spec


_BEIT: dict[str, Json] = {
    **VIT,
    "hidden_dropout_prob": 0.0,
    "layer_scale_init_value": 0.1,
    "drop_path_rate": 0.1,
    "use_mean_pooling": True,
}

MODELS = {
    "vit_msn": Model(_plain, {**VIT, "hidden_dropout_prob": 0.0, "layer_norm_eps": 1e-6}),
    "ijepa": Model(_plain, {**VIT, "hidden_dropout_prob": 0.0}),
    "dinov2_with_registers": Model(
        _with_registers,
        {
            **VIT,
            "hidden_dropout_prob": 0.0,
            "mlp_ratio": 4,
            "layer_norm_eps": 1e-6,
            "num_register_tokens": 4,
        },
    ),
    "dinov3_vit": Model(
        _dinov3,
        {
            "patch_size": 16,
            "hidden_size": 384,
            "intermediate_size": 1536,
            "num_hidden_layers": 12,
            "num_attention_heads": 6,
            "hidden_act": "gelu",
            "layer_norm_eps": 1e-5,
            "rope_theta": 100.0,
            "image_size": 224,
            "num_channels": 3,
            "query_bias": True,
            "value_bias": True,
            "proj_bias": True,
            "mlp_bias": True,
            "num_register_tokens": 0,
        },
    ),
    "beit": Model(_beit, _BEIT),
    "data2vec-vision": Model(_beit, _BEIT),
    "audio-spectrogram-transformer": Model(
        _ast,
        {
            **VIT,
            "hidden_dropout_prob": 0.0,
            "frequency_stride": 10,
            "time_stride": 10,
            "max_length": 1024,
            "num_mel_bins": 128,
        },
    ),
    "videomae": Model(
        _videomae,
        {
            **VIT,
            "hidden_dropout_prob": 0.0,
            "num_frames": 16,
            "tubelet_size": 2,
            "qv_bias": True,
            "use_mean_pooling": True,
        },
    ),
    "siglip_vision_model": Model(_siglip_eyes, VISION),
}
