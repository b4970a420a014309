"""Variations of BERT and RoBERTa: ERNIE, ESM, LayoutLM, RoFormer, Megatron-BERT, Big Bird, ..."""

from __future__ import annotations

from archcalc.sources.huggingface.bert import BERT, NO_PAIRS, ROBERTA, roberta
from archcalc.sources.huggingface.config import Config
from archcalc.sources.huggingface.encoder import HEADS, Encoder
from archcalc.sources.huggingface.model import Model
from archcalc.sources.huggingface.rotation import rotation
from archcalc.sources.writing import Spec


def _ernie(config: Config) -> Spec:
    encoder = Encoder(config)
    config.value("classifier_dropout")
    kinds = config.value("task_type_vocab_size")
    if config.flag("use_task_id"):
        encoder.tables = [[f"embedding {config.whole('task_type_vocab_size')} dim=width from=tasks"]]
        encoder.inputs = {"tasks": ["seq"]}
    elif kinds is not None:
        config.whole("task_type_vocab_size", 0)
    return encoder.spec()


def _data2vec(config: Config) -> Spec:
    return roberta(config).spec()


def _before(config: Config) -> Spec:
    """Pre-norm RoBERTa, and XLM-R XL, which does not normalise embeddings."""
    encoder = roberta(config)
    encoder.before = encoder.final = True
    encoder.norm_embedding = config.model_type == "roberta-prelayernorm"
    if config.model_type == "xlm-roberta-xl":
        encoder.transform = ["linear width", "gelu", encoder.norm]
    return encoder.spec()


def _megatron(config: Config) -> Spec:
    encoder = Encoder(config)
    encoder.before = encoder.final = True
    encoder.norm_embedding = False
    config.value("classifier_dropout")
    return encoder.spec()


def _esm(config: Config) -> Spec:
    encoder = Encoder(config, [head for head in NO_PAIRS if head != "ForQuestionAnswering"])
    config.only("is_folding_model", False)
    config.only("esmfold_config", None)
    config.value("vocab_list")
    config.flag("token_dropout")
    encoder.before = encoder.final = True
    encoder.norm_embedding = config.flag("emb_layer_norm_before")
    if config.word("position_embedding_type", ("absolute", "rotary")) == "rotary":
        encoder.context, encoder.rope = None, rotation(config).theta
    else:
        encoder.offset = (config.maybe("pad_token_id", 0) or 0) + 1
        config.value("rope_theta")
    why = "# archcalc: ignore[GRF701] used only for contact prediction"
    encoder.stem = [f"parameter heads*depth+1 name=contacts  {why}"]
    drop = encoder.drop()
    encoder.transform = ["linear width", "gelu", encoder.norm]
    encoder.classifier = [*drop, "linear width", "tanh", *drop]
    return encoder.spec()


def _layoutlm(config: Config) -> Spec:
    encoder = Encoder(config, NO_PAIRS)
    places = config.whole("max_2d_position_embeddings")
    table = f"embedding {places} dim=width"
    encoder.tables = [
        [f"select {side} axis=1 from=boxes", f"{table}{more}"]
        for side, more in enumerate((" name=across", " name=down", " tie=across", " tie=down", "", ""))
    ]
    encoder.inputs = {"boxes": ["seq", 6]}
    encoder.pools_anyway = True
    config.note("the height and width of a box follow its four sides")
    return encoder.spec()


def _roformer(config: Config) -> Spec:
    encoder = Encoder(config, NO_PAIRS)
    config.only("rotary_value", False)
    encoder.table = config.maybe("embedding_size") or encoder.width
    encoder.context, encoder.rope, encoder.pooler = None, 10000.0, False
    why = "# archcalc: ignore[GRF701] sines and cosines of the angles, stored as weights"
    encoder.stem = [f"parameter {encoder.positions}x(width//heads) frozen=true name=angles  {why}"]
    drop = encoder.drop()
    encoder.classifier = [*drop, "linear width", encoder.act, *drop]
    return encoder.spec()


