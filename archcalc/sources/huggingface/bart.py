"""Encoder-decoders: BART and similar models, Whisper."""

from __future__ import annotations

from archcalc.sources.file import Json
from archcalc.sources.huggingface.config import Config
from archcalc.sources.huggingface.model import Model, activation, architecture, labels, number
from archcalc.sources.writing import Item, Spec

_GENERATES = ("ForConditionalGeneration", "MTModel")


class Translator:
    """A template for an encoder and a decoder that reads it. A family sets what differs from BART.

    Attributes:
        outside: post-norm (after the residual sum) instead of pre-norm.
        norm_embedding: whether embeddings are normalised; final: whether encoder and decoder end with a norm.
        positions: the line that adds positions.
        bias: of attention, as in a spec.
    """

    def __init__(self, config: Config, *heads: str) -> None:
        self.config = config
        self.builds = architecture(config, "ForConditionalGeneration", (*_GENERATES, "Model", *heads))
        self.width = config.whole("d_model")
        self.heads = {side: config.whole(f"{side}_attention_heads") for side in ("encoder", "decoder")}
        self.ff = {side: config.whole(f"{side}_ffn_dim") for side in ("encoder", "decoder")}
        self.depth = {side: config.layers(f"{side}_layers") for side in ("encoder", "decoder")}
        for side, heads_ in self.heads.items():
            if self.width % heads_:
                config.wrong(f"{side}_attention_heads", f"the width {self.width} is not divisible by {heads_} heads")
        self.act = activation(config, "activation_function")
        self.dropout = config.share("dropout")
        self.attention_dropout = config.share("attention_dropout")
        self.scaled = config.flag("scale_embedding")
        self.inner_dropout = config.share("activation_dropout")
        self.outside = False
        self.norm_embedding = False
        self.final = True
        self.positions = "posembed length=context"
        self.bias = "true"
        config.value("num_hidden_layers")  # an alias of `encoder_layers`, which takes precedence

    def drop(self, share: float | None = None) -> list[Item]:
        """A dropout, unless its probability is 0."""
        share = self.dropout if share is None else share
        return [f"dropout {number(share)}"] if share else []

    def attention(self, side: str, more: str = "") -> str:
        """The line of attention in the encoder or decoder."""
        heads = "heads" if self.heads["encoder"] == self.heads["decoder"] else f"{side}_heads"
        bias = "" if self.bias == "true" else f" bias={self.bias}"
        dropout = f" dropout={number(self.attention_dropout)}" if self.attention_dropout else ""
        return f"attention heads={heads}{bias}{more}{dropout}"

    def branch(self, items: list[Item]) -> list[Item]:
        """A sublayer with its residual and norm."""
        if self.outside:
            return [{"residual": [*items, *self.drop()]}, "layernorm"]
        return [{"residual": ["layernorm", *items, *self.drop()]}]

    def feedforward(self, side: str) -> list[Item]:
        """The feed-forward sublayer with its residual."""
        ff = "ff" if self.ff["encoder"] == self.ff["decoder"] else f"{side}_ff"
        return self.branch([f"linear {ff}", self.act, *self.drop(self.inner_dropout), "linear width"])

    def stem(self, side: str) -> list[Item]:
        """Embeddings of tokens and positions for one side."""
        name = "source" if side == "encoder" else "target"
        tie = "name=shared" if side == "encoder" else "tie=shared"
        items: list[Item] = [f"embedding vocab dim=width from={name}_tokens {tie}"]
        items += ["scale width**0.5"] if self.scaled else []
        items += [self.positions]
        items += [["layernorm", *self.drop()]] if self.norm_embedding else self.drop()
        return items

    def encoder(self) -> list[Item]:
        """The layers of the encoder, with a named output for the decoder."""
        layers = [*self.branch([self.attention("encoder")]), *self.feedforward("encoder")]
        count = "depth" if self.depth["encoder"] == self.depth["decoder"] else "encoder_depth"
        items: list[Item] = [{"repeat": count, "name": "encoder", "layers": layers}]
        return items + (["layernorm name=memory"] if self.final else [])

    def decoder(self) -> list[Item]:
        """The layers of the decoder."""
        memory = "memory" if self.final else "encoder"
        layers = [
            *self.branch([self.attention("decoder", " causal=true")]),
            *self.branch([self.attention("decoder", f" kv={memory}")]),
            *self.feedforward("decoder"),
        ]
        count = "depth" if self.depth["encoder"] == self.depth["decoder"] else "decoder_depth"
        items: list[Item] = [{"repeat": count, "name": "decoder", "layers": layers}]
        return items + (["layernorm name=written"] if self.final else [])

    def sizes(self) -> dict[str, int]:
        """Hparams of both sides, merged if they are equal."""
        found = {"width": self.width}
        for name, pair in (("heads", self.heads), ("ff", self.ff), ("depth", self.depth)):
            alike = pair["encoder"] == pair["decoder"]
            found |= {name: pair["encoder"]} if alike else {f"{side}_{name}": size for side, size in pair.items()}
        return found

    def spec(self) -> Spec:
        """The spec of a token-to-token model."""
        config = self.config
        spec = Spec(config.model_type)
        positions = config.whole("max_position_embeddings")
        spec.hparams = {"vocab": config.whole("vocab_size")}
        spec.hparams |= {"context": positions} if "context" in self.positions else {}
        spec.hparams |= self.sizes()
        spec.dims = {"source": min(positions, 512), "target": min(positions, 512)}
        spec.inputs = {"source_tokens": ["source"], "target_tokens": ["target"]}
        spec.layers = [*self.stem("encoder"), *self.encoder(), *self.stem("decoder"), *self.decoder()]
        if self.builds in _GENERATES:
            tie = " tie=shared" if config.flag("tie_word_embeddings") else ""
            spec.layers.append(f"linear vocab bias=false{tie} name=lm_head")
            spec.loss = "crossentropy"
        elif self.builds == "ForSequenceClassification":
            drop = self.drop(config.share("classifier_dropout"))
            spec.layers += [["select -1", *drop, "linear width", "tanh", *drop], f"linear {labels(config)}"]
            spec.loss = "crossentropy"
        return spec


