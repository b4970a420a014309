"""Minor variations of Llama-style decoders: Ministral, ERNIE 4.5, Nemotron, MPT, ..."""

from __future__ import annotations

from archcalc.sources.file import Json
from archcalc.sources.huggingface.config import Config
from archcalc.sources.huggingface.decoder import Decoder, Layer
from archcalc.sources.huggingface.llama import LLAMA
from archcalc.sources.huggingface.model import Model
from archcalc.sources.huggingface.rotation import rotation
from archcalc.sources.writing import Spec


def _start(config: Config) -> Decoder:
    decoder = Decoder(config)
    decoder.rms()
    decoder.activation("hidden_act")
    return decoder


def _plain(config: Config) -> Spec:
    """ERNIE 4.5, Helium, Arcee, Seed-OSS, EuroBERT and others: optional biases and gates."""
    decoder = _start(config)
    kind = config.model_type
    decoder.gated = kind != "arcee"
    if kind == "ernie4_5":
        decoder.ff_bias = config.flag("use_bias")
        decoder.bias = "true" if decoder.ff_bias else "false"
    else:
        decoder.ff_bias = config.flag("mlp_bias")
        inner = config.flag("attention_bias")
        outer = inner if kind == "arcee" else config.flag("attention_out_bias") if kind == "seed_oss" else False
        decoder.bias = {(True, True): "true", (True, False): "qkv", (False, True): "o"}.get((inner, outer), "false")
    if kind == "seed_oss":
        decoder.branch_dropout = config.share("residual_dropout")
    decoder.turn_alike()
    return decoder.spec()


def _windowed(config: Config) -> Spec:
    """Ministral and Mistral 3: windows in every layer, or by `layer_types`."""
    decoder = _start(config)
    window = config.maybe("sliding_window", 0) or None
    decoder.near_and_far(decoder.near(lambda layer: window is not None), window, rotation(config, 1e6).theta)
    return decoder.spec()


def _olmo3(config: Config) -> Spec:
    decoder = _start(config)
    decoder.bias = "true" if config.flag("attention_bias") else "false"
    decoder.placement, decoder.qknorm = "after", "width"
    window = config.maybe("sliding_window")
    near, far = (
        rotation(config, 500000.0, layers=kind).theta for kind in ("sliding_attention", "full_attention")
    )  # fmt: skip
    seen = decoder.near(lambda layer: (layer + 1) % 4 != 0)
    if window is not None and any(seen):
        config.note(f"sliding_window: in {sum(seen)} of {len(seen)} layers the window is {window} tokens")
    if near != far:
        config.note("rope_parameters: layers with windows use other angles")
    decoder.layers = [Layer(None, far, "ff")] * decoder.depth
    return decoder.spec()


def _exaone4(config: Config) -> Spec:
    """If some layers use windows, those with full attention have no positions."""
    decoder = _start(config)
    decoder.placement, decoder.qknorm = "after", "head"
    window, theta = config.maybe("sliding_window"), rotation(config).theta
    pattern = config.value("sliding_window_pattern")
    if isinstance(pattern, str) and 0 < len(pattern) <= 64 and set(pattern) <= {"L", "G"}:
        letters = pattern * decoder.depth
        near = decoder.near(lambda layer: letters[layer] == "L" and layer < decoder.depth - 1)
    else:
        every = config.maybe("sliding_window_pattern", 0) or 0
        near = decoder.near(lambda layer: bool(every) and (layer + 1) % every != 0 and layer < decoder.depth - 1)
    decoder.layers = [
        Layer(window if one else None, theta if one or window is None else None, "ff") for one in near
    ]  # fmt: skip
    return decoder.spec()


def _nemotron(config: Config) -> Spec:
    decoder = Decoder(config)
    decoder.layernorm("norm_eps")
    decoder.activation("hidden_act")
    config.note("norm weights are stored minus one")
    decoder.gated, decoder.ff_bias = False, config.flag("mlp_bias")
    decoder.bias = "true" if config.flag("attention_bias") else "false"
    decoder.turn_alike(part=0.5)
    return decoder.spec()


def _persimmon(config: Config) -> Spec:
    decoder = Decoder(config)
    decoder.layernorm("layer_norm_eps")
    decoder.activation("hidden_act")
    decoder.gated, decoder.ff_bias, decoder.bias = False, True, "true"
    decoder.branch_dropout = config.share("hidden_dropout")
    decoder.qknorm = "shared" if config.flag("qk_layernorm") else None
    decoder.turn_alike(part=0.5)
    return decoder.spec()


def _xglm(config: Config) -> Spec:
    decoder = Decoder(config)
    decoder.norm = decoder.final = "layernorm"
    decoder.activation("activation_function")
    decoder.gated, decoder.ff_bias, decoder.bias = False, True, "true"
    decoder.scale_in = "width**0.5" if config.flag("scale_embedding") else None
    decoder.branch_dropout = config.share("dropout")
    config.only("add_cross_attention", False)
    config.share("activation_dropout")
    decoder.stem = ["posembed kind=sinusoidal"]
    decoder.drop_first(decoder.branch_dropout)
    decoder.alike(None)
    return decoder.spec()


