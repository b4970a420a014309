"""Vision transformers: ViT, DeiT, DINOv2; and CLIP and SigLIP, which embed images and texts in one space."""

from __future__ import annotations

from archcalc.sources.file import Json
from archcalc.sources.huggingface.config import Config
from archcalc.sources.huggingface.model import Model, activated, activation, architecture, labels, number
from archcalc.sources.writing import Item, Spec

UNREACHED = "# archcalc: ignore[GRF701] takes the place of patches that are masked in training"


class Tower:
    """Pre-norm layers over the patches of an image or the tokens of a text.

    Attributes:
        ff: the width of the feed-forward network; gated: whether it is silu(gate) * up.
        ff_bias: whether the feed-forward network has biases; relbias: the name of a table that attention adds to its scores.
        scaled: whether each sublayer ends with a layer scale.
    """

    def __init__(
        self, config: Config, dropout: str | None = None, attention_dropout: str = "attention_dropout"
    ) -> None:
        self.config = config
        self.width = config.whole("hidden_size")
        self.heads = config.whole("num_attention_heads")
        if self.width % self.heads:
            config.wrong("num_attention_heads", f"the width {self.width} is not divisible by {self.heads} heads")
        self.depth = config.layers("num_hidden_layers")
        self.ff = config.whole("intermediate_size") if "mlp_ratio" not in config.defaults else 0
        self.act = activation(config, "hidden_act")
        eps = config.number("layer_norm_eps")
        self.norm = "layernorm" if eps == 1e-5 else f"layernorm eps={number(eps)}"
        share = config.share(dropout) if dropout is not None else 0.0
        self.drop: list[Item] = [f"dropout {number(share)}"] if share else []
        self.attention_dropout = config.share(attention_dropout)
        self.path: list[Item] = []
        self.causal = False
        self.bias = "true"
        self.gated = False
        self.ff_bias = True
        self.relbias: str | None = None
        self.scaled = False

    def layer(self, width: str = "width", heads: str = "heads", ff: str = "ff") -> list[Item]:
        """The items of one layer, with names or numbers for its sizes."""
        words = [f"attention heads={heads}"]
        words += [f"bias={self.bias}"] if self.bias != "true" else []
        words += ["causal=true"] if self.causal else []
        words += [f"relbias={self.relbias}"] if self.relbias is not None else []
        words += [f"dropout={number(self.attention_dropout)}"] if self.attention_dropout else []
        end: list[Item] = [*self.drop, *(["layerscale init=1"] if self.scaled else []), *self.path]
        bias = "" if self.ff_bias else " bias=false"
        if self.gated:
            inner: list[Item] = [{"mul": [[f"linear {ff}{bias}", *activated(self.act)], [f"linear {ff}{bias}"]]}]
        else:
            inner = [f"linear {ff}{bias}", *activated(self.act)]
        return [
            {"residual": [self.norm, " ".join(words), *end]},
            {"residual": [self.norm, *inner, f"linear {width}{bias}", *end]},
        ]

    def patches(self, source: str | None = None, bias: bool = True) -> list[Item]:
        """The patch embedding of an image, flattened to a sequence."""
        size = self.config.whole("patch_size")
        end = ("" if bias else " bias=false") + (f" from={source}" if source else "")
        width = "width" if source is None else self.width
        return [f"conv {width} kernel={size} stride={size}{end} name=patches", "rearrange 'c h w -> (h w) c'"]

    def image(self) -> list[str | int]:
        """The sizes of the image."""
        given = self.config.wholes("image_size")
        if len(given) not in (1, 2):
            self.config.wrong("image_size", "must be one size, or a height and a width")
        patch = self.config.whole("patch_size")
        if min(given) < patch:
            self.config.wrong("image_size", f"must be at least one patch of {patch}")
        return [self.config.whole("num_channels"), given[0], given[-1]]

    def sizes(self) -> dict[str, int]:
        """The hparams of the layers."""
        return {"width": self.width, "heads": self.heads, "ff": self.ff, "depth": self.depth}


def _vit(config: Config) -> Spec:
    builds = architecture(config, "Model", ("Model", "ForImageClassification", "ForImageClassificationWithTeacher"))
    tower = Tower(config, "hidden_dropout_prob", "attention_probs_dropout_prob")
    tower.bias = "true" if config.flag("qkv_bias") else "o"
    config.value("encoder_stride")
    distilled = config.model_type == "deit"
    spec = Spec(config.model_type)
    spec.inputs, spec.hparams = tower.image(), tower.sizes()
    tokens: list[Item] = ["clstoken", "clstoken"] if distilled else ["clstoken"]
    spec.layers = [
        *tower.patches(),
        [*tokens, "posembed", *tower.drop],
        {"repeat": "depth", "name": "encoder", "layers": tower.layer()},
        f"{tower.norm} name=tokens",
    ]
    if builds == "Model":
        pooled, act = config.maybe("pooler_output_size") or tower.width, activation(config, "pooler_act")
        spec.layers.append(["select 0", f"linear {pooled}", f"{act} name=pooler"])
        spec.output = ["tokens", "pooler"]
        return spec
    config.value("pooler_output_size")
    config.value("pooler_act")
    spec.loss = "crossentropy"
    classes = labels(config)
    if builds == "ForImageClassification":
        spec.layers.append(["select 0", f"linear {classes} name=classifier"])
    else:
        if not distilled:
            config.wrong("architectures", "only `deit` has a teacher")
        spec.layers += [
            {"add": [["select 0", f"linear {classes}"], ["select 1", f"linear {classes}"]]},
            "scale 0.5",
        ]
    return spec


