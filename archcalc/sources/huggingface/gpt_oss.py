"""GPT-OSS: attention sinks, i.e. a learned score per head without a value; every layer has experts."""

from __future__ import annotations

from archcalc.sources.huggingface.config import Config
from archcalc.sources.huggingface.decoder import Decoder, Experts
from archcalc.sources.huggingface.model import Model, number
from archcalc.sources.huggingface.rotation import rotation
from archcalc.sources.writing import Item, Spec

_KINDS = ("full_attention", "sliding_attention")


def _gpt_oss(config: Config) -> Spec:
    decoder = Decoder(config)
    decoder.rms()
    config.only("hidden_act", "silu")
    theta = rotation(config, 150000.0).theta
    depth = decoder.depth
    kinds = config.words("layer_types", _KINDS, depth) or ["sliding_attention", "full_attention"] * depth
    near = [kind == "sliding_attention" for kind in kinds[:depth]]
    config.value("initial_context_length")
    config.value("experts_per_token")
    decoder.bias = "true" if config.flag("attention_bias") else "false"
    decoder.experts = Experts(config.whole("num_local_experts"), config.whole("num_experts_per_tok"), decoder.ff)
    decoder.experts.biased = True
    decoder.near_and_far(near, config.maybe("sliding_window"), theta)
    decoder.sinks = True
    spec = decoder.spec()
    spec.blocks["expert"] = _expert(config)
    return spec


def _expert(config: Config) -> list[Item]:
    """Gate and up, both clamped: x * sigmoid(alpha * x) * (up + 1)."""
    alpha, limit = number(config.number("swiglu_alpha")), number(config.number("swiglu_limit"))
    gate: list[Item] = [
        "linear expert_ff",
        f"hardtanh low=-1e30 high={limit}",
        {"mul": ["prev", [f"scale {alpha}", "sigmoid"]]},
    ]
    up: list[Item] = ["linear expert_ff", f"hardtanh low=-{limit} high={limit}", "offset 1"]
    return [{"mul": [gate, up]}, "linear width"]


MODELS = {
    "gpt_oss": Model(
        _gpt_oss,
        {
            "num_hidden_layers": 36,
            "num_local_experts": 128,
            "vocab_size": 201088,
            "hidden_size": 2880,
            "intermediate_size": 2880,
            "head_dim": 64,
            "num_attention_heads": 64,
            "num_key_value_heads": 8,
            "sliding_window": 128,
            "hidden_act": "silu",
            "max_position_embeddings": 131072,
            "rms_norm_eps": 1e-5,
            "num_experts_per_tok": 4,
            "swiglu_alpha": 1.702,
            "swiglu_limit": 7.0,
            "attention_bias": True,
        },
        {"num_experts": "num_local_experts"},
    )
}
