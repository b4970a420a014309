"""wav2vec 2.0 and HuBERT: convolutions over audio samples, then a transformer with convolutional positions."""

from __future__ import annotations

from archcalc.sources.file import Json
from archcalc.sources.huggingface.config import Config
from archcalc.sources.huggingface.model import Model, activated, activation, architecture, labels, number
from archcalc.sources.writing import Item, Spec

_HEADS = ("Model", "ForCTC", "ForSequenceClassification")


def _drop(config: Config, key: str) -> list[Item]:
    share = config.share(key)
    return [f"dropout {number(share)}"] if share else []


def _wav2vec2(config: Config) -> Spec:
    builds = architecture(config, "Model", _HEADS)
    width, heads = config.whole("hidden_size"), config.whole("num_attention_heads")
    if width % heads:
        config.wrong("num_attention_heads", f"the width {width} is not divisible by {heads} heads")
    _only_plain(config)
    spec = Spec(config.model_type)
    spec.hparams = {"width": width, "heads": heads, "ff": config.whole("intermediate_size")}
    spec.hparams |= {"depth": config.layers("num_hidden_layers")}
    spec.dims, spec.inputs = {"samples": 16000}, ["samples"]
    before = config.flag("do_stable_layer_norm")
    eps = config.number("layer_norm_eps")
    norm = "layernorm" if eps == 1e-5 else f"layernorm eps={number(eps)}"
    drop = _drop(config, "hidden_dropout")
    spec.layers = []
    masked = [config.share("mask_time_prob"), config.share("mask_feature_prob")]
    if any(masked):
        note = "# archcalc: ignore[GRF701] takes the place of steps that are masked in training"
        spec.layers.append(f"parameter (width) name=masked  {note}")
        spec.layers.append("reshape 1x-1 from=input")
    else:
        spec.layers.append("reshape 1x-1")
    spec.layers += _ears(config)
    projected: list[Item] = [norm] if config.flag("feat_proj_layer_norm") else []
    spec.layers += [["transpose", *projected, "linear width name=features", *_drop(config, "feat_proj_dropout")]]
    spec.layers += _places(config)
    spec.layers += [[*([] if before else [norm]), *drop]] if drop or not before else []
    spec.layers.append({"repeat": "depth", "name": "encoder", "layers": _layer(config, norm, drop, before)})
    spec.layers += [norm] if before else []
    if builds == "ForCTC":
        spec.layers += [*_drop(config, "final_dropout"), f"linear {config.whole('vocab_size')} name=lm_head"]
    elif builds == "ForSequenceClassification":
        spec.layers += [[f"linear {config.whole('classifier_proj_size')}", "mean 0", f"linear {labels(config)}"]]
        spec.loss = "crossentropy"
    return spec


def _only_plain(config: Config) -> None:
    """Rejects what specs of this type cannot express yet, and keys of unsupported classes."""
    config.only("add_adapter", False)
    config.only("adapter_attn_dim", None)
    config.only("use_weighted_layer_sum", False)
    config.only("conv_pos_batch_norm", False)
    for key in (
        "vocab_size", "classifier_proj_size", "final_dropout", "feat_quantizer_dropout", "num_codevectors_per_group",
        "num_codevector_groups", "codevector_dim", "proj_codevector_dim", "tdnn_dim", "tdnn_kernel", "tdnn_dilation",
        "xvector_output_dim", "adapter_kernel_size", "adapter_stride", "num_adapter_layers", "output_hidden_size",
        "num_feat_extract_layers", "feat_extract_dropout", "mask_channel_length", "mask_channel_min_space",
        "mask_channel_other", "mask_channel_prob", "mask_channel_selection", "mask_time_min_space", "mask_time_other",
        "mask_time_selection", "hidden_dropout_prob", "num_ctc_classes",
    ):  # fmt: skip
        config.value(key)


def _ears(config: Config) -> list[Item]:
    """The convolutions over the samples, with equal neighbours as a repeat."""
    channels, kernels, strides = (config.wholes(f"conv_{key}") for key in ("dim", "kernel", "stride"))
    if not len(channels) == len(kernels) == len(strides) > 0:
        config.wrong("conv_dim", "conv_dim, conv_kernel and conv_stride must be lists of equal length")
    bias = "" if config.flag("conv_bias") else " bias=false"
    act = activated(activation(config, "feat_extract_activation"))
    each = config.word("feat_extract_norm", ("group", "layer")) == "layer"
    items: list[Item] = []
    layers: list[list[Item]] = []
    for index, (size, kernel, stride) in enumerate(zip(channels, kernels, strides)):
        line = f"conv {size} kernel={kernel} stride={stride}{bias}"
        norm: list[Item] = ["transpose", "layernorm", "transpose"] if each else [f"groupnorm {size}"] * (index == 0)
        layers.append([line, *norm, *act])
    while layers:
        same = next((n for n, layer in enumerate(layers) if layer != layers[0]), len(layers))
        items.append(layers[0] if same == 1 else {"repeat": same, "layers": layers[0]})
        layers = layers[same:]
    return items


def _places(config: Config) -> list[Item]:
    """The convolution that encodes positions; weight norm splits its weights into directions and a length per tap."""
    taps, groups = config.whole("num_conv_pos_embeddings"), config.whole("num_conv_pos_embedding_groups")
    act = activated(activation(config, "feat_extract_activation"))
    cut: list[Item] = ["slice end=-1 axis=1"] if taps % 2 == 0 else []
    conv = f"conv width kernel={taps} padding={taps // 2} groups={groups} name=positions"
    return [
        "identity name=steps",
        f"parameter {taps} name=lengths  # archcalc: ignore[GRF701] weight norm: the length of each tap's weights",
        "identity from=steps",
        {"residual": ["transpose", conv, *cut, *act, "transpose"]},
    ]


def _layer(config: Config, norm: str, drop: list[Item], before: bool) -> list[Item]:
    share = config.share("attention_dropout")
    attend = "attention heads=heads" + (f" dropout={number(share)}" if share else "")
    act = activated(activation(config, "hidden_act"))
    ff: list[Item] = ["linear ff", *act, *_drop(config, "activation_dropout"), "linear width", *drop]
    if before:
        return [{"residual": [norm, attend, *drop]}, {"residual": [norm, *ff]}]
    return [{"residual": [attend, *drop]}, norm, {"residual": ff}, norm]


_WAV2VEC2: dict[str, Json] = {
    "vocab_size": 32,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "hidden_act": "gelu",
    "hidden_dropout": 0.1,
    "activation_dropout": 0.1,
    "attention_dropout": 0.1,
    "feat_proj_layer_norm": True,
    "final_dropout": 0.1,
    "layer_norm_eps": 1e-5,
    "feat_extract_norm": "group",
    "feat_extract_activation": "gelu",
    "conv_dim": [512] * 7,
    "conv_stride": [5, 2, 2, 2, 2, 2, 2],
    "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
    "num_conv_pos_embeddings": 128,
    "num_conv_pos_embedding_groups": 16,
    "mask_time_prob": 0.05,
    "classifier_proj_size": 256,
}

MODELS = {"wav2vec2": Model(_wav2vec2, _WAV2VEC2), "hubert": Model(_wav2vec2, _WAV2VEC2)}
