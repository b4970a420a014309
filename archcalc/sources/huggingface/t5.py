"""T5 and similar models: encoder-decoders with relative position biases and RMS norms, without other biases or a scale of scores."""

from __future__ import annotations

from archcalc.sources.file import Json
from archcalc.sources.huggingface.config import Config
from archcalc.sources.huggingface.model import ACTIVATIONS, Model, architecture, number
from archcalc.sources.writing import Item, Spec


def _t5(config: Config) -> Spec:
    """Relative position biases, one table for all layers of a side; RMS norms; no other biases."""
    builds = architecture(
        config, "ForConditionalGeneration", ("ForConditionalGeneration", "Model", "EncoderModel", "WithLMHeadModel")
    )
    spec = Spec(config.model_type)
    width, heads, head = config.whole("d_model"), config.whole("num_heads"), config.whole("d_kv")
    depth = config.layers("num_layers")
    second = config.layers("num_decoder_layers") if config.has("num_decoder_layers") else depth
    spec.hparams = {"vocab": config.whole("vocab_size"), "width": width, "heads": heads}
    spec.hparams |= {"head": head} if head * heads != width else {}
    spec.hparams |= {"ff": config.whole("d_ff"), "depth": depth}
    spec.hparams |= {"decoder_depth": second} if second != depth else {}
    eps = config.number("layer_norm_epsilon")
    norm = "rmsnorm" if eps == 1e-6 else f"rmsnorm eps={number(eps)}"
    share = config.share("dropout_rate")
    drop: list[Item] = [f"dropout {number(share)}"] if share else []
    buckets = config.whole("relative_attention_num_buckets")
    config.value("relative_attention_max_distance")
    config.value("n_positions")
    config.value("scale_decoder_outputs")
    config.value("classifier_dropout")
    spec.blocks["mlp"] = [{"residual": [norm, *_t5_feedforward(config, drop), *drop]}]

    each = config.model_type == "umt5"

    def attend(more: str) -> Item:
        words = (
            "attention heads=heads" + (" head_dim=head" if head * heads != width else "") + " bias=false scale=1" + more
        )
        words += f" dropout={number(share)}" if share else ""
        if not each or "relbias" not in more:
            return {"residual": [norm, words, *drop]}
        name = more.rpartition("=")[2]  # a table per layer
        return {"residual": [f"{norm} name=x_{name}", table(name), f"{words} from=x_{name}", *drop]}

    def table(name: str) -> str:
        words = f"{f' buckets={buckets}' if buckets != 32 else ''}{' causal=true' if name == 'before' else ''}"
        return f"relposbias heads{words} name={name}"

    spec.dims = {"source": 512, "target": 512}
    spec.inputs = {"source_tokens": ["source"], "target_tokens": ["target"]}
    spec.layers = [
        ["embedding vocab dim=width from=source_tokens name=shared", *(drop or ["identity"])],
        *([] if each else ["identity name=words", table("near"), "identity from=words"]),
        {"repeat": "depth", "name": "encoder", "layers": [attend(" relbias=near"), "mlp"]},
        [f"{norm}{'' if drop else ' name=memory'}", *(f"{one} name=memory" for one in drop)],
    ]
    if builds == "EncoderModel":
        del spec.dims["target"]
        spec.inputs = ["source"]
        spec.layers[0] = ["embedding vocab dim=width name=shared", *(drop or ["identity"])]
        config.flag("tie_word_embeddings")
        spec.hparams.pop("decoder_depth", None)
        return spec
    spec.layers += [
        ["embedding vocab dim=width from=target_tokens tie=shared", *(drop or ["identity"])],
        *([] if each else ["identity name=begun", table("before"), "identity from=begun"]),
        {
            "repeat": "depth" if second == depth else "decoder_depth",
            "name": "decoder",
            "layers": [attend(" causal=true relbias=before"), attend(" kv=memory"), "mlp"],
        },
        [norm, *drop],
    ]
    if builds != "Model":
        # in version 1.1, an untied head also means unscaled logits
        spec.layers += ["scale width**-0.5"] if config.flag("tie_word_embeddings") else []
        spec.layers.append("linear vocab bias=false tie=shared name=lm_head")
        spec.loss = "crossentropy"
    return spec


def _t5_feedforward(config: Config, drop: list[Item]) -> list[Item]:
    value = config.word("feed_forward_proj", [*ACTIVATIONS, *(f"gated-{name}" for name in ACTIVATIONS)])
    gated, name = value.startswith("gated-"), value.removeprefix("gated-")
    act = ACTIVATIONS["gelu_new" if value == "gated-gelu" else name]
    for key in ("dense_act_fn", "is_gated_act"):
        config.value(key)  # derived by the class from `feed_forward_proj`
    if gated:
        return [{"mul": [["linear ff bias=false", act], ["linear ff bias=false"]]}, *drop, "linear width bias=false"]
    return ["linear ff bias=false", act, *drop, "linear width bias=false"]


_T5: dict[str, Json] = {
    "vocab_size": 32128,
    "d_model": 512,
    "d_kv": 64,
    "d_ff": 2048,
    "num_layers": 6,
    "num_heads": 8,
    "relative_attention_num_buckets": 32,
    "dropout_rate": 0.1,
    "layer_norm_epsilon": 1e-6,
    "feed_forward_proj": "relu",
    "tie_word_embeddings": True,
}
_MT5: dict[str, Json] = {
    **_T5,
    "vocab_size": 250112,
    "d_ff": 1024,
    "num_layers": 8,
    "num_heads": 6,
    "feed_forward_proj": "gated-gelu",
}
_T5_NAMES = {
    "hidden_size": "d_model",
    "num_attention_heads": "num_heads",
    "num_hidden_layers": "num_layers",
    "head_dim": "d_kv",
}

MODELS = {
    "t5": Model(_t5, _T5, _T5_NAMES),
    "mt5": Model(_t5, _MT5, _T5_NAMES),
    "umt5": Model(_t5, _MT5, _T5_NAMES),
}