def _mpt(config: Config) -> Spec:
    decoder = Decoder(config)
    decoder.layernorm("layer_norm_epsilon", bias=False)
    decoder.act, decoder.gated = "gelu", False
    config.only("expansion_ratio", 4)  # the class accepts no other value
    config.only("no_bias", True)
    config.only("norm_type", "low_precision_layernorm")
    config.only("logit_scale", None)
    for key in ("embedding_fraction", "emb_pdrop", "resid_pdrop", "learned_pos_emb", "init_device", "verbose"):
        config.value(key)  # no class reads them
    inner = config.nested("attn_config", "mpt", {"attn_type": "multihead_attention", "alibi": True})
    inner.value("model_type")
    inner.only("attn_type", "multihead_attention")
    inner.only("prefix_lm", False)
    inner.only("qk_ln", False)
    inner.only("alibi", True)
    for key in ("attn_impl", "attn_uses_sequence_id", "alibi_bias_max", "softmax_scale", "clip_qkv"):
        inner.value(key)
    decoder.dropout = decoder.branch_dropout = inner.share("attn_pdrop")
    decoder.biases = "alibi"
    decoder.stem = ["identity name=words", "relposbias heads kind=alibi name=alibi", "identity from=words"]
    decoder.alike(None)
    return decoder.spec()


_MINISTRAL: dict[str, Json] = {
    **LLAMA,
    "intermediate_size": 14336,
    "num_key_value_heads": 8,
    "max_position_embeddings": 131072,
}

MODELS = {
    "ministral": Model(_windowed, {**_MINISTRAL, "sliding_window": 4096}),
    "ministral3": Model(
        _windowed,
        {
            **_MINISTRAL,
            "vocab_size": 131072,
            "num_hidden_layers": 34,
            "head_dim": 128,
            "max_position_embeddings": 262144,
            "rms_norm_eps": 1e-5,
        },
    ),
    "ernie4_5": Model(
        _plain,
        {
            **LLAMA,
            "vocab_size": 103424,
            "hidden_size": 1024,
            "intermediate_size": 3072,
            "num_hidden_layers": 18,
            "num_attention_heads": 16,
            "num_key_value_heads": 2,
            "head_dim": 128,
            "max_position_embeddings": 131072,
            "rms_norm_eps": 1e-5,
            "tie_word_embeddings": True,
        },
    ),
    "helium": Model(
        _plain,
        {
            **LLAMA,
            "vocab_size": 48000,
            "hidden_size": 2560,
            "intermediate_size": 7040,
            "num_hidden_layers": 24,
            "num_attention_heads": 20,
            "num_key_value_heads": 20,
            "head_dim": 128,
            "max_position_embeddings": 4096,
            "rms_norm_eps": 1e-8,
        },
    ),
    "arcee": Model(
        _plain,
        {
            **LLAMA,
            "hidden_size": 2560,
            "intermediate_size": 18432,
            "hidden_act": "relu2",
            "max_position_embeddings": 4096,
            "rms_norm_eps": 1e-5,
        },
    ),
    "seed_oss": Model(
        _plain,
        {
            **LLAMA,
            "vocab_size": 155136,
            "intermediate_size": 27648,
            "num_hidden_layers": 64,
            "num_attention_heads": 80,
            "num_key_value_heads": 8,
            "head_dim": 128,
            "max_position_embeddings": 524288,
            "attention_bias": True,
            "attention_dropout": 0.1,
            "residual_dropout": 0.1,
        },
    ),
    "olmo3": Model(_olmo3, {**LLAMA, "vocab_size": 50304, "rms_norm_eps": 1e-5, "sliding_window": 4096}),
    "exaone4": Model(
        _exaone4,
        {
            **LLAMA,
            "vocab_size": 102400,
            "intermediate_size": 16384,
            "rms_norm_eps": 1e-5,
            "sliding_window": 4096,
            "sliding_window_pattern": 4,
        },
    ),
    "nemotron": Model(
        _nemotron,
        {
            "vocab_size": 256000,
            "hidden_size": 6144,
            "intermediate_size": 24576,
            "num_hidden_layers": 32,
            "num_attention_heads": 48,
            "hidden_act": "relu2",
            "max_position_embeddings": 4096,
            "norm_eps": 1e-5,
        },
    ),
    "persimmon": Model(
        _persimmon,
        {
            "vocab_size": 262144,
            "hidden_size": 4096,
            "intermediate_size": 16384,
            "num_hidden_layers": 36,
            "num_attention_heads": 64,
            "hidden_act": "relu2",
            "max_position_embeddings": 16384,
            "layer_norm_eps": 1e-5,
            "qk_layernorm": True,
        },
    ),
    "xglm": Model(
        _xglm,
        {
            "vocab_size": 256008,
            "max_position_embeddings": 2048,
            "hidden_size": 1024,
            "intermediate_size": 4096,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
            "activation_function": "gelu",
            "dropout": 0.1,
            "attention_dropout": 0.1,
            "scale_embedding": True,
            "tie_word_embeddings": True,
        },
        {
            "attention_heads": "num_attention_heads",
            "d_model": "hidden_size",
            "num_layers": "num_hidden_layers",
            "ffn_dim": "intermediate_size",
        },
    ),
    "mpt": Model(
        _mpt,
        {
            "vocab_size": 50368,
            "hidden_size": 2048,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
            "max_position_embeddings": 2048,
            "layer_norm_epsilon": 1e-5,
            "tie_word_embeddings": True,
        },
        {
            "d_model": "hidden_size",
            "n_heads": "num_attention_heads",
            "n_layers": "num_hidden_layers",
            "max_seq_len": "max_position_embeddings",
        },
    ),
}
