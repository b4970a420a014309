"""Hybrid decoders, in which some layers use a state instead of attention: Qwen3-Next, Jamba, Bamba, LFM2."""

from __future__ import annotations

from archcalc.sources.huggingface.config import Config
from archcalc.sources.huggingface.decoder import Decoder, Experts, Layer
from archcalc.sources.huggingface.mamba import mixer
from archcalc.sources.huggingface.mamba2 import BY_STEPS, RUNS, mixer2
from archcalc.sources.huggingface.model import Model, number
from archcalc.sources.huggingface.rotation import rotation
from archcalc.sources.writing import Item, Spec

_KINDS = ("full_attention", "linear_attention")


def _kinds(decoder: Decoder, attends: list[bool]) -> list[bool]:
    """Which layers have attention: by `layer_types`, else by `attends`."""
    given = decoder.config.words("layer_types", _KINDS, decoder.depth)
    return attends if given is None else [kind == "full_attention" for kind in given]


def _qwen3_next(config: Config) -> Spec:
    decoder = Decoder(config)
    decoder.rms()
    decoder.activation("hidden_act")
    decoder.bias = "true" if config.flag("attention_bias") else "false"
    config.flag("norm_topk_prob")
    config.note("norm weights are stored minus one")
    turned = rotation(config, part=0.25)
    decoder.turn(turned.part)
    every = config.maybe("full_attention_interval") or 4
    attends = _kinds(decoder, [(index + 1) % every == 0 for index in range(decoder.depth)])
    step, dense = config.whole("decoder_sparse_step"), set(config.wholes("mlp_only_layers", 0))
    experts = config.whole("num_experts", 0)
    if experts:
        decoder.experts = Experts(
            experts,
            config.whole("num_experts_per_tok"),
            config.whole("moe_intermediate_size"),
            config.whole("shared_expert_intermediate_size"),
            gated=True,
        )
    sizes, delta = _delta(config)
    decoder.sizes = {"head": decoder.head, **sizes}
    decoder.attend = _gated(decoder, turned.theta)
    decoder.mixers["delta"] = delta
    decoder.layers = [
        Layer(
            None,
            turned.theta,
            None if experts and index not in dense and (index + 1) % step == 0 else "ff",
            None if attend else "delta",
        )
        for index, attend in enumerate(attends)
    ]
    return decoder.spec()


def _gated(decoder: Decoder, theta: float) -> list[Item]:
    """Attention with query and key norms and a gate on the output of each head."""
    shared = decoder.kv_heads != decoder.heads
    bias = "" if decoder.bias == "true" else " bias=false"
    turn = f"rope {number(theta)}" + (f" dim={decoder.turned}" if decoder.turned is not None else "")
    split = "rearrange 'n (g r d) -> g r n d' g=kv_heads d=head" if shared else "rearrange 'n (h d) -> h n d' d=head"
    split_kv = "rearrange 'n (g d) -> g 1 n d' d=head" if shared else split
    spread = ["expand -1x(heads//kv_heads)x-1x-1"] if shared else []
    inner = "kv_heads*head" if shared else "heads*head"
    back = "rearrange 'g r n d -> n (g r d)'" if shared else "rearrange 'h n d -> n (h d)'"
    return [
        [f"linear 2*heads*head{bias}", "rearrange 'n (h d) -> n h d' h=heads name=both"],
        ["slice start=head axis=2 from=both", "rearrange 'n h d -> n (h d)'", "sigmoid name=gate"],
        ["slice end=head axis=2 from=both", "rearrange 'n h d -> n (h d)'", split, decoder.norm, f"{turn} name=q"],
        [f"linear {inner}{bias} from=input", split_kv, decoder.norm, turn, *spread, "identity name=k"],
        [f"linear {inner}{bias} from=input", split_kv, *spread, "identity name=v"],
        ["sdpa q=q k=k v=v causal=true", back],
        {"mul": ["prev", "gate"]},
        f"linear width{bias}",
    ]


