"""BERT and similar models: RoBERTa, DistilBERT, ALBERT, ELECTRA, MPNet, Nomic BERT."""

from __future__ import annotations

from archcalc.sources.file import Json
from archcalc.sources.huggingface.config import Config
from archcalc.sources.huggingface.encoder import HEADS, Encoder
from archcalc.sources.huggingface.model import Model
from archcalc.sources.huggingface.rotation import rotation
from archcalc.sources.writing import Spec

NO_PAIRS = [head for head in HEADS if head != "ForPreTraining"]


def _bert(config: Config) -> Spec:
    encoder = Encoder(config)
    config.value("classifier_dropout")
    config.value("gradient_checkpointing")
    for key in (
        "directionality",
        "pooler_fc_size",
        "pooler_num_attention_heads",
        "pooler_num_fc_layers",
        "pooler_size_per_head",
        "pooler_type",
    ):
        config.value(key)  # present in multilingual files, but no class reads them
    return encoder.spec()


def roberta(config: Config) -> Encoder:
    """Models whose positions start after the padding row, with RoBERTa's heads."""
    encoder = Encoder(config, NO_PAIRS)
    encoder.offset = (config.maybe("pad_token_id", 0) or 0) + 1
    drop = encoder.drop(encoder.classifier_dropout)
    encoder.classifier = [*drop, "linear width", "tanh", *drop]
    return encoder


def _roberta(config: Config) -> Spec:
    return roberta(config).spec()


def _distilbert(config: Config) -> Spec:
    encoder = Encoder(config, NO_PAIRS)
    encoder.norm = "layernorm eps=1e-12"
    encoder.pooler = False
    config.only("sinusoidal_pos_embds", False, True)  # the table is a parameter either way
    encoder.classifier = ["linear width", "relu", *encoder.drop(config.share("seq_classif_dropout"))]
    encoder.question_dropout = config.share("qa_dropout")
    config.value("tie_weights_")
    return encoder.spec()


def _albert(config: Config) -> Spec:
    encoder = Encoder(config, NO_PAIRS)
    encoder.table = config.whole("embedding_size")
    encoder.groups = config.whole("num_hidden_groups")
    if encoder.groups > encoder.depth:
        config.wrong("num_hidden_groups", f"there cannot be more groups than the {encoder.depth} layers")
    config.only("inner_group_num", 1)
    config.value("classifier_dropout_prob")
    for key in ("net_structure_type", "gap_size", "num_memory_blocks", "down_scale_factor"):
        config.value(key)  # from early files; no class reads them
    return encoder.spec()


def _electra(config: Config) -> Spec:
    encoder = Encoder(config, HEADS)
    encoder.table = config.whole("embedding_size")
    encoder.pooler = False
    for key in ("activation", "last_dropout", "type", "use_proj"):
        config.value(f"summary_{key}")
    drop = encoder.drop(encoder.classifier_dropout)
    encoder.classifier = [*drop, "linear width", "gelu", *drop]
    if encoder.builds == "ForPreTraining":
        encoder.builds = "Model"
        spec = encoder.spec()
        spec.layers.append(["linear width", encoder.act, "linear 1 name=replaced"])
        spec.loss = "bcewithlogits"
        return spec
    width = "table" if encoder.table != encoder.width else "width"
    encoder.transform = [f"linear {width}", "gelu", encoder.norm]
    return encoder.spec()


def _mpnet(config: Config) -> Spec:
    encoder = Encoder(config, NO_PAIRS)
    encoder.offset = 2
    encoder.relbias = f"relposbias heads buckets={config.whole('relative_attention_num_buckets')}"
    encoder.transform = ["linear width", "gelu", encoder.norm]
    encoder.classifier = [*encoder.drop(), "linear width", "tanh", *encoder.drop()]
    return encoder.spec()


def _nomic(config: Config) -> Spec:
    encoder = Encoder(config, [head for head in HEADS if head not in ("ForPreTraining", "ForQuestionAnswering")])
    encoder.context, encoder.pooler = None, False
    encoder.gated, encoder.bias = True, False
    head = config.maybe("head_dim")
    if head is not None and head * encoder.heads != encoder.width:
        config.wrong("head_dim", f"{encoder.heads} heads of size {head} do not match the width {encoder.width}")
    encoder.rope = rotation(config, 1000.0).theta
    return encoder.spec()


BERT: dict[str, Json] = {
    "vocab_size": 30522,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
    "position_embedding_type": "absolute",
    "tie_word_embeddings": True,
}
ROBERTA: dict[str, Json] = {**BERT, "pad_token_id": 1}

MODELS = {
    "bert": Model(_bert, BERT),
    "roberta": Model(_roberta, {**ROBERTA, "vocab_size": 50265}),
    "xlm-roberta": Model(_roberta, ROBERTA),
    "camembert": Model(_roberta, ROBERTA),
    "distilbert": Model(
        _distilbert,
        {
            **BERT,
            "num_hidden_layers": 6,
            "type_vocab_size": 0,
            "qa_dropout": 0.1,
            "seq_classif_dropout": 0.2,
        },
        {
            "dim": "hidden_size",
            "hidden_dim": "intermediate_size",
            "n_layers": "num_hidden_layers",
            "n_heads": "num_attention_heads",
            "dropout": "hidden_dropout_prob",
            "attention_dropout": "attention_probs_dropout_prob",
            "activation": "hidden_act",
        },
    ),
    "albert": Model(
        _albert,
        {
            **BERT,
            "vocab_size": 30000,
            "embedding_size": 128,
            "hidden_size": 4096,
            "num_hidden_groups": 1,
            "num_attention_heads": 64,
            "intermediate_size": 16384,
            "inner_group_num": 1,
            "hidden_act": "gelu_new",
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
            "classifier_dropout": 0.1,
        },
        {"classifier_dropout_prob": "classifier_dropout"},
    ),
    "electra": Model(
        _electra,
        {**BERT, "embedding_size": 128, "hidden_size": 256, "num_attention_heads": 4, "intermediate_size": 1024},
    ),
    "mpnet": Model(_mpnet, {**BERT, "vocab_size": 30527, "type_vocab_size": 0, "relative_attention_num_buckets": 32}),
    "nomic_bert": Model(
        _nomic,
        {
            **BERT,
            "vocab_size": 30528,
            "hidden_act": "silu",
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
            "max_position_embeddings": 2048,
        },
    ),
}
