"""Vision-language models: LLaVA, PaliGemma, Mistral 3, InternVL, Idefics 3. An image becomes tokens of a decoder."""

from __future__ import annotations

from collections.abc import Callable

from archcalc.sources.file import Json
from archcalc.sources.huggingface.config import Config
from archcalc.sources.huggingface.model import Model, activated, activation, architecture, biases, number
from archcalc.sources.huggingface.reading import model_of
from archcalc.sources.huggingface.vision import CLIP_VISION, VISION, Tower
from archcalc.sources.writing import Item, Spec

GENERATES = ("ForConditionalGeneration",)
_QUIET = "# archcalc: ignore[GRF701] runs, but its output is not used"
_PIXTRAL: dict[str, Json] = {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "num_channels": 3,
    "image_size": 1024,
    "patch_size": 16,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-5,
}


class Seen:
    """The vision tower, up to the projection.

    Attributes:
        items: the layers; image: the sizes of the input; rows, columns: of patches; width: the features of each.
    """

    def __init__(self, items: list[Item], image: list[str | int], rows: int, columns: int, width: int) -> None:
        self.items = items
        self.image = image
        self.rows = rows
        self.columns = columns
        self.width = width


def joined(config: Config, seen: Seen, projected: list[Item], text: str, tied: bool = False) -> Spec:
    """A spec with an image and a text as inputs; image tokens precede text tokens.

    Args:
        text: the default model type of `text_config`; tied: whether the head is tied by default.
    """
    words = _words(config, text, tied)
    model = model_of(words.model_type)
    assert model is not None  # by `_words`
    spec = model.read(words)
    if spec.layers[0] != "embedding vocab dim=width name=embed_tokens":
        config.wrong("text_config", f"the text model type `{words.model_type}` is not supported here")
    spec.model = config.model_type
    config.note("image tokens precede the text instead of being inside it; `seq` counts the others")
    spec.inputs = {"image": seen.image, "text": ["seq"]}
    first = 2 if str(spec.layers[1]).startswith("scale ") else 1
    end = projected[-1]
    assert isinstance(end, str)
    spec.layers = [
        *seen.items,
        [*projected[:-1], f"{end} name=seen"],
        f"{spec.layers[0]} from=text",
        *spec.layers[1:first],
        "concat: {operands: [seen, prev], axis: 0}",
        *spec.layers[first:],
    ]
    return spec


def _words(config: Config, text: str, tied: bool) -> Config:
    """The configuration of the decoder: `text_config`, or in older files the keys next to `vision_config`."""
    given = config.mapping("text_config")
    name = given.get("model_type", text)
    kind = _TEXTS.get(name, name) if isinstance(name, str) else text
    model = model_of(kind)
    if model is None or model.builds != "ForCausalLM":
        config.wrong("text_config", f"the text model type `{kind}` is not supported yet")
    defaults = {**model.defaults, "tie_word_embeddings": False}
    if config.has("text_config") or not config.has("hidden_size"):
        words = config.nested("text_config", kind, defaults, model.aliases)
    else:
        words = config.rest(kind, defaults, model.aliases)
    words.value("model_type")
    if config.model_type == "paligemma":
        words.settle("use_bidirectional_attention", None)
        words.value("num_image_tokens")
    own = config.value("tie_word_embeddings") if config.has("tie_word_embeddings") else None
    inner = words.flag("tie_word_embeddings")
    words.settle("tie_word_embeddings", bool(own) if own is not None and not inner else inner or (own is None and tied))
    return words


def _eyes(config: Config, default: str, skip: int = 0, cut: bool = True) -> Seen:
    """The tower of `vision_config`.

    Args:
        default: its default model type.
        skip: final layers that run but are not used; cut: whether the class token is dropped.
    """
    kind = config.mapping("vision_config").get("model_type", default)
    if not isinstance(kind, str) or kind not in _TOWERS:
        config.wrong(
            "vision_config", f"the model type {kind!r} is not supported here", f"supported: {', '.join(_TOWERS)}"
        )
    return _TOWERS[kind](config, skip, cut)


def _clip(config: Config, skip: int, cut: bool) -> Seen:
    see = _tower(config, "clip_vision_model", CLIP_VISION)
    see.config.value("projection_dim")
    rest: list[Item] = ["select 0", f"{see.norm}  {_QUIET}", "identity from=looked"]
    items: list[Item] = [
        *see.patches("image", bias=False),
        ["clstoken", "posembed", see.norm],
        *_read_and_run(see, skip),
        *rest,
        *(["slice 1 axis=0"] if cut else []),
    ]
    return _seen(see, items)


def _siglip(config: Config, skip: int, cut: bool) -> Seen:
    see = _tower(config, "siglip_vision_model", VISION)
    items = [*see.patches("image"), "posembed", *_read_and_run(see, skip)]
    if see.config.flag("vision_use_head"):
        see.config.wrong("vision_use_head", "a tower with its own pooler is not supported here", "supported: false")
    if skip:
        items += [f"{see.norm}  {_QUIET}", "identity from=looked"]
    else:
        items += [f"{see.norm} name=patches_read"]
    return _seen(see, items + (["slice 1 axis=0"] if cut else []))