def _dinov2(config: Config) -> Spec:
    builds = architecture(config, "Model", ("Model", "ForImageClassification"))
    tower = Tower(config, "hidden_dropout_prob", "attention_probs_dropout_prob")
    tower.bias = "true" if config.flag("qkv_bias") else "o"
    ratio = config.number("mlp_ratio")
    if not 0 < ratio <= 1024:
        config.wrong("mlp_ratio", "must be a number above 0")
    tower.ff, tower.scaled = int(tower.width * ratio), True
    if config.flag("use_swiglu_ffn"):
        tower.gated, tower.act = True, "silu"
        tower.ff = (int(tower.ff * 2 / 3) + 7) // 8 * 8
    path = config.share("drop_path_rate")
    tower.path = [f"droppath {number(path)}"] if path else []
    config.value("layerscale_value")
    for key in ("apply_layernorm", "reshape_hidden_states", "out_features", "out_indices", "stage_names"):
        config.value(key)  # for the backbone class
    spec = Spec(config.model_type)
    spec.inputs, spec.hparams = tower.image(), tower.sizes()
    if config.flag("use_mask_token"):
        spec.layers = [f"parameter 1x(width) name=mask_token  {UNREACHED}"]
        patches = tower.patches()
        patches[0] = f"{patches[0]} from=input"
    else:
        patches = tower.patches()
    spec.layers += [
        *patches,
        ["clstoken", "posembed", *tower.drop],
        {"repeat": "depth", "name": "encoder", "layers": tower.layer()},
        f"{tower.norm} name=tokens",
    ]
    if builds == "ForImageClassification":
        first: Item = ["select 0 from=tokens"]
        rest: Item = ["slice 1 axis=0 from=tokens", "mean 0"]
        spec.layers += [{"concat": [first, rest]}, f"linear {labels(config)} name=classifier"]
        spec.loss = "crossentropy"
    return spec


def _pictures(tower: Tower, source: str | None, name: str) -> list[Item]:
    """CLIP's image tower; the first token represents the image."""
    sizes = [] if source is None else [str(tower.width), str(tower.heads), str(tower.ff)]
    layers = tower.layer(*sizes)
    depth: str | int = "depth" if source is None else tower.depth
    repeat: Item = {"repeat": depth, "name": name, "layers": layers}
    return [*tower.patches(source, bias=False), ["clstoken", "posembed", tower.norm], repeat, ["select 0", tower.norm]]


def _words(tower: Tower, source: str | None, name: str) -> list[Item]:
    """CLIP's text tower; the last token represents the text."""
    config = tower.config
    vocab, context = config.whole("vocab_size"), config.whole("max_position_embeddings")
    start = f"embedding {vocab} dim={tower.width}" + (f" from={source}" if source else "")
    sizes = [] if source is None else [str(tower.width), str(tower.heads), str(tower.ff)]
    depth: str | int = "depth" if source is None else tower.depth
    repeat: Item = {"repeat": depth, "name": name, "layers": tower.layer(*sizes)}
    return [start, f"posembed length={context}", repeat]


def _clip_vision(config: Config) -> Spec:
    builds = architecture(config, "Model", ("Model", "ModelWithProjection"))
    tower = Tower(config)
    spec = Spec(config.model_type)
    spec.inputs, spec.hparams = tower.image(), tower.sizes()
    spec.layers = _pictures(tower, None, "encoder")
    projection = config.whole("projection_dim")
    if builds == "ModelWithProjection":
        spec.layers.append(f"linear {projection} bias=false name=visual_projection")
    return spec


def _clip_text(config: Config) -> Spec:
    builds = architecture(config, "Model", ("Model", "ModelWithProjection"))
    tower = Tower(config)
    tower.causal = True
    spec = Spec(config.model_type)
    spec.hparams = tower.sizes()
    spec.dims, spec.inputs = {"seq": config.whole("max_position_embeddings")}, ["seq"]
    spec.layers = [*_words(tower, None, "encoder"), tower.norm, "select -1"]
    projection = config.whole("projection_dim")
    if builds == "ModelWithProjection":
        spec.layers.append(f"linear {projection} bias=false name=text_projection")
    return spec


