"""DeBERTa: disentangled attention, content-to-content, content-to-position and position-to-content, with one table."""

from __future__ import annotations

from archcalc.sources.file import Json
from archcalc.sources.huggingface.bert import BERT, NO_PAIRS
from archcalc.sources.huggingface.config import Config
from archcalc.sources.huggingface.encoder import Encoder
from archcalc.sources.huggingface.model import Model, activation
from archcalc.sources.writing import Item, Spec

_SPLIT = "rearrange 'n (h d) -> h n d' h=heads"


def _deberta(config: Config) -> Spec:
    encoder = Encoder(config, NO_PAIRS)
    encoder.table = config.maybe("embedding_size") or encoder.width
    if encoder.table != encoder.width:
        config.wrong("embedding_size", "embeddings of a different width than the layers are not supported yet")
    if not config.flag("position_biased_input"):
        encoder.context = None
    encoder.pooler = False
    newer = config.model_type == "deberta-v2"
    kinds = _kinds(config)
    if config.flag("relative_attention"):
        most = config.maybe("max_relative_positions", -1) or -1
        span = most if most > 0 else config.whole("max_position_embeddings")
        buckets = (config.maybe("position_buckets", -1) or -1) if newer else -1
        rows = buckets if buckets > 0 else span
        normed = "layer_norm" in str(config.value("norm_rel_ebd")).lower()
        line: list[Item] = [f"parameter {2 * rows}x(width){'' if normed else ' name=distances'}"]
        encoder.stem = [line + ([f"{encoder.norm} name=distances"] if normed else [])]
        encoder.attend = ["attend distances"]
    elif kinds:
        config.only("pos_att_type", None, [])
    encoder.classifier = _pooled(config, encoder)
    return _finish(encoder, newer, kinds)


def _kinds(config: Config) -> list[str]:
    """The additional scores: `c2p`, `p2c`, as a list or separated by bars."""
    given = config.value("pos_att_type")
    words: list[Json] = list(given.split("|")) if isinstance(given, str) else given if isinstance(given, list) else []
    found = [word.strip().lower() for word in words if isinstance(word, str) and word.strip()]
    if any(word not in ("c2p", "p2c") for word in found) or not isinstance(given, (str, list, type(None))):
        config.wrong("pos_att_type", "must be a list of `c2p` and `p2c`")
    return found


def _pooled(config: Config, encoder: Encoder) -> list[Item]:
    """The pooler between the first token and the classes."""
    width = config.maybe("pooler_hidden_size") or encoder.width
    if width != encoder.width:
        config.wrong("pooler_hidden_size", f"must be the width {encoder.width}")
    act = activation(config, "pooler_hidden_act")
    given = config.maybe_number("cls_dropout")
    drop = encoder.dropout if given is None else given
    return [*encoder.drop(config.share("pooler_dropout")), "linear width", act, *encoder.drop(drop)]


def _finish(encoder: Encoder, newer: bool, kinds: list[str]) -> Spec:
    """The spec, with attention written out."""
    config = encoder.config
    shared, legacy = config.flag("share_att_key"), config.flag("legacy")
    conv = (config.maybe("conv_kernel_size", 0) or 0) if newer else 0
    for key in ("conv_act", "conv_groups"):
        config.value(key)
    config.only("talking_head", False)
    if conv:
        config.wrong("conv_kernel_size", "a convolution after the first layer is not supported yet")
    if encoder.builds == "ForMaskedLM" and not legacy:
        config.wrong("legacy", "the new masked-language-model head is not supported yet")
    relative = encoder.attend is not None
    if not relative:
        # content scores only: standard attention, in the first version without a key bias
        encoder.attention_bias = "true" if newer else "qvo"
        return encoder.spec()
    encoder.blocks["attend(distances)"] = _newer(kinds, shared) if newer else _older(kinds)
    return encoder.spec()


def _scores(name: str, left: str, right: str, turned: bool) -> list[Item]:
    """The scores of each token for each distance, gathered for each pair of tokens."""
    turn = ["transpose"] if turned else []
    return [
        f"einsum: {{equation: 'hnd,hmd->hnm', operands: [{left}, {right}]}}",
        ["opaque 'the score of its distance for each pair' output=(heads)x(seq)x(seq)", *turn, f"identity name={name}"],
    ]


def _newer(kinds: list[str], shared: bool) -> list[Item]:
    items: list[Item] = [
        ["linear width name=query", f"{_SPLIT} name=q"],
        ["linear width from=input name=key", f"{_SPLIT} name=k"],
        ["linear width from=input", f"{_SPLIT} name=v"],
    ]
    if "c2p" in kinds:
        items += [
            [f"linear width from=distances{' tie=key' if shared else ''}", f"{_SPLIT} name=far_k"],
            *_scores("c2p", "q", "far_k", False),
        ]
    if "p2c" in kinds:
        items += [
            [f"linear width from=distances{' tie=query' if shared else ''}", f"{_SPLIT} name=far_q"],
            *_scores("p2c", "k", "far_q", True),
        ]
    return [*items, *_end(kinds)]


def _older(kinds: list[str]) -> list[Item]:
    items: list[Item] = [
        ["linear width", f"{_SPLIT} name=q"],
        ["linear width bias=false from=input", f"{_SPLIT} name=k"],
        ["linear width from=input", f"{_SPLIT} name=v"],
    ]
    span = "min(seq, size(distances, 0)//2)"
    near = f"slice start=size(distances, 0)//2-{span} end=size(distances, 0)//2+{span} axis=0 from=distances"
    if "c2p" in kinds:
        items += [[near, "linear width bias=false", f"{_SPLIT} name=far_k"], *_scores("c2p", "q", "far_k", False)]
    if "p2c" in kinds:
        items += [[near, "linear width", f"{_SPLIT} name=far_q"], *_scores("p2c", "k", "far_q", True)]
    return [*items, *_end(kinds)]


def _end(kinds: list[str]) -> list[Item]:
    parts = 1 + len(kinds)
    items: list[Item] = ["einsum: {equation: 'hnd,hmd->hnm', operands: [q, k]}"]
    items += [{"add": ["prev", *kinds]}] if kinds else []
    return [
        *items,
        [f"scale ({parts}*width//heads)**-0.5", "softmax axis=2 name=shares"],
        {"matmul": ["shares", "v"]},
        ["rearrange 'h n d -> n (h d)'", "linear width"],
    ]


_DEBERTA: dict[str, Json] = {
    **BERT,
    "type_vocab_size": 0,
    "layer_norm_eps": 1e-7,
    "max_relative_positions": -1,
    "position_biased_input": True,
    "pooler_hidden_act": "gelu",
    "legacy": True,
}

MODELS = {
    "deberta": Model(_deberta, {**_DEBERTA, "vocab_size": 50265}),
    "deberta-v2": Model(
        _deberta,
        {
            **_DEBERTA,
            "vocab_size": 128100,
            "hidden_size": 1536,
            "num_hidden_layers": 24,
            "num_attention_heads": 24,
            "intermediate_size": 6144,
        },
    ),
}
