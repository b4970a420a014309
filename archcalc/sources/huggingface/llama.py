"""Llama-style decoders: pre-norm, RoPE, gated feed-forward networks."""

from __future__ import annotations

from archcalc.sources.file import Json
from archcalc.sources.huggingface.config import Config
from archcalc.sources.huggingface.decoder import Decoder, Experts, Layer
from archcalc.sources.huggingface.model import Model, number
from archcalc.sources.huggingface.rotation import rotation
from archcalc.sources.writing import Spec

LLAMA: dict[str, Json] = {
    "vocab_size": 32000,
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "hidden_act": "silu",
    "max_position_embeddings": 2048,
    "rms_norm_eps": 1e-6,
}


def _start(config: Config) -> Decoder:
    decoder = Decoder(config)
    decoder.rms()
    decoder.activation("hidden_act")
    return decoder


def _llama(config: Config) -> Spec:
    decoder = _start(config)
    if config.flag("attention_bias"):
        decoder.bias = "true"
    decoder.ff_bias = config.flag("mlp_bias")
    decoder.turn_alike()
    return decoder.spec()


def _mistral(config: Config) -> Spec:
    decoder = _start(config)
    decoder.turn_alike(window=config.maybe("sliding_window"))
    return decoder.spec()


def _qwen_windows(decoder: Decoder) -> None:
    """If windows are enabled, layers from `max_window_layers` on use one."""
    config = decoder.config
    first, windows = config.maybe("max_window_layers", 0) or 0, config.flag("use_sliding_window")
    near = decoder.near(lambda layer: windows and layer >= first)
    decoder.near_and_far(near, config.maybe("sliding_window", 0) or None, rotation(config).theta)


def _qwen2(config: Config) -> Spec:
    decoder = _start(config)
    decoder.bias = "qkv"
    _qwen_windows(decoder)
    return decoder.spec()


def _qwen3(config: Config) -> Spec:
    decoder = _start(config)
    decoder.qknorm = "head"
    if config.flag("attention_bias"):
        decoder.bias = "true"
    _qwen_windows(decoder)
    return decoder.spec()


def _phi3(config: Config) -> Spec:
    decoder = _start(config)
    decoder.branch_dropout = config.share("resid_pdrop")
    decoder.drop_first(config.share("embd_pdrop"))
    config.maybe("original_max_position_embeddings")
    config.only("attention_bias", False)
    decoder.turn_alike(window=config.maybe("sliding_window"))
    return decoder.spec()


def _granite(config: Config) -> Spec:
    decoder = granite(config)
    decoder.ff_bias = config.flag("mlp_bias")
    decoder.turn_alike()
    return decoder.spec()


def granite(config: Config) -> Decoder:
    """What Granite's decoders share: multipliers of embeddings, branches, scores and logits."""
    decoder = _start(config)
    if config.flag("attention_bias"):
        decoder.bias = "true"
    factor = config.number("embedding_multiplier")
    decoder.scale_in = number(factor) if factor != 1 else None
    decoder.scale_branch = config.number("residual_multiplier")
    logits = config.number("logits_scaling")
    decoder.scale_out = 1 / logits if logits else 1
    _note_scale(decoder, "attention_multiplier", config.number("attention_multiplier"))
    return decoder


def _note_scale(decoder: Decoder, key: str, scale: float) -> None:
    """Notes a score scale other than 1/sqrt(head size)."""
    if abs(scale * decoder.head**0.5 - 1) > 1e-6:
        decoder.config.note(f"{key}: scores are scaled by {number(scale)}, not 1/sqrt({decoder.head})")


def _smollm3(config: Config) -> Spec:
    decoder = _start(config)
    if config.flag("attention_bias"):
        decoder.bias = "true"
    decoder.ff_bias = config.flag("mlp_bias")
    theta = rotation(config, 2000000.0).theta
    every = config.maybe("no_rope_layer_interval") or 4
    config.value("max_window_layers")
    turns = config.wholes("no_rope_layers", 0) if config.has("no_rope_layers") else []
    turns = turns or [int((layer + 1) % every != 0) for layer in range(decoder.depth)]
    if len(turns) < decoder.depth:
        config.wrong("no_rope_layers", f"must have an entry for each of {decoder.depth} layers")
    window = config.maybe("sliding_window", 0) or None
    windows = config.flag("use_sliding_window") and window is not None
    near = decoder.near(lambda layer: windows and not turns[layer])
    decoder.layers = [Layer(window if one else None, theta if turn else None, "ff") for one, turn in zip(near, turns)]
    return decoder.spec()


def _mixtral(config: Config) -> Spec:
    decoder = _start(config)
    decoder.experts = Experts(config.whole("num_local_experts"), config.whole("num_experts_per_tok"), decoder.ff)
    decoder.turn_alike(1000000.0, window=config.maybe("sliding_window"))
    return decoder.spec()


