"""Qwen2-VL and Qwen2.5-VL: patches of two frames become tokens of a decoder; 2.5 uses window attention."""

from __future__ import annotations

from archcalc.sources.file import Json
from archcalc.sources.huggingface.config import Config
from archcalc.sources.huggingface.model import Model, activated, activation, architecture, repeated
from archcalc.sources.huggingface.multimodal import GENERATES, Seen, joined
from archcalc.sources.writing import Item, Spec


def _qwen_vl(config: Config) -> Spec:
    """Qwen2-VL and 2.5: patches of two frames; an image is repeated as both; 2.5 uses window attention."""
    architecture(config, "ForConditionalGeneration", GENERATES)
    newer = config.model_type == "qwen2_5_vl"
    defaults = _QWEN_2_5_EYES if newer else _QWEN_2_EYES
    see = config.nested("vision_config", config.model_type, defaults, {"in_chans": "in_channels"})
    for key in ("model_type", "spatial_patch_size", "tokens_per_second", "rope_parameters", "window_size"):
        see.value(key)
    width, depth, heads = (
        see.whole("hidden_size" if newer else "embed_dim"),
        see.layers("depth"),
        see.whole("num_heads"),
    )
    patch, deep, side = (see.whole(key) for key in ("patch_size", "temporal_patch_size", "spatial_merge_size"))
    ff = see.whole("intermediate_size") if newer else int(width * see.number("mlp_ratio"))
    out = see.whole("out_hidden_size" if newer else "hidden_size")
    if width % heads:
        see.wrong("num_heads", f"the width {width} is not divisible by {heads} heads")
    norm, act = ("rmsnorm" if newer else "layernorm eps=1e-6"), activated(activation(see, "hidden_act"))
    inner: list[Item] = [{"mul": [[f"linear {ff}", *act], [f"linear {ff}"]]}] if newer else [f"linear {ff}", *act]
    window = see.whole("window_size") // patch if newer else side
    if window % side or window < 1:
        see.wrong("window_size", f"a window of {window} patches does not work with {side}")
    rows = -(-448 // (patch * window)) * window
    pixels = rows * patch
    group = window * window if newer else rows * rows

    def body(whole: bool) -> list[Item]:
        attend = [norm, f"attention heads={heads}"]
        if newer and whole:
            attend = [norm, "rearrange 'g n c -> (g n) c'", attend[1], f"rearrange '(g n) c -> g n c' n={group}"]
        return [{"residual": attend}, {"residual": [norm, *inner, f"linear {width}"]}]

    box = f"{deep}x{patch}x{patch}"
    if newer:
        order = f"rearrange 'c t (y h a) (x w b) -> (t y x) (h w a b) c' h={window // side} w={window // side}"
    else:
        order = "rearrange 'c t (h a) (w b) -> (t h w a b) c'"
    items: list[Item] = [
        [
            "rearrange 't c h w -> c t h w' from=image",
            f"conv {width} kernel={box} stride={box} bias=false name=patches",
        ],
        f"{order} a={side} b={side}",
    ]
    whole = set(see.wholes("fullatt_block_indexes", 0)) if newer else set()
    items += repeated([index in whole for index in range(depth)], body)
    items += [[norm, *(["rearrange 'g n c -> (g n) c'"] if newer else [])]]
    seen = Seen(items, [deep, see.whole("in_channels"), pixels, pixels], rows, rows, width)
    merged = f"rearrange '(n m) c -> n (m c)' m={side * side}"
    config.note("an image is two equal frames; 2-D RoPE rotates queries and keys by row and column")
    for key in ("vocab_size", "rope_scaling") if config.has("text_config") else ():
        config.value(key)
    projected: list[Item] = [merged, f"linear {side * side * width}", "gelu", f"linear {out}"]
    return joined(config, seen, projected, "qwen2")


_QWEN_2_EYES: dict[str, Json] = {
    "depth": 32,
    "embed_dim": 1280,
    "hidden_size": 3584,
    "hidden_act": "quick_gelu",
    "mlp_ratio": 4,
    "num_heads": 16,
    "in_channels": 3,
    "patch_size": 14,
    "spatial_merge_size": 2,
    "temporal_patch_size": 2,
}
_QWEN_2_5_EYES: dict[str, Json] = {
    **_QWEN_2_EYES,
    "hidden_size": 3584,
    "hidden_act": "silu",
    "intermediate_size": 3420,
    "window_size": 112,
    "out_hidden_size": 3584,
    "fullatt_block_indexes": [7, 15, 23, 31],
}
MODELS = {
    "qwen2_vl": Model(_qwen_vl, {}, builds="ForConditionalGeneration"),
    "qwen2_5_vl": Model(_qwen_vl, {}, builds="ForConditionalGeneration"),
}
