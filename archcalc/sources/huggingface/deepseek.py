"""DeepSeek V2 and V3: multi-head latent attention; most layers have experts."""

from __future__ import annotations

from archcalc.sources.file import Json
from archcalc.sources.huggingface.config import Config
from archcalc.sources.huggingface.decoder import Decoder, Experts, Layer
from archcalc.sources.huggingface.model import Model, number
from archcalc.sources.huggingface.rotation import rotation
from archcalc.sources.writing import Item, Spec


def _deepseek(config: Config) -> Spec:
    config.value("head_dim")  # derived by the classes from the sizes below
    decoder = Decoder(config)
    decoder.rms()
    decoder.activation("hidden_act")
    decoder.head, decoder.kv_heads = config.whole("v_head_dim"), decoder.heads
    decoder.ff_bias = config.flag("mlp_bias")
    for key in (
        "routed_scaling_factor", "n_group", "topk_group", "topk_method", "norm_topk_prob", "scoring_func",
        "rope_interleave", "qk_head_dim", "num_nextn_predict_layers", "ep_size",
    ):  # fmt: skip
        config.value(key)  # they affect expert selection and RoPE layout, but no count
    config.only("moe_layer_freq", 1)
    theta = rotation(config).theta
    dense = config.maybe("first_k_dense_replace", 0) or 0
    ff = config.whole("moe_intermediate_size")
    shared = config.maybe("n_shared_experts", 0) or 0
    if not shared:
        config.wrong("n_shared_experts", "layers without shared experts are not supported yet")
    decoder.experts = Experts(config.whole("n_routed_experts"), config.whole("num_experts_per_tok"), ff, shared * ff)
    decoder.layers = [Layer(None, theta, "ff" if index < dense else None) for index in range(decoder.depth)]
    decoder.attend = _latent(decoder, theta, config.flag("attention_bias"))
    return decoder.spec()


def _latent(decoder: Decoder, theta: float, biased: bool) -> list[Item]:
    """Multi-head latent attention: a head has `plain` elements and `turned` ones, which RoPE rotates."""
    config = decoder.config
    rank = config.maybe("q_lora_rank")
    decoder.sizes = {
        **({"q_rank": rank} if rank is not None else {}),
        "rank": config.whole("kv_lora_rank"),
        "plain": config.whole("qk_nope_head_dim"),
        "turned": config.whole("qk_rope_head_dim"),
        "value": decoder.head,
        "latent": True,  # false caches keys and values, as transformers does
    }
    bias = "" if biased else " bias=false"
    turn = f"rope {number(theta)}"
    queries: list[Item] = ["linear heads*(plain+turned) bias=false"]
    if rank is not None:
        queries = [f"linear q_rank{bias}", "rmsnorm", *queries]
    return [
        [*queries, "rearrange 'n (h d) -> h n d' h=heads name=q"],
        ["slice end=plain axis=2 name=q_plain"],
        ["slice start=plain axis=2 from=q", f"{turn} name=q_turned"],
        {"concat": ["q_plain", "q_turned"], "name": "queries"},
        f"linear rank+turned{bias} from=input name=short cache=latent",
        ["slice end=rank axis=1", "rmsnorm", "linear heads*(plain+value) bias=false"],
        "rearrange 'n (h d) -> h n d' h=heads name=kv",
        ["slice end=plain axis=2 name=k_plain"],
        ["slice start=plain axis=2 from=kv name=values"],
        ["slice start=rank axis=1 from=short", turn, "expand (heads)x-1x-1 name=k_turned"],
        {"concat": ["k_plain", "k_turned"], "name": "keys"},
        "sdpa q=queries k=keys v=values causal=true",
        ["rearrange 'h n d -> n (h d)'", f"linear width{bias}"],
    ]


_V3: dict[str, Json] = {
    "vocab_size": 129280,
    "hidden_size": 7168,
    "intermediate_size": 18432,
    "moe_intermediate_size": 2048,
    "num_hidden_layers": 61,
    "num_attention_heads": 128,
    "n_shared_experts": 1,
    "n_routed_experts": 256,
    "kv_lora_rank": 512,
    "q_lora_rank": 1536,
    "qk_rope_head_dim": 64,
    "v_head_dim": 128,
    "qk_nope_head_dim": 128,
    "num_experts_per_tok": 8,
    "first_k_dense_replace": 3,
    "hidden_act": "silu",
    "max_position_embeddings": 4096,
    "rms_norm_eps": 1e-6,
}

MODELS = {
    "deepseek_v3": Model(_deepseek, _V3, {"num_local_experts": "n_routed_experts"}),
    "deepseek_v2": Model(
        _deepseek,
        {
            **{key: value for key, value in _V3.items() if key != "num_experts_per_tok"},
            "vocab_size": 102400,
            "hidden_size": 4096,
            "intermediate_size": 11008,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
            "first_k_dense_replace": 0,
            "n_shared_experts": 2,
            "n_routed_experts": 64,
            "max_position_embeddings": 2048,
            "moe_intermediate_size": 1407,
        },
        {"num_experts": "n_routed_experts"},
    ),
}
