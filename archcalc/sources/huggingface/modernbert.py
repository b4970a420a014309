"""ModernBERT: pre-norm, RoPE, gated feed-forward networks, windows in two of three layers."""

from __future__ import annotations

from collections.abc import Callable

from archcalc.sources.huggingface.config import Config
from archcalc.sources.huggingface.model import Model, activation, architecture, labels, number, repeated
from archcalc.sources.huggingface.rotation import rotation
from archcalc.sources.writing import Item, Spec

_KINDS = ("full_attention", "sliding_attention")
_HEADS = ("Model", "ForMaskedLM", "ForTokenClassification")
# Whether it is the first layer, without a norm before attention; its RoPE base; its window.
_Kind = tuple[bool, float, int | None]


def _modernbert(config: Config) -> Spec:
    builds = architecture(config, "Model", _HEADS)
    width, heads, depth = (
        config.whole("hidden_size"),
        config.whole("num_attention_heads"),
        config.layers("num_hidden_layers"),
    )
    if width % heads:
        config.wrong("num_attention_heads", f"the width {width} is not divisible by {heads} heads")
    eps = config.number("norm_eps")
    norm = ("layernorm" if eps == 1e-5 else f"layernorm eps={number(eps)}") + (
        "" if config.flag("norm_bias") else " bias=false"
    )
    spec = Spec(config.model_type)
    spec.hparams = {"vocab": config.whole("vocab_size"), "width": width, "heads": heads}
    spec.hparams |= {"ff": config.whole("intermediate_size")}
    spec.dims, spec.inputs = {"seq": min(config.whole("max_position_embeddings"), 4096)}, ["seq"]
    share = config.share("embedding_dropout")
    spec.layers = [
        "embedding vocab dim=width name=tok_embeddings",
        [norm, *([f"dropout {number(share)}"] if share else [])],
        *repeated(_kinds(config, depth), _body(config, norm)),
        f"{norm} name=final_norm",
    ]
    for key in (
        "classifier_pooling",
        "deterministic_flash_attn",
        "sparse_pred_ignore_index",
        "reference_compile",
        "repad_logits_with_grad",
    ):
        config.value(key)
    config.only("sparse_prediction", False)
    act, bias = activation(config, "classifier_activation"), config.flag("classifier_bias")
    head: list[Item] = [f"linear width{'' if bias else ' bias=false'}", act, norm]
    if builds == "ForMaskedLM":
        config.only("tie_word_embeddings", True)
        end = "" if config.flag("decoder_bias") else " bias=false"
        spec.layers += [head, f"linear vocab{end} tie=tok_embeddings name=decoder"]
        spec.loss = "crossentropy"
    elif builds == "ForTokenClassification":
        config.share("classifier_dropout")
        spec.layers += [head, f"linear {labels(config)} name=classifier"]
        spec.loss = "crossentropy"
    config.value("decoder_bias")
    return spec


def _kinds(config: Config, depth: int) -> list[_Kind]:
    """The kind of each layer."""
    every = config.maybe("global_attn_every_n_layers") or 3
    kinds = config.words("layer_types", _KINDS, depth) or [
        "sliding_attention" if layer % every else "full_attention" for layer in range(depth)
    ]
    far, near = config.maybe_number("global_rope_theta") or 160000.0, config.maybe_number("local_rope_theta") or 10000.0
    far = rotation(config, far, layers="full_attention").theta
    near = rotation(config, near, layers="sliding_attention").theta
    window = config.whole("local_attention", 2) // 2 + 1
    return [
        (index == 0, near, window) if kind == "sliding_attention" else (index == 0, far, None)
        for index, kind in enumerate(kinds)
    ]


def _body(config: Config, norm: str) -> Callable[[_Kind], list[Item]]:
    """A function that returns the items of a layer."""
    act = activation(config, "hidden_activation")
    bias = " bias=false" if not config.flag("mlp_bias") else ""
    attends = "attention heads=heads" + ("" if config.flag("attention_bias") else " bias=false")
    share, drop = config.share("attention_dropout"), config.share("mlp_dropout")
    dropped: list[Item] = [f"dropout {number(drop)}"] if drop else []

    def body(kind: _Kind) -> list[Item]:
        first, theta, window = kind
        line = f"{attends} rope={number(theta)}" + (f" window={window}" if window else "")
        line += f" dropout={number(share)}" if share else ""
        gated: Item = {"mul": [[f"linear ff{bias}", act], [f"linear ff{bias}"]]}
        out: list[Item] = [f"dropout {number(share)}"] if share else []
        return [
            {"residual": [*([] if first else [norm]), line, *out]},
            {"residual": [norm, gated, *dropped, f"linear width{bias}"]},
        ]

    return body


MODELS = {
    "modernbert": Model(
        _modernbert,
        {
            "vocab_size": 50368,
            "hidden_size": 768,
            "intermediate_size": 1152,
            "num_hidden_layers": 22,
            "num_attention_heads": 12,
            "hidden_activation": "gelu",
            "max_position_embeddings": 8192,
            "norm_eps": 1e-5,
            "local_attention": 128,
            "decoder_bias": True,
            "classifier_activation": "gelu",
            "tie_word_embeddings": True,
        },
    )
}
