"""Gemma, GLM and OLMo: decoders with norms after sublayers, norms over all heads, or norms without weights."""

from __future__ import annotations

from archcalc.sources.file import Json
from archcalc.sources.huggingface.config import Config
from archcalc.sources.huggingface.decoder import Decoder, Experts, Layer
from archcalc.sources.huggingface.llama import LLAMA
from archcalc.sources.huggingface.model import Model, architecture, number
from archcalc.sources.huggingface.rotation import rotation
from archcalc.sources.huggingface.vision import VISION, Tower
from archcalc.sources.writing import Item, Spec

_GEMMA: dict[str, Json] = {
    "vocab_size": 256000,
    "hidden_size": 3072,
    "intermediate_size": 24576,
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
    "num_key_value_heads": 16,
    "head_dim": 256,
    "hidden_act": "gelu_pytorch_tanh",
    "max_position_embeddings": 8192,
    "rms_norm_eps": 1e-6,
    "tie_word_embeddings": True,
}
_GEMMA2: dict[str, Json] = {
    **_GEMMA,
    "hidden_size": 2304,
    "intermediate_size": 9216,
    "num_hidden_layers": 26,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "hidden_activation": "gelu_pytorch_tanh",
    "query_pre_attn_scalar": 256,
    "sliding_window": 4096,
}
_GEMMA3: dict[str, Json] = {**_GEMMA2, "vocab_size": 262208, "max_position_embeddings": 131072}
_GLM: dict[str, Json] = {
    "vocab_size": 151552,
    "hidden_size": 4096,
    "intermediate_size": 13696,
    "num_hidden_layers": 40,
    "num_attention_heads": 32,
    "num_key_value_heads": 2,
    "head_dim": 128,
    "hidden_act": "silu",
    "max_position_embeddings": 131072,
    "rms_norm_eps": 1.5625e-07,
    "attention_bias": True,
}
_OLMO: dict[str, Json] = {
    **LLAMA,
    "vocab_size": 50304,
    "rms_norm_eps": 1e-5,
}


def _start(config: Config) -> Decoder:
    decoder = Decoder(config)
    decoder.rms()
    if config.flag("attention_bias"):
        decoder.bias = "true"
    config.only("use_bidirectional_attention", None, False)
    return decoder


def _gemma(config: Config) -> Spec:
    decoder = _start(config)
    # older files give the activation under both keys; the newer one wins if it has a value
    decoder.activation("hidden_activation" if config.has("hidden_activation") else "hidden_act")
    config.value("hidden_act")
    decoder.scale_in = "width**0.5"
    decoder.turn_alike()
    return decoder.spec()


def _around(config: Config) -> Decoder:
    """Gemma 2 and 3: norms before and after each sublayer, soft-capped scores, a custom scale."""
    decoder = _start(config)
    decoder.activation("hidden_activation")
    config.value("hidden_act")
    decoder.scale_in = "width**0.5"
    decoder.placement = "around"
    decoder.softcap = config.maybe_number("attn_logit_softcapping")
    decoder.cap = config.maybe_number("final_logit_softcapping")
    scalar = config.number("query_pre_attn_scalar")
    if scalar <= 0:
        config.wrong("query_pre_attn_scalar", "must be a number above 0")
    if scalar != decoder.head:
        config.note(f"query_pre_attn_scalar: scores are scaled by 1/sqrt({number(scalar)}), not 1/sqrt({decoder.head})")
    return decoder


def _gemma2(config: Config) -> Spec:
    decoder = _around(config)
    window, theta = config.maybe("sliding_window"), rotation(config).theta
    config.value("cache_implementation")
    decoder.near_and_far(decoder.near(lambda layer: (layer + 1) % 2 != 0), window, theta)
    return decoder.spec()


def _gemma3(config: Config) -> Spec:
    decoder = _around(config)
    decoder.qknorm = "head"
    window = config.maybe("sliding_window")
    near = config.maybe_number("rope_local_base_freq") or 10000.0
    near = rotation(config, near, layers="sliding_attention").theta if config.has("rope_parameters") else near
    far = rotation(config, 1000000.0, layers="full_attention").theta
    pattern = config.maybe("sliding_window_pattern") or config.maybe("_sliding_window_pattern") or 6
    windows = decoder.near(lambda layer: (layer + 1) % pattern != 0)
    decoder.layers = [Layer(window, near, "ff") if one else Layer(None, far, "ff") for one in windows]
    return decoder.spec()