def _pixtral(config: Config, skip: int, cut: bool) -> Seen:
    if skip or cut:
        config.wrong("vision_feature_layer", "for this tower, only the last layer with all patches is supported")
    see = _tower(config, "pixtral", _PIXTRAL)
    for key in ("head_dim", "rope_theta", "rope_parameters"):
        see.config.value(key)
    see.norm, see.bias, see.gated, see.ff_bias = "rmsnorm eps=1e-5", "false", True, False
    config.note("2-D RoPE: queries and keys are rotated by the row and column of their patch")
    return _seen(see, [*see.patches("image", bias=False), see.norm, *_read_and_run(see, 0)])


def _tower(config: Config, kind: str, defaults: dict[str, Json]) -> Tower:
    inner = config.nested("vision_config", kind, defaults)
    inner.value("model_type")
    for key in ("vocab_size", "projection_dim"):
        inner.value(key)
    return Tower(inner)


def _read_and_run(see: Tower, skip: int) -> list[Item]:
    """All layers: those in use, and those that only run."""
    layer = see.layer(str(see.width), str(see.heads), str(see.ff))
    if skip >= see.depth:
        see.config.wrong("num_hidden_layers", f"layer {-1 - skip} from the end is not one of the {see.depth}")
    items: list[Item] = [{"repeat": see.depth - skip, "name": "looked", "layers": layer}]
    return items + ([{"repeat": skip, "layers": layer}] if skip > 1 else layer if skip else [])


