"""Decoders with parallel attention and feed-forward networks: GPT-J, GPT-NeoX, Phi, Falcon, ..."""

from __future__ import annotations

from archcalc.sources.file import Json
from archcalc.sources.huggingface.config import Config
from archcalc.sources.huggingface.decoder import Decoder, Layer
from archcalc.sources.huggingface.model import Model
from archcalc.sources.huggingface.rotation import rotation
from archcalc.sources.writing import Spec


def _gptj(config: Config) -> Spec:
    decoder = Decoder(config)
    decoder.layernorm("layer_norm_epsilon")
    decoder.activation("hidden_act")
    decoder.parallel = "together"
    decoder.gated, decoder.ff_bias, decoder.head_bias = False, True, True
    decoder.dropout = config.share("attn_pdrop")
    decoder.branch_dropout = config.share("resid_pdrop")
    decoder.drop_first(config.share("embd_pdrop"))
    turned = config.maybe("rotary_dim") or decoder.head
    decoder.turned = turned if turned != decoder.head else None
    config.value("rotary")
    config.value("n_ctx")
    config.value("scale_attn_weights")
    for key in (
        "summary_activation",
        "summary_first_dropout",
        "summary_proj_to_labels",
        "summary_type",
        "summary_use_proj",
    ):
        config.value(key)
    decoder.alike(10000.0)
    return decoder.spec()


def _gpt_neox(config: Config) -> Spec:
    decoder = Decoder(config)
    decoder.layernorm("layer_norm_eps")
    decoder.activation("hidden_act")
    for key in ("hidden_dropout_prob", "attention_probs_dropout_prob"):
        config.only(key, 0)  # from early files; no class reads them
    decoder.parallel = "apart" if config.flag("use_parallel_residual") else None
    decoder.gated, decoder.ff_bias = False, True
    decoder.bias = "true" if config.flag("attention_bias") else "false"
    decoder.branch_dropout = config.share("hidden_dropout")
    decoder.turn_alike(part=0.25)
    return decoder.spec()


def _phi(config: Config) -> Spec:
    decoder = Decoder(config)
    decoder.layernorm("layer_norm_eps")
    decoder.activation("hidden_act")
    decoder.parallel = "together"
    decoder.gated, decoder.ff_bias, decoder.head_bias, decoder.bias = False, True, True, "true"
    decoder.branch_dropout = config.share("resid_pdrop")
    decoder.drop_first(config.share("embd_pdrop"))
    decoder.qknorm = "shared" if config.flag("qk_layernorm") else None
    decoder.turn_alike(part=0.5)
    return decoder.spec()


def _stablelm(config: Config) -> Spec:
    decoder = Decoder(config)
    decoder.layernorm("layer_norm_eps")
    decoder.activation("hidden_act")
    decoder.parallel = "together" if config.flag("use_parallel_residual") else None
    decoder.bias = "qkv" if config.flag("use_qkv_bias") else "false"
    decoder.branch_dropout = config.share("hidden_dropout")
    decoder.qknorm = "each" if config.flag("qk_layernorm") else None
    decoder.turn_alike(part=0.25)
    return decoder.spec()


def _cohere(config: Config) -> Spec:
    decoder = _commanding(config)
    decoder.qknorm = "each" if config.flag("use_qk_norm") else None
    decoder.turn_alike(500000.0)
    return decoder.spec()


def _cohere2(config: Config) -> Spec:
    decoder = _commanding(config)
    window, theta = config.maybe("sliding_window"), rotation(config).theta
    every = config.maybe("sliding_window_pattern") or config.maybe("_sliding_window_pattern") or 4
    config.value("rotary_pct")
    near = decoder.near(lambda layer: (layer + 1) % every != 0)
    decoder.layers = [Layer(window, theta, "ff") if one else Layer(None, None, "ff") for one in near]
    return decoder.spec()


def _commanding(config: Config) -> Decoder:
    """What both Command generations share: norms without a bias, and scaled logits."""
    decoder = Decoder(config)
    decoder.layernorm("layer_norm_eps", bias=False)
    decoder.activation("hidden_act")
    decoder.parallel = "together"
    decoder.bias = "true" if config.flag("attention_bias") else "false"
    decoder.scale_out = config.number("logit_scale")
    return decoder