def _bart(config: Config) -> Spec:
    model = Translator(config, "ForSequenceClassification")
    model.outside, model.norm_embedding, model.final = True, True, False
    if config.model_type != "blenderbot-small":
        model.positions = "posembed length=context+2"
    _older(config)
    return model.spec()


def _mbart(config: Config) -> Spec:
    model = Translator(config, "ForSequenceClassification")
    model.norm_embedding = True
    model.positions = "posembed length=context+2"
    _older(config)
    return model.spec()


def _pegasus(config: Config) -> Spec:
    _older(config)
    return Translator(config).spec()


def _marian(config: Config) -> Spec:
    model = Translator(config)
    model.outside, model.final = True, False
    config.only("share_encoder_decoder_embeddings", True)
    vocab = config.maybe("decoder_vocab_size")
    if vocab is not None and vocab != config.whole("vocab_size"):
        config.wrong("decoder_vocab_size", "separate source and target vocabularies are not supported yet")
    _older(config)
    return model.spec()


def _m2m(config: Config) -> Spec:
    model = Translator(config)
    model.positions = "posembed kind=sinusoidal"
    _older(config)
    return model.spec()


def _older(config: Config) -> None:
    """Keys from before they were removed: no class reads them, so only these values are accepted."""
    config.only("add_bias_logits", False)
    config.only("static_position_embeddings", False, True)
    for key, usual in (("add_final_layer_norm", None), ("normalize_embedding", None), ("normalize_before", None)):
        config.value(key) if usual is None else config.only(key, usual)
    for key in (
        "extra_pos_embeddings",
        "force_bos_token_to_be_generated",
        "classif_dropout",
        "max_length",
        "num_beams",
        "transformers_weights",
    ):
        config.value(key)