def _seen(see: Tower, items: list[Item]) -> Seen:
    image, patch = see.image(), see.config.whole("patch_size")
    return Seen(items, image, int(image[1]) // patch, int(image[2]) // patch, see.width)


def _width(config: Config, text: str) -> int:
    """The width of the decoder."""
    usual = model_of(text)
    value = config.mapping("text_config").get("hidden_size", usual.defaults.get("hidden_size") if usual else None)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        config.wrong("text_config", "`hidden_size` must be a whole number of at least 1")
    return value


def _feature_layer(config: Config) -> int:
    """How many final layers of the tower are unused: -2 means one."""
    value = config.value("vision_feature_layer")
    if isinstance(value, bool) or not isinstance(value, int) or not -1000 < value < 0:
        config.wrong("vision_feature_layer", "only a single layer counted from the end is supported, e.g. -2")
    return -1 - value


def _two(config: Config, width: int, biased: bool) -> list[Item]:
    """Two linear layers with an activation in between."""
    bias = "" if biased else " bias=false"
    act = activated(activation(config, "projector_hidden_act"))
    return [f"linear {width}{bias}", *act, f"linear {width}{bias}"]


def _llava(config: Config) -> Spec:
    architecture(config, "ForConditionalGeneration", GENERATES)
    cut = config.word("vision_feature_select_strategy", ("default", "full")) == "default"
    for key in ("image_seq_length", "ignore_index", "vocab_size", "projector_type", "image_grid_pinpoints"):
        config.value(key)
    seen = _eyes(config, "clip_vision_model", _feature_layer(config), cut)
    projected = _two(config, _width(config, "llama"), config.flag("multimodal_projector_bias"))
    return joined(config, seen, projected, "llama")


def _mistral3(config: Config) -> Spec:
    architecture(config, "ForConditionalGeneration", GENERATES)
    if _feature_layer(config):
        config.wrong("vision_feature_layer", "for this tower, only the last layer is supported")
    seen, side = _eyes(config, "pixtral", 0, False), config.whole("spatial_merge_size")
    _fits(config, seen, side, "spatial_merge_size")
    eps = config.mapping("text_config").get("rms_norm_eps", 1e-5)
    if isinstance(eps, bool) or not isinstance(eps, (int, float)):
        config.wrong("text_config", "`rms_norm_eps` must be a number")
    projected: list[Item] = [
        f"rmsnorm eps={number(eps)}",
        _merged(seen, side),
        f"linear {seen.width} bias=false",
        *_two(config, _width(config, "mistral"), config.flag("multimodal_projector_bias")),
    ]
    return joined(config, seen, projected, "mistral", tied=True)


def _paligemma(config: Config) -> Spec:
    architecture(config, "ForConditionalGeneration", GENERATES)
    for key in ("projection_dim", "vocab_size", "hidden_size", "ignore_index"):
        config.value(key)
    seen = _eyes(config, "siglip_vision_model", 0, False)
    config.note("image and prompt tokens attend to each other, later tokens causally")
    return joined(config, seen, [f"linear {_width(config, 'gemma')}"], "gemma", tied=True)


def _idefics3(config: Config) -> Spec:
    architecture(config, "ForConditionalGeneration", GENERATES)
    for key in ("_pad_token_id", "qk_layer_norms", "use_resampler", "vocab_size", "freeze_config", "perceiver_config"):
        config.value(key)
    side = config.whole("scale_factor")
    see = _tower(config, "idefics3_vision", {**VISION, "patch_size": 32, "hidden_size": 1152})
    for key in ("size", "max_image_size", "use_base_siglip", "vision_use_head", "tie_word_embeddings"):
        see.config.value(key)
    items = [*see.patches("image"), "posembed", *_read_and_run(see, 0), see.norm]
    seen = _seen(see, items)
    _fits(config, seen, side, "scale_factor")
    projected: list[Item] = [_merged(seen, side), f"linear {_width(config, 'llama')} bias=false"]
    return joined(config, seen, projected, "llama")


def _merged(seen: Seen, side: int) -> str:
    """Merges neighbouring patches by concatenating their features."""
    return f"rearrange '(h a w b) c -> (h w) (a b c)' h={seen.rows // side} a={side} b={side}"


def _fits(config: Config, seen: Seen, side: int, key: str) -> None:
    if seen.rows % side or seen.columns % side:
        config.wrong(key, f"{seen.rows} × {seen.columns} patches are not divisible by {side}")


def _internvl(config: Config) -> Spec:
    architecture(config, "ForConditionalGeneration", GENERATES)
    if _feature_layer(config):
        config.wrong("vision_feature_layer", "for this tower, only the last layer is supported")
    cut = config.word("vision_feature_select_strategy", ("default", "full")) == "default"
    config.value("image_seq_length")
    given = config.number("downsample_ratio")
    if not 0 < given <= 1 or not float(1 / given).is_integer():
        config.wrong("downsample_ratio", "must be one over a whole number, e.g. 0.5")
    side = int(1 / given)
    inner = config.nested("vision_config", "internvl_vision", _INTERN_EYES)
    for key in ("model_type", "layer_scale_init_value", "projection_dropout"):
        inner.value(key)
    inner.only("use_qk_norm", False)
    inner.only("use_mask_token", False)
    inner.only("norm_type", "layer_norm")
    patches = inner.wholes("patch_size")
    if len(set(patches)) != 1:
        inner.wrong("patch_size", "non-square patches are not supported yet")
    inner.settle("patch_size", patches[0])
    see = Tower(inner, "hidden_dropout_prob")
    biased = inner.flag("attention_bias")
    see.bias, see.scaled = biases(q=biased, k=biased, v=biased, o=True), True
    places = ["posembed"] if inner.flag("use_absolute_position_embeddings") else []
    items: list[Item] = [*see.patches("image"), ["clstoken", *places, *see.drop], *_read_and_run(see, 0)]
    items += [] if inner.flag("use_mean_pooling") else [see.norm]
    seen = _seen(see, items + (["slice 1 axis=0"] if cut else []))
    _fits(config, seen, side, "downsample_ratio")
    width = _width(config, "qwen2")
    projected: list[Item] = [_merged(seen, side), "layernorm", *_two(config, width, True)]
    return joined(config, seen, projected, "qwen2", tied=True)


# Text model types that have their own names inside these models.
_TEXTS = {"qwen2_vl_text": "qwen2", "qwen2_5_vl_text": "qwen2", "gemma3_text": "gemma3_text"}
_TOWERS: dict[str, Callable[[Config, int, bool], Seen]] = {
    "clip_vision_model": _clip,
    "siglip_vision_model": _siglip,
    "pixtral": _pixtral,
}
_INTERN_EYES: dict[str, Json] = {
    **VISION,
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
    "hidden_act": "gelu",
    "norm_type": "layer_norm",
    "image_size": [448, 448],
    "patch_size": [14, 14],
    "use_absolute_position_embeddings": True,
    "use_mean_pooling": True,
}
_LLAVA: dict[str, Json] = {
    "projector_hidden_act": "gelu",
    "vision_feature_select_strategy": "default",
    "vision_feature_layer": -2,
    "multimodal_projector_bias": True,
}

MODELS = {
    "llava": Model(_llava, _LLAVA, builds="ForConditionalGeneration"),
    "mistral3": Model(
        _mistral3,
        {"projector_hidden_act": "gelu", "vision_feature_layer": -1, "spatial_merge_size": 2},
        builds="ForConditionalGeneration",
    ),
    "paligemma": Model(_paligemma, {}, builds="ForConditionalGeneration"),
    "idefics3": Model(_idefics3, {"scale_factor": 2}, builds="ForConditionalGeneration"),
    "smolvlm": Model(_idefics3, {"scale_factor": 2}, builds="ForConditionalGeneration"),
    "internvl": Model(
        _internvl,
        {
            "downsample_ratio": 0.5,
            "projector_hidden_act": "gelu",
            "vision_feature_layer": -1,
            "vision_feature_select_strategy": "default",
        },
        builds="ForConditionalGeneration",
    ),
}
