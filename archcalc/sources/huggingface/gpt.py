"""Decoders with learned positions or ALiBi and ungated feed-forward networks: GPT-2, GPT-Neo, OPT, Bloom, ..."""

from __future__ import annotations

from archcalc.sources.file import Json
from archcalc.sources.huggingface.config import Config
from archcalc.sources.huggingface.decoder import Decoder, Layer
from archcalc.sources.huggingface.model import Model
from archcalc.sources.huggingface.rotation import rotation
from archcalc.sources.writing import Spec


def _start(config: Config, eps: str, branch: str, dropout: str | None, first: str) -> Decoder:
    """A decoder with layer norms and biases everywhere; the arguments are the keys for the norm's eps and the dropouts."""
    decoder = Decoder(config)
    decoder.layernorm(eps)
    decoder.activation("hidden_act")
    decoder.gated, decoder.ff_bias, decoder.bias = False, True, "true"
    decoder.branch_dropout = config.share(branch)
    if dropout is not None:
        decoder.dropout = config.share(dropout)
    decoder.after_positions = config.share(first)
    return decoder


def _learn_positions(decoder: Decoder, offset: int = 0) -> None:
    """A position embedding, with `offset` unused leading rows."""
    decoder.learned_positions = True
    decoder.stem.append(f"posembed length=context{f'+{offset}' if offset else ''} name=embed_positions")
    decoder.drop_first(decoder.after_positions)


def _gpt2(config: Config) -> Spec:
    decoder = _start(config, "layer_norm_epsilon", "resid_pdrop", "attn_pdrop", "embd_pdrop")
    _learn_positions(decoder)
    if not config.flag("scale_attn_weights"):
        config.note("scale_attn_weights: scores are not scaled")
    if config.flag("scale_attn_by_inverse_layer_idx"):
        config.note("scale_attn_by_inverse_layer_idx: scores are divided by the layer's index plus one")
    if config.model_type == "gpt_bigcode":  # its files may hold another number of heads, which no class reads
        decoder.kv_heads = 1 if config.flag("multi_query") else decoder.heads
    for key in ("n_ctx", "inference_runner", "max_sequence_length", "max_batch_size", "pad_key_length"):
        config.value(key)
    for key in ("activation", "first_dropout", "proj_to_labels", "type", "use_proj"):
        config.value(f"summary_{key}")
    decoder.alike(None)
    return decoder.spec()


def _gpt_neo(config: Config) -> Spec:
    decoder = _start(config, "layer_norm_epsilon", "resid_dropout", None, "embed_dropout")
    _learn_positions(decoder)
    decoder.bias = "o"
    config.note("scores are not scaled, as in all models of this type")
    window = config.whole("window_size")
    near = config.words("attention_layers", ("global", "local"), decoder.depth) or _attention_types(
        config, decoder.depth
    )
    for key in ("activation", "first_dropout", "proj_to_labels", "type", "use_proj"):
        config.value(f"summary_{key}")
    config.value("attention_types")
    decoder.layers = [Layer(window if kind == "local" else None, None, "ff") for kind in near]
    return decoder.spec()


def _attention_types(config: Config, depth: int) -> list[str]:
    """`[[["global", "local"], 12]]` as the kind of each layer."""
    kinds: list[str] = []
    groups = config.value("attention_types")
    for group in groups if isinstance(groups, list) else []:
        words, times = group if isinstance(group, list) and len(group) == 2 else ([], 0)
        if isinstance(words, list) and isinstance(times, int) and 0 < times <= depth:
            kinds += [word for word in words if word in ("global", "local")] * times
    if len(kinds) != depth:
        config.wrong("attention_types", f"must say `global` or `local` for each of {depth} layers")
    return kinds


def _opt(config: Config) -> Spec:
    decoder = Decoder(config)
    config.only("layer_norm_elementwise_affine", True)
    decoder.norm = decoder.final = "layernorm"
    decoder.activation("hidden_act")
    biased = config.flag("enable_bias")
    decoder.gated, decoder.ff_bias, decoder.bias = False, biased, "true" if biased else "false"
    decoder.branch_dropout = config.share("dropout")
    config.value("activation_dropout")
    before = config.flag("do_layer_norm_before")
    if not before or config.flag("_remove_final_layer_norm"):
        decoder.final = None
    config.value("_remove_final_layer_norm")
    decoder.placement = "before" if before else "outside"
    table = config.maybe("word_embed_proj_dim") or decoder.width
    if table != decoder.width:
        decoder.table = table
    decoder.learned_positions = True
    decoder.stem.append("posembed length=context+2 name=embed_positions")
    decoder.alike(None)
    return decoder.spec()


def _bloom(config: Config) -> Spec:
    decoder = _start(config, "layer_norm_epsilon", "hidden_dropout", None, "hidden_dropout")
    config.only("apply_residual_connection_post_layernorm", False)
    for key in (
        "seq_length",
        "masked_softmax_fusion",
        "bias_dropout_fusion",
        "offset_alibi",
        "skip_bias_add",
        "skip_bias_add_qkv",
        "n_inner",
    ):
        config.value(key)
    decoder.biases = "alibi"
    decoder.stem += [f"{decoder.norm} name=words", "relposbias heads kind=alibi name=alibi", "identity from=words"]
    decoder.alike(None)
    return decoder.spec()