def _whisper(config: Config) -> Spec:
    model = Translator(config)
    model.bias = "qvo"
    config.only("use_weighted_layer_sum", False)
    for key in ("classifier_proj_size", "mask_time_prob", "mask_feature_prob"):
        config.value(key)
    config.value("max_length")
    seconds, longest = config.whole("max_source_positions"), config.whole("max_target_positions")
    spec = Spec(config.model_type)
    spec.hparams = {"vocab": config.whole("vocab_size"), "context": longest, **model.sizes()}
    spec.dims = {"text": longest}
    spec.inputs = {"mel": [config.whole("num_mel_bins"), 2 * seconds], "tokens": ["text"]}
    spec.layers = [
        ["conv width kernel=3 padding=1 from=mel", "gelu"],
        ["conv width kernel=3 stride=2 padding=1", "gelu"],
        ["transpose", f"posembed length={seconds}", *model.drop()],
        *model.encoder(),
        "embedding vocab dim=width from=tokens name=shared",
        *(["scale width**0.5"] if model.scaled else []),
        ["posembed length=context", *model.drop()],
        *model.decoder(),
    ]
    if model.builds in _GENERATES:
        tie = " tie=shared" if config.flag("tie_word_embeddings") else ""
        spec.layers.append(f"linear vocab bias=false{tie} name=proj_out")
        spec.loss = "crossentropy"
    return spec


_BART: dict[str, Json] = {
    "vocab_size": 50265,
    "max_position_embeddings": 1024,
    "encoder_layers": 12,
    "encoder_ffn_dim": 4096,
    "encoder_attention_heads": 16,
    "decoder_layers": 12,
    "decoder_ffn_dim": 4096,
    "decoder_attention_heads": 16,
    "activation_function": "gelu",
    "d_model": 1024,
    "dropout": 0.1,
    "share_encoder_decoder_embeddings": True,
    "tie_word_embeddings": True,
}
MODELS = {
    "bart": Model(_bart, _BART),
    "mbart": Model(_mbart, _BART),
    "plbart": Model(
        _bart,
        {
            **_BART,
            "vocab_size": 50005,
            "encoder_layers": 6,
            "encoder_ffn_dim": 3072,
            "encoder_attention_heads": 12,
            "decoder_layers": 6,
            "decoder_ffn_dim": 3072,
            "decoder_attention_heads": 12,
            "d_model": 768,
            "attention_dropout": 0.1,
            "scale_embedding": True,
        },
    ),
    "blenderbot-small": Model(
        _bart,
        {
            **_BART,
            "max_position_embeddings": 512,
            "encoder_layers": 8,
            "encoder_ffn_dim": 2048,
            "decoder_layers": 8,
            "decoder_ffn_dim": 2048,
            "d_model": 512,
        },
    ),
    "pegasus": Model(_pegasus, _BART),
    "blenderbot": Model(
        _pegasus,
        {
            **_BART,
            "vocab_size": 8008,
            "max_position_embeddings": 128,
            "encoder_layers": 2,
            "encoder_ffn_dim": 10240,
            "encoder_attention_heads": 32,
            "decoder_layers": 24,
            "decoder_ffn_dim": 10240,
            "decoder_attention_heads": 32,
            "d_model": 2560,
        },
    ),
    "marian": Model(_marian, {**_BART, "vocab_size": 58101}),
    "m2m_100": Model(
        _m2m,
        {
            **_BART,
            "vocab_size": 128112,
            "activation_function": "relu",
            "attention_dropout": 0.1,
            "scale_embedding": True,
        },
    ),
    "whisper": Model(
        _whisper,
        {
            **_BART,
            "vocab_size": 51865,
            "num_mel_bins": 80,
            "encoder_layers": 4,
            "encoder_attention_heads": 6,
            "decoder_layers": 4,
            "decoder_attention_heads": 6,
            "decoder_ffn_dim": 1536,
            "encoder_ffn_dim": 1536,
            "d_model": 384,
            "dropout": 0.0,
            "max_source_positions": 1500,
            "max_target_positions": 448,
        },
    ),
}
