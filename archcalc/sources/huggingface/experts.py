"""Mixture-of-experts decoders: Phi-3.5-MoE, Granite, GLM 4.5, dots, FlexOlmo."""

from __future__ import annotations

from archcalc.sources.file import Json
from archcalc.sources.huggingface.config import Config
from archcalc.sources.huggingface.decoder import Decoder, Experts, Layer
from archcalc.sources.huggingface.llama import LLAMA, granite
from archcalc.sources.huggingface.model import Model
from archcalc.sources.huggingface.rotation import rotation
from archcalc.sources.writing import Spec

# They affect expert selection, but no count.
CHOOSING = ("routed_scaling_factor", "n_group", "topk_group", "topk_method", "norm_topk_prob", "scoring_func")


def _phimoe(config: Config) -> Spec:
    decoder = Decoder(config)
    decoder.layernorm("rms_norm_eps")
    decoder.activation("hidden_act")
    decoder.bias = "true" if config.flag("attention_bias") else "false"
    decoder.head_bias = config.flag("lm_head_bias")
    config.value("original_max_position_embeddings")
    config.value("hidden_dropout")
    decoder.experts = Experts(config.whole("num_local_experts"), config.whole("num_experts_per_tok"), decoder.ff)
    decoder.turn_alike(1000000.0, window=config.maybe("sliding_window"))
    return decoder.spec()


def _granitemoe(config: Config) -> Spec:
    decoder = granite(config)
    shared = config.maybe("shared_intermediate_size", 0) or None
    decoder.experts = Experts(
        config.whole("num_local_experts"), config.whole("num_experts_per_tok"), decoder.ff, shared
    )  # fmt: skip
    decoder.turn_alike()
    return decoder.spec()


def _dense_first(config: Config) -> Spec:
    """GLM 4.5 and dots.llm1: a few dense layers, then layers with routed and shared experts."""
    decoder = Decoder(config)
    decoder.rms()
    decoder.activation("hidden_act")
    glm = config.model_type == "glm4_moe"
    biased = config.flag("attention_bias")
    decoder.bias = ("qkv" if glm else "true") if biased else "false"
    decoder.qknorm = "head" if not glm or config.flag("use_qk_norm") else None
    for key in (*CHOOSING, "num_nextn_predict_layers", "num_mtp_layers"):
        config.value(key)
    turned = rotation(config, part=0.5 if glm else 1.0)
    decoder.turn(turned.part)
    dense, ff = config.maybe("first_k_dense_replace", 0) or 0, config.whole("moe_intermediate_size")
    shared = config.maybe("n_shared_experts", 0) or 0
    if not shared:
        config.wrong("n_shared_experts", "layers without shared experts are not supported yet")
    decoder.experts = Experts(config.whole("n_routed_experts"), config.whole("num_experts_per_tok"), ff, shared * ff)
    window, last = config.maybe("sliding_window"), config.maybe("max_window_layers", 0)
    near = decoder.near(lambda layer: window is not None and last is not None and layer >= last)
    decoder.layers = [
        Layer(window if one else None, turned.theta, "ff" if index < dense else None) for index, one in enumerate(near)
    ]
    return decoder.spec()


def _flex_olmo(config: Config) -> Spec:
    decoder = Decoder(config)
    decoder.rms()
    decoder.activation("hidden_act")
    decoder.bias = "true" if config.flag("attention_bias") else "false"
    decoder.placement, decoder.qknorm = "after", "width"
    config.flag("norm_topk_prob")
    decoder.experts = Experts(config.whole("num_experts"), config.whole("num_experts_per_tok"), decoder.ff)
    decoder.turn_alike(500000.0)
    return decoder.spec()


_GRANITE: dict[str, Json] = {
    **LLAMA,
    "embedding_multiplier": 1.0,
    "logits_scaling": 1.0,
    "residual_multiplier": 1.0,
    "attention_multiplier": 1.0,
    "num_local_experts": 8,
    "num_experts_per_tok": 2,
}

MODELS = {
    "phimoe": Model(
        _phimoe,
        {
            "vocab_size": 32064,
            "hidden_size": 4096,
            "intermediate_size": 6400,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "hidden_act": "silu",
            "max_position_embeddings": 131072,
            "rms_norm_eps": 1e-5,
            "num_experts_per_tok": 2,
            "num_local_experts": 16,
        },
    ),
    "granitemoe": Model(_granitemoe, _GRANITE),
    "granitemoeshared": Model(_granitemoe, _GRANITE),
    "glm4_moe": Model(
        _dense_first,
        {
            "vocab_size": 151552,
            "hidden_size": 4096,
            "intermediate_size": 10944,
            "num_hidden_layers": 46,
            "num_attention_heads": 96,
            "num_key_value_heads": 8,
            "hidden_act": "silu",
            "max_position_embeddings": 131072,
            "rms_norm_eps": 1e-5,
            "moe_intermediate_size": 1408,
            "num_experts_per_tok": 8,
            "n_shared_experts": 1,
            "n_routed_experts": 128,
            "first_k_dense_replace": 1,
        },
        {"num_local_experts": "n_routed_experts"},
    ),
    "dots1": Model(
        _dense_first,
        {
            "vocab_size": 152064,
            "hidden_size": 4608,
            "intermediate_size": 10944,
            "num_hidden_layers": 62,
            "num_attention_heads": 32,
            "num_key_value_heads": 32,
            "hidden_act": "silu",
            "max_position_embeddings": 2048,
            "rms_norm_eps": 1e-6,
            "moe_intermediate_size": 1408,
            "first_k_dense_replace": 0,
            "sliding_window": 4096,
            "max_window_layers": 62,
        },
        {"num_local_experts": "n_routed_experts"},
    ),
    "flex_olmo": Model(
        _flex_olmo,
        {
            "vocab_size": 100352,
            "hidden_size": 4096,
            "intermediate_size": 11008,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
            "hidden_act": "silu",
            "max_position_embeddings": 4096,
            "rms_norm_eps": 1e-6,
            "num_experts_per_tok": 5,
            "num_experts": 7,
        },
        {"num_local_experts": "num_experts"},
    ),
}