def _starcoder2(config: Config) -> Spec:
    decoder = _start(config, "norm_epsilon", "residual_dropout", "attention_dropout", "embedding_dropout")
    biased = config.flag("use_bias")
    decoder.ff_bias, decoder.bias = biased, "true" if biased else "false"
    config.only("norm_type", None, "layer_norm")
    config.only("mlp_type", None, "default")
    decoder.drop_first(decoder.after_positions)
    decoder.alike(rotation(config).theta, config.maybe("sliding_window"))
    return decoder.spec()


def _biogpt(config: Config) -> Spec:
    decoder = _start(
        config, "layer_norm_eps", "hidden_dropout_prob", "attention_probs_dropout_prob", "hidden_dropout_prob"
    )
    config.value("activation_dropout")
    decoder.scale_in = "width**0.5" if config.flag("scale_embedding") else None
    _learn_positions(decoder, offset=2)
    decoder.alike(None)
    return decoder.spec()


def _openai(config: Config) -> Spec:
    decoder = _start(config, "layer_norm_epsilon", "resid_pdrop", "attn_pdrop", "embd_pdrop")
    decoder.placement, decoder.final = "outside", None
    _learn_positions(decoder)
    config.value("n_special")
    config.value("predict_special_tokens")
    config.value("n_ctx")
    for key in ("activation", "first_dropout", "proj_to_labels", "type", "use_proj"):
        config.value(f"summary_{key}")
    decoder.alike(None)
    return decoder.spec()


_NAMES = {
    "n_positions": "max_position_embeddings",
    "n_embd": "hidden_size",
    "n_layer": "num_hidden_layers",
    "n_head": "num_attention_heads",
    "n_inner": "intermediate_size",
    "activation_function": "hidden_act",
}
_GPT2: dict[str, Json] = {
    "vocab_size": 50257,
    "max_position_embeddings": 1024,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "hidden_act": "gelu_new",
    "resid_pdrop": 0.1,
    "embd_pdrop": 0.1,
    "attn_pdrop": 0.1,
    "layer_norm_epsilon": 1e-5,
    "scale_attn_weights": True,
    "tie_word_embeddings": True,
}

MODELS = {
    "gpt2": Model(_gpt2, _GPT2, _NAMES),
    "gpt_bigcode": Model(_gpt2, {**_GPT2, "hidden_act": "gelu_pytorch_tanh", "multi_query": True}, _NAMES),
    "openai-gpt": Model(
        _openai,
        {**_GPT2, "vocab_size": 40478, "max_position_embeddings": 512, "hidden_act": "gelu"},
        {**_NAMES, "afn": "hidden_act"},
    ),
    "gpt_neo": Model(
        _gpt_neo,
        {
            "vocab_size": 50257,
            "max_position_embeddings": 2048,
            "hidden_size": 2048,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
            "attention_types": [[["global", "local"], 12]],
            "window_size": 256,
            "hidden_act": "gelu_new",
            "layer_norm_epsilon": 1e-5,
            "classifier_dropout": 0.1,
            "tie_word_embeddings": True,
        },
        {"num_layers": "num_hidden_layers", "num_heads": "num_attention_heads", "activation_function": "hidden_act"},
    ),
    "opt": Model(
        _opt,
        {
            "vocab_size": 50272,
            "hidden_size": 768,
            "num_hidden_layers": 12,
            "intermediate_size": 3072,
            "max_position_embeddings": 2048,
            "do_layer_norm_before": True,
            "dropout": 0.1,
            "num_attention_heads": 12,
            "hidden_act": "relu",
            "enable_bias": True,
            "layer_norm_elementwise_affine": True,
            "tie_word_embeddings": True,
        },
        {"ffn_dim": "intermediate_size", "activation_function": "hidden_act"},
    ),
    "bloom": Model(
        _bloom,
        {
            "vocab_size": 250880,
            "hidden_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 8,
            "hidden_act": "gelu_new",
            "max_position_embeddings": 2048,
            "layer_norm_epsilon": 1e-5,
            "tie_word_embeddings": True,
        },
        {
            "n_layer": "num_hidden_layers",
            "n_head": "num_attention_heads",
            "n_embed": "hidden_size",
            "n_embd": "hidden_size",
        },
    ),
    "starcoder2": Model(
        _starcoder2,
        {
            "vocab_size": 49152,
            "hidden_size": 3072,
            "intermediate_size": 12288,
            "num_hidden_layers": 30,
            "num_attention_heads": 24,
            "num_key_value_heads": 2,
            "hidden_act": "gelu_pytorch_tanh",
            "max_position_embeddings": 4096,
            "norm_epsilon": 1e-5,
            "use_bias": True,
            "tie_word_embeddings": True,
        },
    ),
    "biogpt": Model(
        _biogpt,
        {
            "vocab_size": 42384,
            "hidden_size": 1024,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
            "intermediate_size": 4096,
            "hidden_act": "gelu",
            "hidden_dropout_prob": 0.1,
            "attention_probs_dropout_prob": 0.1,
            "max_position_embeddings": 1024,
            "layer_norm_eps": 1e-12,
            "scale_embedding": True,
            "tie_word_embeddings": True,
        },
    ),
}