def _sparse(decoder: Decoder, kinds: list[Layer]) -> list[Layer]:
    """`kinds` with experts in every `decoder_sparse_step`-th layer except `mlp_only_layers`."""
    config = decoder.config
    step, dense = config.whole("decoder_sparse_step"), set(config.wholes("mlp_only_layers", 0))
    return [
        layer if index in dense or (index + 1) % step else Layer(layer.window, layer.theta, None)
        for index, layer in enumerate(kinds)
    ]


def _qwen2_moe(config: Config) -> Spec:
    decoder = _start(config)
    decoder.bias = "qkv" if config.flag("qkv_bias") else "false"
    config.flag("norm_topk_prob")
    _qwen_windows(decoder)
    decoder.experts = Experts(
        config.whole("num_experts"),
        config.whole("num_experts_per_tok"),
        config.whole("moe_intermediate_size"),
        config.whole("shared_expert_intermediate_size"),
        gated=True,
    )
    decoder.layers = _sparse(decoder, decoder.layers)
    return decoder.spec()


def _qwen3_moe(config: Config) -> Spec:
    decoder = _start(config)
    decoder.qknorm = "head"
    decoder.bias = "true" if config.flag("attention_bias") else "false"
    config.flag("norm_topk_prob")
    config.maybe("max_window_layers", 0)
    window = (config.maybe("sliding_window", 0) or None) if config.flag("use_sliding_window") else None
    config.value("sliding_window")
    theta = rotation(config).theta
    decoder.experts = Experts(
        config.whole("num_experts"), config.whole("num_experts_per_tok"), config.whole("moe_intermediate_size")
    )
    decoder.layers = _sparse(decoder, [Layer(window, theta, "ff")] * decoder.depth)
    return decoder.spec()


MODELS = {
    "llama": Model(_llama, LLAMA),
    "mistral": Model(
        _mistral,
        {
            **LLAMA,
            "intermediate_size": 14336,
            "num_key_value_heads": 8,
            "max_position_embeddings": 131072,
            "sliding_window": 4096,
        },
    ),
    "qwen2": Model(
        _qwen2,
        {
            **LLAMA,
            "vocab_size": 151936,
            "intermediate_size": 22016,
            "num_key_value_heads": 32,
            "max_position_embeddings": 32768,
            "use_sliding_window": False,
            "sliding_window": 4096,
            "max_window_layers": 28,
        },
    ),
    "qwen3": Model(
        _qwen3,
        {
            **LLAMA,
            "vocab_size": 151936,
            "intermediate_size": 22016,
            "num_key_value_heads": 32,
            "head_dim": 128,
            "max_position_embeddings": 32768,
            "use_sliding_window": False,
            "sliding_window": 4096,
            "max_window_layers": 28,
        },
    ),
    "phi3": Model(
        _phi3,
        {
            **LLAMA,
            "vocab_size": 32064,
            "hidden_size": 3072,
            "intermediate_size": 8192,
            "max_position_embeddings": 4096,
            "rms_norm_eps": 1e-5,
        },
    ),
    "granite": Model(
        _granite,
        {
            **LLAMA,
            "embedding_multiplier": 1.0,
            "logits_scaling": 1.0,
            "residual_multiplier": 1.0,
            "attention_multiplier": 1.0,
        },
    ),
    "smollm3": Model(
        _smollm3,
        {
            **LLAMA,
            "vocab_size": 128256,
            "hidden_size": 2048,
            "num_hidden_layers": 36,
            "num_attention_heads": 16,
            "num_key_value_heads": 4,
            "max_position_embeddings": 32768,
            "tie_word_embeddings": True,
        },
    ),
    "mixtral": Model(
        _mixtral,
        {
            **LLAMA,
            "intermediate_size": 14336,
            "num_key_value_heads": 8,
            "max_position_embeddings": 131072,
            "rms_norm_eps": 1e-5,
            "num_experts_per_tok": 2,
            "num_local_experts": 8,
        },
        {"num_experts": "num_local_experts"},
    ),
    "qwen2_moe": Model(
        _qwen2_moe,
        {
            **LLAMA,
            "vocab_size": 151936,
            "hidden_size": 2048,
            "intermediate_size": 5632,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
            "num_key_value_heads": 16,
            "max_position_embeddings": 32768,
            "sliding_window": 4096,
            "max_window_layers": 28,
            "decoder_sparse_step": 1,
            "moe_intermediate_size": 1408,
            "shared_expert_intermediate_size": 5632,
            "num_experts_per_tok": 4,
            "num_experts": 60,
            "mlp_only_layers": [],
            "qkv_bias": True,
        },
    ),
    "qwen3_moe": Model(
        _qwen3_moe,
        {
            **LLAMA,
            "vocab_size": 151936,
            "hidden_size": 2048,
            "intermediate_size": 6144,
            "num_hidden_layers": 24,
            "num_attention_heads": 32,
            "num_key_value_heads": 4,
            "max_position_embeddings": 32768,
            "sliding_window": 4096,
            "decoder_sparse_step": 1,
            "moe_intermediate_size": 768,
            "num_experts_per_tok": 8,
            "num_experts": 128,
            "mlp_only_layers": [],
        },
        {"num_local_experts": "num_experts"},
    ),
}
