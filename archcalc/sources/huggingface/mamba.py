"""Mamba: a selective state-space model with a state per channel."""

from __future__ import annotations

from archcalc.sources.file import Json
from archcalc.sources.huggingface.config import Config
from archcalc.sources.huggingface.model import Model, architecture, number
from archcalc.sources.writing import Item, Spec


def _mamba(config: Config) -> Spec:
    builds = architecture(config, "ForCausalLM", ("ForCausalLM", "Model"))
    width = config.whole("hidden_size")
    inner = int(config.number("expand") * width)
    if not 1 <= inner <= 2**40:
        config.wrong("expand", "must be a number above 0")
    rank = -(-width // 16) if config.value("time_step_rank") == "auto" else config.whole("time_step_rank")
    for key in (
        "residual_in_fp32", "time_step_scale", "time_step_min", "time_step_max", "time_step_init_scheme",
        "time_step_floor", "rescale_prenorm_residual", "use_mambapy", "use_associative_scan", "intermediate_size",
        "d_inner", "d_model", "n_layer", "fused_add_norm", "rms_norm", "ssm_cfg", "pad_vocab_size_multiple",
    ):  # fmt: skip
        config.value(key)  # implementation and initial state of the scan, and older names
    spec = Spec(config.model_type)
    spec.hparams = {"vocab": config.whole("vocab_size"), "width": width, "inner": inner}
    spec.hparams |= {"state": config.whole("state_size"), "rank": rank, "depth": config.layers("num_hidden_layers")}
    spec.dims, spec.inputs = {"seq": 1024}, ["seq"]
    spec.blocks["mixer"] = mixer(config, _inner_norm(config))
    return stacked(spec, config, builds)


def stacked(spec: Spec, config: Config, builds: str) -> Spec:
    """`spec` with the layers around its block `mixer`, common to both Mambas."""
    eps = config.number("layer_norm_epsilon")
    norm = "rmsnorm" if eps == 1e-6 else f"rmsnorm eps={number(eps)}"
    spec.layers = [
        "embedding vocab dim=width name=embeddings",
        {"repeat": "depth", "layers": [{"residual": [norm, "mixer"]}]},
        f"{norm} name=norm_f",
    ]
    if builds == "ForCausalLM":
        tie = " tie=embeddings" if config.flag("tie_word_embeddings") else ""
        spec.layers.append(f"linear vocab bias=false{tie} name=lm_head")
        spec.loss = "crossentropy"
    return spec


def mixer(config: Config, norm: str | None = None) -> list[Item]:
    """The items of the mixer; `norm` is the line of the norms of step, B and C, if there are any."""
    config.only("hidden_act", "silu", "swish")
    bias = "" if config.flag("use_bias") else " bias=false"
    conv_bias = "" if config.flag("use_conv_bias") else " bias=false"
    taps = config.whole("conv_kernel")
    cut: list[Item] = ["slice end=n(input) axis=1"] if taps > 1 else []
    steered: list[Item] = [["linear inner from=p.0", "softplus name=dt"]]
    b, c = "p.1", "p.2"
    if norm is not None:
        steered = [
            [f"{norm} from=p.0", "linear inner", "softplus name=dt"],
            f"{norm} from=p.1 name=b",
            f"{norm} from=p.2 name=c",
        ]
        b, c = "b", "c"
    return [
        [f"linear 2*inner{bias}", "split 2 name=both"],
        [
            "transpose from=both.0",
            f"conv cin kernel={taps} padding={taps - 1} groups=cin{conv_bias}",
            *cut,
            "silu",
            "transpose name=x",
        ],
        ["linear rank+2*state bias=false", "split sizes=(rank)x(state)x(state) name=p"],
        *steered,
        f"selectivescan dt=dt b={b} c={c} from=x",
        {"mul": ["prev", ["silu from=both.1"]]},
        f"linear width{bias}",
    ]


def _inner_norm(config: Config) -> str | None:
    """Falcon Mamba, which normalises its projections without weights."""
    if config.model_type != "falcon_mamba":
        return None
    eps = config.number("mixer_rms_eps")
    return "rmsnorm affine=false" + ("" if eps == 1e-6 else f" eps={number(eps)}")


_MAMBA: dict[str, Json] = {
    "vocab_size": 50280,
    "hidden_size": 768,
    "state_size": 16,
    "num_hidden_layers": 32,
    "layer_norm_epsilon": 1e-5,
    "expand": 2,
    "conv_kernel": 4,
    "use_conv_bias": True,
    "hidden_act": "silu",
    "time_step_rank": "auto",
    "tie_word_embeddings": True,
}

MODELS = {
    "mamba": Model(_mamba, _MAMBA),
    "falcon_mamba": Model(_mamba, {**_MAMBA, "mixer_rms_eps": 1e-6}),
}
