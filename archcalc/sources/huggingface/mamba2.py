"""Mamba 2: a state space model with one decay a head."""

from __future__ import annotations

from archcalc.sources.file import Json
from archcalc.sources.huggingface.config import Config
from archcalc.sources.huggingface.mamba import stacked
from archcalc.sources.huggingface.model import Model, architecture, number
from archcalc.sources.writing import Item, Spec

# Initial state and implementation of the scan.
RUNS = (
    "residual_in_fp32", "time_step_rank", "time_step_min", "time_step_max", "time_step_floor",
    "rescale_prenorm_residual", "use_mamba_kernels", "num_logits_to_keep", "z_loss_coefficient", "use_mambapy",
    "use_associative_scan", "time_step_scale", "time_step_init_scheme", "rms_norm", "norm_before_gate", "max_time",
)  # fmt: skip


BY_STEPS = "MACs are those of the recurrence; the class multiplies whole chunks of it, which takes more of them."


def _mamba2(config: Config) -> Spec:
    builds = architecture(config, "ForCausalLM", ("ForCausalLM", "Model"))
    for key in RUNS:
        config.value(key)
    width = config.whole("hidden_size")
    spec = Spec(config.model_type)
    spec.comments.append(BY_STEPS)
    sizes, block = mixer2(config, width, config.number("layer_norm_epsilon"))
    spec.hparams = {"vocab": config.whole("vocab_size"), "width": width, **sizes}
    spec.hparams |= {"depth": config.layers("num_hidden_layers")}
    spec.dims, spec.inputs = {"seq": 1024}, ["seq"]
    spec.blocks["mixer"] = block
    return stacked(spec, config, builds)


def mixer2(config: Config, width: int, eps: float) -> tuple[dict[str, int], list[Item]]:
    """The sizes and items of Mamba 2's mixer."""
    heads, head, groups = config.whole("num_heads"), config.whole("mixer_head_dim"), config.whole("n_groups")
    inner = int(config.number("expand") * width)
    if heads * head != inner:
        config.wrong("num_heads", f"{heads} heads of size {head} do not match expand · hidden_size = {inner}")
    if heads % groups:
        config.wrong("n_groups", f"{heads} heads are not divisible by {groups} groups")
    config.only("hidden_act", "silu", "swish")
    taps = config.whole("conv_kernel")
    if config.value("time_step_limit") not in (None, [0.0, float("inf")]):
        config.note("step sizes are clipped, which this leaves out")
    config.whole("chunk_size")
    sizes = {"ssm_heads": heads, "inner": inner, "state": config.whole("state_size"), "groups": groups}
    bias = "" if config.flag("use_bias") else " bias=false"
    conv_bias = "" if config.flag("use_conv_bias") else " bias=false"
    cut = ["slice end=n(input) axis=1"] if taps > 1 else []
    items: list[Item] = [
        [
            f"linear 2*inner+2*groups*state+ssm_heads{bias}",
            "split sizes=(inner)x(inner+2*groups*state)x(ssm_heads) name=parts",
        ],
        [
            "transpose from=parts.1",
            f"conv cin kernel={taps} padding={taps - 1} groups=cin{conv_bias}",
            *cut,
            "silu",
            "transpose",
        ],
        "split sizes=(inner)x(groups*state)x(groups*state) name=x",
        {"add": ["parts.2", ["parameter ssm_heads name=dt_bias"]]},
        "softplus name=dt",
        f"selectivescan dt=dt b=x.1 c=x.2 heads=ssm_heads{'' if groups == 1 else ' groups=groups'} from=x.0",
        {"mul": ["prev", ["silu from=parts.0"]]},
        *_norm(groups, eps),
        f"linear width{bias}",
    ]
    return sizes, items


def _norm(groups: int, eps: float) -> list[Item]:
    """The norm of each group's channels, with weights for all."""
    if groups == 1:
        return [f"rmsnorm eps={number(eps)}"]
    return [
        [
            "rearrange 'n (g d) -> n g d' g=groups",
            f"rmsnorm affine=false axis=2 eps={number(eps)}",
            "rearrange 'n g d -> n (g d)'",
        ],
        "layerscale",
    ]


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
