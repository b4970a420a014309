"""The text part of Llama 4: some layers without positions, some with routed experts and a shared one."""

from __future__ import annotations

from archcalc.sources.huggingface.config import Config
from archcalc.sources.huggingface.decoder import Decoder, Experts, Layer
from archcalc.sources.huggingface.model import Model
from archcalc.sources.huggingface.rotation import rotation
from archcalc.sources.writing import Spec

_KINDS = ("full_attention", "chunked_attention")


def _llama4(config: Config) -> Spec:
    decoder = Decoder(config)
    decoder.rms()
    decoder.activation("hidden_act")
    decoder.bias = "true" if config.flag("attention_bias") else "false"
    width, depth = decoder.ff, decoder.depth
    decoder.ff = config.whole("intermediate_size_mlp")
    theta = rotation(config, 500000.0).theta
    every = config.maybe("no_rope_layer_interval") or 4
    turns = config.wholes("no_rope_layers", 0) if config.has("no_rope_layers") else []
    turns = turns or [int((layer + 1) % every != 0) for layer in range(depth)]
    step = config.whole("interleave_moe_layer_step")
    sparse = config.wholes("moe_layers", 0) if config.has("moe_layers") else range(step - 1, depth, step)
    if len(turns) < depth:
        config.wrong("no_rope_layers", f"must have an entry for each of {depth} layers")
    config.words("layer_types", _KINDS, depth)
    chunk = config.maybe("attention_chunk_size")
    if chunk is not None:
        config.note(f"attention_chunk_size: in layers with positions, tokens attend within chunks of {chunk:,}")
    if config.flag("use_qk_norm"):
        config.note("use_qk_norm: queries and keys are normalised without weights")
    for key in ("attn_temperature_tuning", "floor_scale", "attn_scale", "for_llm_compressor"):
        config.value(key)
    config.note("the transformers class runs every expert on every token; here only the chosen ones run")
    decoder.experts = Experts(config.whole("num_local_experts"), config.whole("num_experts_per_tok"), width, width)
    experts = set(sparse)
    decoder.layers = [
        Layer(None, theta if turn else None, None if index in experts else "ff")
        for index, turn in enumerate(turns[:depth])
    ]
    return decoder.spec()


MODELS = {
    "llama4_text": Model(
        _llama4,
        {
            "vocab_size": 202048,
            "hidden_size": 5120,
            "intermediate_size": 8192,
            "intermediate_size_mlp": 16384,
            "num_hidden_layers": 48,
            "num_attention_heads": 40,
            "num_key_value_heads": 8,
            "head_dim": 128,
            "hidden_act": "silu",
            "max_position_embeddings": 131072,
            "rms_norm_eps": 1e-5,
            "num_experts_per_tok": 1,
            "num_local_experts": 16,
            "interleave_moe_layer_step": 1,
            "use_qk_norm": True,
            "attention_chunk_size": 8192,
        },
    )
}