def _delta(config: Config) -> tuple[dict[str, int], list[Item]]:
    """The gated delta rule: a key-value state per head, scanned in chunks of 64."""
    keys, values = config.whole("linear_num_key_heads"), config.whole("linear_num_value_heads")
    if values % keys:
        config.wrong("linear_num_value_heads", f"{values} value heads are not divisible by {keys} key heads")
    taps = config.whole("linear_conv_kernel_dim")
    key, value = config.whole("linear_key_head_dim"), config.whole("linear_value_head_dim")
    sizes = {"key_heads": keys, "value_heads": values, "key": key, "value": value}
    k, v, whole = "key_heads*key", "value_heads*value", "ceil(size(x, 0)/64)"
    cut = ["slice end=n(input) axis=1"] if taps > 1 else []
    items: list[Item] = [
        f"linear 2*{k}+2*{v} bias=false name=all",
        [f"slice start=2*{k}+{v} axis=1", "rearrange 'n (h d) -> n h d' h=value_heads", "silu name=gate"],
        [
            f"slice end=2*{k}+{v} axis=1 from=all",
            "transpose",
            f"conv cin kernel={taps} padding={taps - 1} groups=cin bias=false",
            *cut,
            "silu",
            "transpose name=x",
        ],
        "linear 2*value_heads bias=false from=input name=ba",
        ["slice end=value_heads axis=1", "sigmoid name=writes"],
        "slice start=value_heads axis=1 from=ba",
        {"add": ["prev", ["parameter value_heads name=dt_bias"]]},
        "softplus",
        {"mul": ["prev", ["parameter value_heads name=A_log", "exp", "neg"]], "name": "fades"},
        {
            "opaque": {
                "what": "the gated delta rule, by chunks of 64",
                "inputs": ["x", "writes", "fades"],
                "output": "(size(x, 0))x(value_heads)x(value)",
                "macs": f"value_heads*{whole}*64*(128*key+64*value+3*key*value)",
            }
        },
        f"rmsnorm axis=2 affine=false eps={number(config.number('rms_norm_eps'))}",
        {"mul": ["gate", "prev", ["parameter value name=norm"]]},
        ["rearrange 'n h d -> n (h d)'", "linear width bias=false"],
    ]
    return sizes, items