def _big_bird(config: Config) -> Spec:
    encoder = Encoder(config, HEADS)
    encoder.attention_bias = "true" if config.flag("use_bias") else "o"
    encoder.scaled = config.flag("rescale_embeddings")
    encoder.pools_anyway = True
    block, drawn = config.whole("block_size"), config.whole("num_random_blocks", 0)
    if config.word("attention_type", ("block_sparse", "original_full")) == "block_sparse":
        config.note(f"attention_type: beyond {(5 + 2 * drawn) * block} tokens attention is sparse; here it is full")
    drop = encoder.drop(encoder.classifier_dropout)
    encoder.classifier = [*drop, "linear width", encoder.act, *drop]
    if encoder.builds == "ForQuestionAnswering":
        config.wrong("architectures", "BigBirdForQuestionAnswering is not supported yet")
    return encoder.spec()


def _nystromformer(config: Config) -> Spec:
    encoder = Encoder(config, NO_PAIRS)
    marks = config.whole("num_landmarks")
    if marks != config.whole("segment_means_seq_len"):
        config.wrong(
            "num_landmarks", "Nyström attention is not supported unless `segment_means_seq_len` is the same number"
        )
    config.only("inv_coeff_init_option", False)
    encoder.offset, encoder.pooler = 2, False
    encoder.context = (encoder.context or 0) + 2
    encoder.positions = encoder.context
    drop = encoder.drop()
    encoder.classifier = [*drop, "linear width", encoder.act, *drop]
    taps = config.maybe("conv_kernel_size")
    if taps is not None:
        split = "rearrange 'n (h d) -> h n d' h=heads"
        encoder.attend = ["attend"]
        encoder.blocks["attend"] = [
            ["linear width", f"{split} name=q"],
            ["linear width from=input", f"{split} name=k"],
            ["linear width from=input name=values", f"{split} name=v"],
            ["sdpa q=q k=k v=v", "rearrange 'h n d -> n (h d)' name=seen"],
            [
                "rearrange 'n (c d) -> c n d' c=heads from=values",
                f"conv heads kernel={taps}x1 padding={taps // 2}x0 groups=heads bias=false",
                "rearrange 'c n d -> n (c d)' name=around",
            ],
            {"add": ["seen", "around"]},
            "linear width",
        ]
    return encoder.spec()


MODELS = {
    "ernie": Model(_ernie, {**BERT, "task_type_vocab_size": 3}),
    "data2vec-text": Model(_data2vec, ROBERTA),
    "roberta-prelayernorm": Model(_before, {**ROBERTA, "vocab_size": 50265}),
    "xlm-roberta-xl": Model(
        _before,
        {
            **ROBERTA,
            "vocab_size": 250880,
            "hidden_size": 2560,
            "num_hidden_layers": 36,
            "num_attention_heads": 32,
            "intermediate_size": 10240,
            "max_position_embeddings": 514,
            "type_vocab_size": 1,
            "layer_norm_eps": 1e-5,
        },
    ),
    "megatron-bert": Model(
        _megatron,
        {
            **BERT,
            "vocab_size": 29056,
            "hidden_size": 1024,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
            "intermediate_size": 4096,
        },
    ),
    "esm": Model(
        _esm,
        {
            **{key: value for key, value in BERT.items() if key not in ("vocab_size", "type_vocab_size")},
            "max_position_embeddings": 1026,
        },
    ),
    "layoutlm": Model(_layoutlm, {**BERT, "max_2d_position_embeddings": 1024}),
    "roformer": Model(_roformer, {**BERT, "vocab_size": 50000, "max_position_embeddings": 1536}),
    "big_bird": Model(
        _big_bird,
        {
            **BERT,
            "vocab_size": 50358,
            "hidden_act": "gelu_new",
            "max_position_embeddings": 4096,
            "attention_type": "block_sparse",
            "use_bias": True,
            "block_size": 64,
            "num_random_blocks": 3,
        },
    ),
    "nystromformer": Model(
        _nystromformer,
        {
            **BERT,
            "vocab_size": 30000,
            "hidden_act": "gelu_new",
            "max_position_embeddings": 510,
            "segment_means_seq_len": 64,
            "num_landmarks": 64,
            "conv_kernel_size": 65,
            "layer_norm_eps": 1e-5,
        },
    ),
}