def _falcon(config: Config) -> Spec:
    decoder = Decoder(config)
    decoder.layernorm("layer_norm_epsilon")
    decoder.activation("hidden_act")
    newer, parallel = config.flag("new_decoder_architecture"), config.flag("parallel_attn")
    several = config.flag("multi_query")
    given = config.maybe("num_kv_heads")
    decoder.kv_heads = (given or decoder.heads) if newer else 1 if several else decoder.heads
    norms = config.maybe("num_ln_in_parallel_attn") or (2 if newer else 1)
    if newer and not parallel:
        config.only("parallel_attn", True)
    config.value("apply_residual_connection_post_layernorm")
    decoder.parallel = None if not parallel else "apart" if newer and norms == 2 else "together"
    bias = config.flag("bias")
    decoder.bias, decoder.ff_bias, decoder.gated = ("true" if bias else "false"), bias, False
    decoder.branch_dropout = config.share("hidden_dropout")
    theta: float | None = rotation(config).theta
    if config.flag("alibi"):
        decoder.biases, theta = "alibi", None
        decoder.stem += ["identity name=words", "relposbias heads kind=alibi name=alibi", "identity from=words"]
    decoder.alike(theta)
    return decoder.spec()


_GPTJ: dict[str, Json] = {
    "vocab_size": 50400,
    "max_position_embeddings": 2048,
    "hidden_size": 4096,
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
    "rotary_dim": 64,
    "hidden_act": "gelu_new",
    "resid_pdrop": 0.0,
    "embd_pdrop": 0.0,
    "attn_pdrop": 0.0,
    "layer_norm_epsilon": 1e-5,
}
_GPTJ_NAMES = {
    "n_positions": "max_position_embeddings",
    "n_embd": "hidden_size",
    "n_layer": "num_hidden_layers",
    "n_head": "num_attention_heads",
    "n_inner": "intermediate_size",
    "activation_function": "hidden_act",
}
_COHERE: dict[str, Json] = {
    "vocab_size": 256000,
    "hidden_size": 8192,
    "intermediate_size": 22528,
    "logit_scale": 0.0625,
    "num_hidden_layers": 40,
    "num_attention_heads": 64,
    "hidden_act": "silu",
    "max_position_embeddings": 8192,
    "layer_norm_eps": 1e-5,
    "tie_word_embeddings": True,
}

MODELS = {
    "gptj": Model(_gptj, _GPTJ, _GPTJ_NAMES),
    "codegen": Model(_gptj, _GPTJ, _GPTJ_NAMES),
    "gpt_neox": Model(
        _gpt_neox,
        {
            "vocab_size": 50432,
            "hidden_size": 6144,
            "num_hidden_layers": 44,
            "num_attention_heads": 64,
            "intermediate_size": 24576,
            "hidden_act": "gelu",
            "classifier_dropout": 0.1,
            "max_position_embeddings": 2048,
            "layer_norm_eps": 1e-5,
            "use_parallel_residual": True,
            "attention_bias": True,
        },
        {"rotary_pct": "partial_rotary_factor", "rotary_emb_base": "rope_theta"},
    ),
    "phi": Model(
        _phi,
        {
            "vocab_size": 51200,
            "hidden_size": 2048,
            "intermediate_size": 8192,
            "num_hidden_layers": 24,
            "num_attention_heads": 32,
            "hidden_act": "gelu_new",
            "max_position_embeddings": 2048,
            "layer_norm_eps": 1e-5,
        },
    ),
    "stablelm": Model(
        _stablelm,
        {
            "vocab_size": 50304,
            "hidden_size": 2560,
            "intermediate_size": 6912,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
            "num_key_value_heads": 32,
            "hidden_act": "silu",
            "max_position_embeddings": 4096,
            "layer_norm_eps": 1e-5,
        },
        {"rope_pct": "partial_rotary_factor", "norm_eps": "layer_norm_eps"},
    ),
    "cohere": Model(_cohere, _COHERE),
    "cohere2": Model(_cohere2, {**_COHERE, "sliding_window": 4096}),
    "falcon": Model(
        _falcon,
        {
            "vocab_size": 65024,
            "hidden_size": 4544,
            "num_hidden_layers": 32,
            "num_attention_heads": 71,
            "layer_norm_epsilon": 1e-5,
            "multi_query": True,
            "parallel_attn": True,
            "max_position_embeddings": 2048,
            "hidden_act": "gelu",
            "tie_word_embeddings": True,
        },
        {
            "n_head": "num_attention_heads",
            "n_layer": "num_hidden_layers",
            "n_embed": "hidden_size",
            "n_head_kv": "num_kv_heads",
            "ffn_hidden_size": "intermediate_size",
            "activation": "hidden_act",
        },
    ),
}