def _jamba(config: Config) -> Spec:
    decoder = Decoder(config)
    decoder.rms()
    decoder.activation("hidden_act")
    for key in RUNS:
        if key != "time_step_rank":
            config.value(key)
    depth = decoder.depth
    period, offset = config.whole("attn_layer_period"), config.whole("attn_layer_offset", 0)
    often, first = config.whole("expert_layer_period"), config.whole("expert_layer_offset", 0)
    count = config.whole("num_experts")
    rank = config.value("time_step_rank")
    decoder.sizes = {
        "inner": config.whole("expand") * decoder.width,
        "state": config.whole("state_size"),
        "rank": -(-decoder.width // 16) if rank in ("auto", None) else config.whole("time_step_rank"),
    }
    if count > 1:
        decoder.experts = Experts(count, config.whole("num_experts_per_tok"), decoder.ff)
    config.value("num_experts_per_tok")
    decoder.mixers["mamba"] = mixer(config, decoder.norm)
    decoder.layers = [
        Layer(
            None,
            None,
            None if count > 1 and index % often == first else "ff",
            None if index % period == offset else "mamba",
        )
        for index in range(depth)
    ]
    return decoder.spec()


def _bamba(config: Config) -> Spec:
    decoder = Decoder(config)
    decoder.rms()
    decoder.activation("hidden_act")
    decoder.bias = "true" if config.flag("attention_bias") else "false"
    decoder.ff_bias = config.flag("mlp_bias")
    for key in RUNS:
        config.value(key)
    turned = rotation(config, part=0.5)
    decoder.turn(turned.part)
    listed = set(config.wholes("attn_layer_indices", 0)) if config.has("attn_layer_indices") else set()
    attends = _kinds(decoder, [index in listed for index in range(decoder.depth)])
    decoder.sizes, decoder.mixers["mamba"] = mixer2(config, decoder.width, config.number("rms_norm_eps"))
    decoder.layers = [Layer(None, turned.theta, "ff", None if attend else "mamba") for attend in attends]
    spec = decoder.spec()
    spec.comments.append(BY_STEPS)
    return spec


def _lfm2(config: Config) -> Spec:
    decoder = Decoder(config)
    decoder.rms("norm_eps")
    decoder.act, decoder.qknorm = "silu", "head"
    if config.flag("block_auto_adjust_ff_dim"):
        several = config.whole("block_multiple_of")
        wide = config.number("block_ffn_dim_multiplier")
        if not 0 < wide <= 1024:
            config.wrong("block_ffn_dim_multiplier", "must be a number above 0")
        decoder.ff = -(-int(wide * int(2 * decoder.ff / 3)) // several) * several
    for key in ("block_multiple_of", "block_ffn_dim_multiplier", "block_dim", "conv_dim", "conv_dim_out", "block_mlp_init_scale",
                "block_norm_eps", "block_out_init_scale", "block_use_swiglu", "block_use_xavier_init", "conv_use_xavier_init",
                "use_pos_enc", "theta", "tie_embedding", "num_heads", "block_ff_dim"):  # fmt: skip
        config.value(key)
    theta, taps = rotation(config, 1000000.0).theta, config.whole("conv_L_cache")
    bias = "" if config.flag("conv_bias") else " bias=false"
    listed = config.wholes("full_attn_idxs", 0) if config.has("full_attn_idxs") else range(decoder.depth)
    whole = set(listed)
    given = config.words("layer_types", ("full_attention", "conv"), decoder.depth)
    attends = [kind == "full_attention" for kind in given] if given else [i in whole for i in range(decoder.depth)]
    decoder.mixers["short"] = [
        [f"linear 3*width{bias}", "split 3 name=parts"],
        {"mul": ["parts.0", "parts.2"]},
        ["transpose", f"conv cin kernel={taps} padding={taps - 1} groups=cin{bias}"],
        ["slice end=n(input) axis=1", "transpose"],
        {"mul": ["parts.1", "prev"]},
        f"linear width{bias}",
    ]
    decoder.layers = [Layer(None, theta, "ff", None if attend else "short") for attend in attends]
    return decoder.spec()


MODELS = {
    "qwen3_next": Model(
        _qwen3_next,
        {
            "vocab_size": 151936,
            "hidden_size": 2048,
            "intermediate_size": 5632,
            "num_hidden_layers": 48,
            "num_attention_heads": 16,
            "num_key_value_heads": 2,
            "hidden_act": "silu",
            "max_position_embeddings": 32768,
            "rms_norm_eps": 1e-6,
            "head_dim": 256,
            "linear_conv_kernel_dim": 4,
            "linear_key_head_dim": 128,
            "linear_value_head_dim": 128,
            "linear_num_key_heads": 16,
            "linear_num_value_heads": 32,
            "decoder_sparse_step": 1,
            "moe_intermediate_size": 512,
            "shared_expert_intermediate_size": 512,
            "num_experts_per_tok": 10,
            "num_experts": 512,
            "mlp_only_layers": [],
        },
        {"num_local_experts": "num_experts"},
    ),
    "jamba": Model(
        _jamba,
        {
            "vocab_size": 65536,
            "hidden_size": 4096,
            "intermediate_size": 14336,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "hidden_act": "silu",
            "rms_norm_eps": 1e-6,
            "max_position_embeddings": 262144,
            "num_experts_per_tok": 2,
            "num_experts": 16,
            "expert_layer_period": 2,
            "expert_layer_offset": 1,
            "attn_layer_period": 8,
            "attn_layer_offset": 4,
            "state_size": 16,
            "conv_kernel": 4,
            "expand": 2,
            "use_conv_bias": True,
        },
        {
            "mamba_d_state": "state_size",
            "mamba_d_conv": "conv_kernel",
            "mamba_expand": "expand",
            "mamba_dt_rank": "time_step_rank",
            "mamba_conv_bias": "use_conv_bias",
            "mamba_proj_bias": "use_bias",
            "num_local_experts": "num_experts",
        },
    ),
    "bamba": Model(
        _bamba,
        {
            "vocab_size": 128000,
            "hidden_size": 4096,
            "intermediate_size": 14336,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "hidden_act": "silu",
            "rms_norm_eps": 1e-5,
            "max_position_embeddings": 262144,
            "num_heads": 128,
            "mixer_head_dim": 64,
            "n_groups": 1,
            "state_size": 256,
            "conv_kernel": 4,
            "expand": 2,
            "chunk_size": 256,
            "use_conv_bias": True,
        },
        {
            "mamba_n_heads": "num_heads",
            "mamba_d_head": "mixer_head_dim",
            "mamba_n_groups": "n_groups",
            "mamba_d_state": "state_size",
            "mamba_d_conv": "conv_kernel",
            "mamba_expand": "expand",
            "mamba_chunk_size": "chunk_size",
            "mamba_conv_bias": "use_conv_bias",
            "mamba_proj_bias": "use_bias",
            "layers_block_type": "layer_types",
        },
    ),
    "lfm2": Model(
        _lfm2,
        {
            "vocab_size": 65536,
            "hidden_size": 2560,
            "intermediate_size": 12288,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "max_position_embeddings": 128000,
            "norm_eps": 1e-5,
            "tie_word_embeddings": True,
            "conv_L_cache": 3,
            "block_multiple_of": 256,
            "block_ffn_dim_multiplier": 1.0,
            "block_auto_adjust_ff_dim": True,
        },
    ),
}