def _gemma3_whole(config: Config) -> Spec:
    """Multimodal Gemma 3: image tokens precede text tokens."""
    architecture(config, "ForConditionalGeneration", ("ForConditionalGeneration",))
    words = config.nested("text_config", "gemma3_text", _GEMMA3)
    words.value("model_type")
    see = config.nested("vision_config", "siglip_vision_model", VISION)
    see.value("model_type")
    see.only("vision_use_head", False)
    config.only("tie_word_embeddings", True)
    tower, side = Tower(see), config.whole("mm_tokens_per_image")
    image = tower.image()
    across = int(image[1]) // see.whole("patch_size")
    rows = int(side**0.5)
    if image[1] != image[2] or rows * rows != side or rows > across:
        config.wrong("mm_tokens_per_image", f"{side} tokens do not form a square within {across} × {across} patches")
    spec = _gemma3(words)
    pool = across // rows
    norm = f"rmsnorm eps={number(see.number('layer_norm_eps'))}"
    eyes: list[Item] = [
        *tower.patches("image"),
        "posembed",
        {
            "repeat": tower.depth,
            "name": "vision",
            "layers": tower.layer(*map(str, (tower.width, tower.heads, tower.ff))),
        },
        [tower.norm, f"rearrange '(h w) c -> c h w' h={across}", f"avgpool {pool} stride={pool}"],
        ["rearrange 'c h w -> (h w) c'", norm],
        {"matmul": ["prev", [f"parameter {tower.width}x{words.whole('hidden_size')}"]], "name": "seen"},
    ]
    spec.model = config.model_type
    config.note(f"the {side} image tokens precede the text instead of being inside it; `seq` counts the others")
    spec.inputs = {"image": image, "text": ["seq"]}
    spec.layers = [
        *eyes,
        f"{spec.layers[0]} from=text",
        spec.layers[1],
        "concat: {operands: [seen, prev], axis: 0}",
        *spec.layers[2:],
    ]
    return spec


def _glm(config: Config) -> Spec:
    decoder = Decoder(config)
    decoder.rms()
    decoder.placement = "around" if config.model_type == "glm4" else "before"
    decoder.activation("hidden_act")
    decoder.bias = "qkv" if config.flag("attention_bias") else "false"
    decoder.turn_alike(part=0.5)
    return decoder.spec()


def _unclipped(config: Config) -> None:
    if config.maybe_number("clip_qkv") is not None:
        config.note("clip_qkv: queries, keys and values are clamped")


def _olmo(config: Config) -> Spec:
    decoder = Decoder(config)
    decoder.norm = decoder.final = "layernorm affine=false"
    decoder.activation("hidden_act")
    decoder.bias = "true" if config.flag("attention_bias") else "false"
    _unclipped(config)
    decoder.turn_alike()
    return decoder.spec()


def _olmo2(config: Config) -> Spec:
    decoder = _start(config)
    decoder.activation("hidden_act")
    decoder.placement = "after"
    decoder.qknorm = "width"
    decoder.turn_alike()
    return decoder.spec()


def _olmoe(config: Config) -> Spec:
    decoder = _start(config)
    decoder.activation("hidden_act")
    decoder.qknorm = "width"
    _unclipped(config)
    config.flag("norm_topk_prob")
    decoder.experts = Experts(config.whole("num_experts"), config.whole("num_experts_per_tok"), decoder.ff)
    decoder.turn_alike()
    return decoder.spec()


MODELS = {
    "gemma": Model(_gemma, _GEMMA),
    "gemma2": Model(
        _gemma2,
        {**_GEMMA2, "final_logit_softcapping": 30.0, "attn_logit_softcapping": 50.0},
    ),
    "gemma3_text": Model(_gemma3, _GEMMA3),
    "gemma3": Model(
        _gemma3_whole,
        {"mm_tokens_per_image": 256},
        {"image_token_id": "image_token_index", "boi_token_id": "boi_token_index", "eoi_token_id": "eoi_token_index"},
    ),
    "glm": Model(_glm, _GLM),
    "glm4": Model(_glm, _GLM),
    "olmo": Model(_olmo, _OLMO),
    "olmo2": Model(_olmo2, _OLMO),
    "olmoe": Model(
        _olmoe,
        {
            **_OLMO,
            "hidden_size": 2048,
            "intermediate_size": 2048,
            "num_hidden_layers": 16,
            "num_attention_heads": 16,
            "max_position_embeddings": 4096,
            "num_experts_per_tok": 8,
            "num_experts": 64,
        },
        {"num_local_experts": "num_experts"},
    ),
}
