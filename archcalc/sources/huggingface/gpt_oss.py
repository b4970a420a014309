"""GPT-OSS: each head has a sink, a learned score that takes weight and gives no value; every layer has experts."""

from __future__ import annotations

from archcalc.sources.huggingface.config import Config
from archcalc.sources.huggingface.decoder import Decoder, Experts, Layer
from archcalc.sources.huggingface.model import Model, number
from archcalc.sources.huggingface.rotation import rotation
from archcalc.sources.writing import Item, Spec

_KINDS = ("full_attention", "sliding_attention")


def _gpt_oss(config: Config) -> Spec:
    decoder = Decoder(config)
    decoder.rms()
    config.only("hidden_act", "silu")
    theta = rotation(config, 150000.0).theta
    window, depth = config.maybe("sliding_window"), decoder.depth
    kinds = config.words("layer_types", _KINDS, depth) or ["sliding_attention", "full_attention"] * depth
    if window is not None and "sliding_attention" in kinds[:depth]:
        config.note(f"sliding_window: in some layers a token sees {window} before it")
    config.note("attention is written out for its sinks, without the mask that hides later tokens")
    config.value("initial_context_length")
    config.value("experts_per_token")
    decoder.bias = "true" if config.flag("attention_bias") else "false"
    decoder.experts = Experts(config.whole("num_local_experts"), config.whole("num_experts_per_tok"), decoder.ff)
    decoder.experts.biased = True
    decoder.layers = [Layer(None, theta, None)] * depth
    decoder.sizes = {"kv_heads": decoder.kv_heads, "head": decoder.head}
    decoder.attend = _with_sinks(decoder, theta)
    spec = decoder.spec()
    spec.blocks["expert"] = _expert(config)
    return spec


def _expert(config: Config) -> list[Item]:
    """Gate and up, both bounded: x * sigmoid(alpha * x) * (up + 1)."""
    alpha, limit = number(config.number("swiglu_alpha")), number(config.number("swiglu_limit"))
    gate: list[Item] = [
        "linear expert_ff",
        f"hardtanh low=-1e30 high={limit}",
        {"mul": ["prev", [f"scale {alpha}", "sigmoid"]]},
    ]
    up: list[Item] = ["linear expert_ff", f"hardtanh low=-{limit} high={limit}", "offset 1"]
    return [{"mul": [gate, up]}, "linear width"]


def _with_sinks(decoder: Decoder, theta: float) -> list[Item]:
    bias = "" if decoder.bias == "true" else " bias=false"
    split = "rearrange 'n (g d) -> g n d' g=kv_heads"
    return [
        [
            f"linear heads*head{bias}",
            "rearrange 'n (g r d) -> g r n d' g=kv_heads d=head",
            f"rope {number(theta)} name=q",
        ],
        [f"linear kv_heads*head{bias} from=input", split, f"rope {number(theta)} name=k"],
        [f"linear kv_heads*head{bias} from=input", f"{split} name=v"],
        "einsum: {equation: 'grnd,gmd->grnm', operands: [q, k]}",
        "scale head**-0.5 name=scores",
        ["parameter (kv_heads)x(heads//kv_heads)x1x1", "expand -1x-1x(n(input))x-1 name=sinks"],
        "concat: {operands: [scores, sinks], axis: 3}",
        ["softmax axis=3", "slice end=-1 axis=3 name=shares"],
        "einsum: {equation: 'grnm,gmd->grnd', operands: [shares, v]}",
        ["rearrange 'g r n d -> n (g r d)'", f"linear width{bias}"],
    ]


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