def _clip(config: Config) -> Spec:
    architecture(config, "Model", ("Model",))
    see, read = _sides(config, CLIP_VISION, _CLIP_TEXT, "clip")
    read.causal = True
    projection = config.whole("projection_dim")
    for side in (see, read):
        side.config.value("projection_dim")
    config.value("logit_scale_init_value")
    spec = _meeting(config, see, read)
    spec.blocks["unit"] = [["rmsnorm affine=false", "scale cin**-0.5"]]
    spec.layers = [
        *_pictures(see, "image", "vision"),
        [f"linear {projection} bias=false", "unit", f"reshape 1x{projection} name=seen"],
        *_words(read, "text", "language"),
        [read.norm, "select -1", f"linear {projection} bias=false", "unit", f"reshape {projection}x1 name=read"],
        "parameter 1 name=logit_scale",
        {"matmul": ["seen", "read"]},
        {"mul": ["prev", "logit_scale"]},
    ]
    return spec


def _siglip(config: Config) -> Spec:
    architecture(config, "Model", ("Model",))
    see, read = _sides(config, VISION, _SIGLIP_TEXT, "siglip")
    see.config.only("vision_use_head", True)
    width = read.config.maybe("projection_size") or read.width
    if width != see.width:
        read.config.wrong("hidden_size", f"text vectors have {width} elements, image vectors {see.width}")
    spec = _meeting(config, see, read)
    spec.blocks["unit"] = [["rmsnorm affine=false", "scale cin**-0.5"]]
    probe: list[Item] = [
        *see.patches("image"),
        "posembed",
        {"repeat": see.depth, "name": "vision", "layers": see.layer(str(see.width), str(see.heads), str(see.ff))},
        f"{see.norm} name=patches_read",
        *pooled_by_probe(see, see.width, see.heads, see.ff),
    ]
    spec.layers = [
        *probe,
        ["select 0", "unit", f"reshape 1x{width} name=seen"],
        *_words(read, "text", "language"),
        [read.norm, "select -1", f"linear {width}", "unit", f"reshape {width}x1 name=read"],
        "parameter 1 name=logit_scale",
        "parameter 1 name=logit_bias",
        {"matmul": ["seen", "read"]},
        {"mul": ["prev", "logit_scale"]},
        {"add": ["prev", "logit_bias"]},
    ]
    return spec


def pooled_by_probe(tower: Tower, width: str | int, heads: str | int, ff: str | int) -> list[Item]:
    """Attention pooling: a learned query over all patches, named `patches_read`."""
    return [
        f"parameter 1x{f'({width})' if isinstance(width, str) else width} name=probe",
        f"attention heads={heads} kv=patches_read",
        {"residual": [tower.norm, f"linear {ff}", *activated(tower.act), f"linear {width}"]},
    ]


def _sides(config: Config, vision: dict[str, Json], text: dict[str, Json], name: str) -> tuple[Tower, Tower]:
    """The towers of `vision_config` and `text_config`."""
    for key in ("vision_config_dict", "text_config_dict"):
        config.only(key, {})
    towers = []
    for key, defaults, kind in (("vision_config", vision, "vision"), ("text_config", text, "text")):
        inner = config.nested(key, f"{name}_{kind}_model", defaults)
        inner.value("model_type")
        inner.only("dropout", 0)
        towers.append(Tower(inner))
    return towers[0], towers[1]


def _meeting(config: Config, see: Tower, read: Tower) -> Spec:
    """A spec with an image and a text as inputs."""
    spec = Spec(config.model_type)
    spec.inputs = {"image": see.image(), "text": [read.config.whole("max_position_embeddings")]}
    return spec


VIT: dict[str, Json] = {
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
    "image_size": 224,
    "patch_size": 16,
    "num_channels": 3,
    "qkv_bias": True,
    "pooler_act": "tanh",
}
CLIP_VISION: dict[str, Json] = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "projection_dim": 512,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "num_channels": 3,
    "image_size": 224,
    "patch_size": 32,
    "hidden_act": "quick_gelu",
    "layer_norm_eps": 1e-5,
}
_CLIP_TEXT: dict[str, Json] = {
    "vocab_size": 49408,
    "hidden_size": 512,
    "intermediate_size": 2048,
    "projection_dim": 512,
    "num_hidden_layers": 12,
    "num_attention_heads": 8,
    "max_position_embeddings": 77,
    "hidden_act": "quick_gelu",
    "layer_norm_eps": 1e-5,
}
VISION: dict[str, Json] = {
    **CLIP_VISION,
    "patch_size": 16,
    "hidden_act": "gelu_pytorch_tanh",
    "layer_norm_eps": 1e-6,
    "vision_use_head": True,
}
_SIGLIP_TEXT: dict[str, Json] = {
    **_CLIP_TEXT,
    "vocab_size": 32000,
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_attention_heads": 12,
    "max_position_embeddings": 64,
    "hidden_act": "gelu_pytorch_tanh",
    "layer_norm_eps": 1e-6,
}

MODELS = {
    "vit": Model(_vit, VIT),
    "deit": Model(_vit, VIT),
    "dinov2": Model(_dinov2, {**VIT, "mlp_ratio": 4, "layer_norm_eps": 1e-6, "patch_size": 14, "use_mask_token": True}),
    "clip_vision_model": Model(_clip_vision, CLIP_VISION),
    "clip_text_model": Model(_clip_text, _CLIP_TEXT),
    "clip": Model(_clip, {"projection_dim": 512}),
    "siglip": Model(_siglip, {}),
}
