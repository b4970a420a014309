"""Mamba 2: a state per head, scanned in chunks."""

from __future__ import annotations

from archcalc.sources.file import Json
from archcalc.sources.huggingface.config import Config
from archcalc.sources.huggingface.mamba import stacked
from archcalc.sources.huggingface.model import Model, architecture, number
from archcalc.sources.writing import Item, Spec

# Initial state and implementation of the scan.
RUNS = (
    "residual_in_fp32", "time_step_rank", "time_step_min", "time_step_max", "time_step_floor", "time_step_limit",
    "rescale_prenorm_residual", "use_mamba_kernels", "num_logits_to_keep", "z_loss_coefficient", "use_mambapy",
    "use_associative_scan", "time_step_scale", "time_step_init_scheme", "rms_norm", "norm_before_gate", "max_time",
)  # fmt: skip
_MOST_CHUNK = 2**16


def _mamba2(config: Config) -> Spec:
    builds = architecture(config, "ForCausalLM", ("ForCausalLM", "Model"))
    for key in RUNS:
        config.value(key)
    width = config.whole("hidden_size")
    spec = Spec(config.model_type)
    sizes, block = mixer2(config, width, config.number("layer_norm_epsilon"))
    spec.hparams = {"vocab": config.whole("vocab_size"), "width": width, **sizes}
    spec.hparams |= {"depth": config.layers("num_hidden_layers")}
    spec.dims, spec.inputs = {"seq": 1024}, ["seq"]
    spec.blocks["mixer"] = block
    return stacked(spec, config, builds)


def mixer2(config: Config, width: int, eps: float) -> tuple[dict[str, int], list[Item]]:
    """The sizes and items of Mamba 2's mixer: a state per head, scanned in chunks."""
    heads, head, groups = config.whole("num_heads"), config.whole("mixer_head_dim"), config.whole("n_groups")
    inner = int(config.number("expand") * width)
    if heads * head != inner:
        config.wrong("num_heads", f"{heads} heads of size {head} do not match expand · hidden_size = {inner}")
    if heads % groups:
        config.wrong("n_groups", f"{heads} heads are not divisible by {groups} groups")
    config.only("hidden_act", "silu", "swish")
    chunk, taps = config.whole("chunk_size"), config.whole("conv_kernel")
    if chunk > _MOST_CHUNK:
        config.wrong("chunk_size", f"must be at most {_MOST_CHUNK:,}")
    sizes = {"inner": inner, "state": config.whole("state_size"), "groups": groups, "chunk": chunk}
    sizes = {"ssm_heads": heads, **sizes}
    bias = "" if config.flag("use_bias") else " bias=false"
    conv_bias = "" if config.flag("use_conv_bias") else " bias=false"
    whole = "ceil(size(x, 0)/chunk)"
    macs = (
        f"ssm_heads*({whole}*chunk*(chunk*(state+inner//ssm_heads)+2*state*inner//ssm_heads)"
        f"+({whole}+1)**2*state*inner//ssm_heads)"
    )
    cut = ["slice end=n(input) axis=1"] if taps > 1 else []
    items: list[Item] = [
        f"linear 2*inner+2*groups*state+ssm_heads{bias} name=all",
        ["slice end=inner axis=1", "silu name=gate"],
        [
            "slice start=inner end=2*inner+2*groups*state axis=1 from=all",
            "transpose",
            f"conv cin kernel={taps} padding={taps - 1} groups=cin{conv_bias}",
            *cut,
            "silu",
            "transpose name=x",
        ],
        "slice start=2*inner+2*groups*state axis=1 from=all",
        {"add": ["prev", ["parameter ssm_heads name=dt_bias"]]},
        "softplus name=step",
        {"mul": ["prev", ["parameter ssm_heads name=A_log", "exp", "neg"]], "name": "fades"},
        {
            "opaque": {
                "what": "the scan h = fades*h + step*x, by chunks",
                "inputs": ["x", "step", "fades"],
                "output": "(size(x, 0))x(inner)",
                "macs": macs,
                "layout": "features-last",
            },
            "name": "scanned",
        },
        ["slice end=inner axis=1 from=x", "rearrange 'n (h p) -> n p h' h=ssm_heads"],
        [{"mul": ["prev", ["parameter ssm_heads name=D"]]}, "rearrange 'n p h -> n (h p)'"],
        {"add": ["prev", "scanned"]},
        {"mul": ["prev", "gate"]},
        [
            "rearrange 'n (g d) -> n g d' g=groups",
            f"rmsnorm affine=false axis=2 eps={number(eps)}",
            "rearrange 'n g d -> n (g d)'",
        ],
        {"mul": ["prev", ["parameter inner name=norm"]]},
        f"linear width{bias}",
    ]
    return sizes, items


_MAMBA2: dict[str, Json] = {
    "num_heads": 128,
    "mixer_head_dim": 64,
    "vocab_size": 32768,
    "hidden_size": 4096,
    "state_size": 128,
    "num_hidden_layers": 64,
    "layer_norm_epsilon": 1e-5,
    "expand": 2,
    "conv_kernel": 4,
    "n_groups": 8,
    "use_conv_bias": True,
    "hidden_act": "silu",
    "chunk_size": 256,
}

MODELS = {"mamba2": Model(_mamba2, _MAMBA2, {"head_dim": "mixer_head_dim"})}
