"""Models that read text."""

from __future__ import annotations

from .cases import encoder

FAR = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_biased_input": False}
encoder("bert/plain", "BertModel", type_vocab_size=3)
encoder("bert/tokens", "BertForMaskedLM")
encoder("bert/training", "BertForPreTraining")
encoder("bert/classes", "BertForSequenceClassification", num_labels=7)
encoder("bert/marks", "BertForTokenClassification", num_labels=7)
encoder("bert/answers", "BertForQuestionAnswering")
encoder("roberta/plain", "RobertaModel", type_vocab_size=1)
encoder("roberta/tokens", "RobertaForMaskedLM", type_vocab_size=1)
encoder("roberta/classes", "RobertaForSequenceClassification", num_labels=7)
encoder("xlm-roberta/plain", "XLMRobertaForMaskedLM")
encoder("camembert/plain", "CamembertForTokenClassification", num_labels=5)
encoder("distilbert/plain", "DistilBertModel", intermediate_size=None, hidden_dim=200)
encoder("distilbert/tokens", "DistilBertForMaskedLM", intermediate_size=None, hidden_dim=200)
encoder(
    "distilbert/classes", "DistilBertForSequenceClassification", intermediate_size=None, hidden_dim=200, num_labels=7
)
encoder("albert/plain", "AlbertModel", embedding_size=40)
encoder("albert/groups", "AlbertForMaskedLM", embedding_size=40, num_hidden_groups=2)
encoder("albert/classes", "AlbertForSequenceClassification", embedding_size=40, num_labels=7)
encoder("electra/plain", "ElectraModel", embedding_size=40)
encoder("electra/tokens", "ElectraForMaskedLM", embedding_size=40)
encoder("electra/training", "ElectraForPreTraining", embedding_size=96)
encoder("electra/classes", "ElectraForSequenceClassification", embedding_size=96, num_labels=7)
encoder("mpnet/plain", "MPNetModel")
encoder("mpnet/tokens", "MPNetForMaskedLM")
encoder("mpnet/classes", "MPNetForSequenceClassification", num_labels=7)
encoder("nomic_bert/plain", "NomicBertModel")
encoder("nomic_bert/tokens", "NomicBertForMaskedLM")
encoder("clip_text_model/plain", "CLIPTextModel", eos_token_id=2)
encoder("clip_text_model/projected", "CLIPTextModelWithProjection", projection_dim=56, eos_token_id=2)
encoder(
    "modernbert/plain",
    "ModernBertModel",
    pad_token_id=0,
    bos_token_id=1,
    eos_token_id=2,
    cls_token_id=1,
    sep_token_id=2,
    local_attention=12,
)
encoder(
    "modernbert/tokens",
    "ModernBertForMaskedLM",
    pad_token_id=0,
    bos_token_id=1,
    eos_token_id=2,
    cls_token_id=1,
    sep_token_id=2,
    norm_bias=True,
    mlp_bias=True,
)
encoder(
    "modernbert/marks",
    "ModernBertForTokenClassification",
    pad_token_id=0,
    bos_token_id=1,
    eos_token_id=2,
    cls_token_id=1,
    sep_token_id=2,
    attention_bias=True,
    num_labels=7,
)
encoder("ernie/plain", "ErnieModel", type_vocab_size=3)
encoder("ernie/tasks", "ErnieForSequenceClassification", use_task_id=True, task_type_vocab_size=5, num_labels=7)
encoder("data2vec-text/plain", "Data2VecTextModel", type_vocab_size=1)
encoder("data2vec-text/tokens", "Data2VecTextForMaskedLM", type_vocab_size=1)
encoder("roberta-prelayernorm/plain", "RobertaPreLayerNormModel", type_vocab_size=1)
encoder("roberta-prelayernorm/tokens", "RobertaPreLayerNormForMaskedLM", type_vocab_size=1)
encoder("xlm-roberta-xl/tokens", "XLMRobertaXLForMaskedLM")
encoder("xlm-roberta-xl/classes", "XLMRobertaXLForSequenceClassification", num_labels=7)
encoder("megatron-bert/plain", "MegatronBertModel")
encoder("megatron-bert/training", "MegatronBertForPreTraining")
encoder("esm/plain", "EsmModel", pad_token_id=1)
encoder("esm/tokens", "EsmForMaskedLM", position_embedding_type="rotary", pad_token_id=1, emb_layer_norm_before=True)
encoder("esm/marks", "EsmForTokenClassification", num_labels=5, position_embedding_type="rotary", pad_token_id=1)
encoder("layoutlm/plain", "LayoutLMModel", max_2d_position_embeddings=40)
encoder("layoutlm/marks", "LayoutLMForTokenClassification", max_2d_position_embeddings=40, num_labels=5)
encoder("roformer/plain", "RoFormerModel", embedding_size=40)
encoder("roformer/tokens", "RoFormerForMaskedLM")
encoder("roformer/classes", "RoFormerForSequenceClassification", num_labels=7)
encoder("big_bird/plain", "BigBirdModel")
encoder("big_bird/tokens", "BigBirdForMaskedLM", use_bias=False)
encoder("big_bird/classes", "BigBirdForSequenceClassification", num_labels=7)
encoder("nystromformer/plain", "NystromformerModel", conv_kernel_size=9)
encoder("nystromformer/tokens", "NystromformerForMaskedLM", conv_kernel_size=9)
encoder("deberta-v2/plain", "DebertaV2Model", share_att_key=True, position_buckets=16, norm_rel_ebd="layer_norm", **FAR)
encoder("deberta-v2/tokens", "DebertaV2ForMaskedLM", share_att_key=False, **FAR)
encoder("deberta-v2/classes", "DebertaV2ForSequenceClassification", num_labels=7, type_vocab_size=2)
encoder("deberta/plain", "DebertaModel", max_relative_positions=-1, **FAR)
encoder("deberta/short", "DebertaForMaskedLM", max_relative_positions=10, **FAR)
encoder("deberta/classes", "DebertaForSequenceClassification", num_labels=7)
