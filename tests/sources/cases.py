"""Configurations with sizes unlike each other, so that a count that is right cannot be right by chance."""

from __future__ import annotations

from typing import Any

CASES: dict[str, dict[str, Any]] = {}
SEQ = 24


def case(name: str, architecture: str, inputs: dict[str, list[int]], config: dict[str, Any], **more: Any) -> None:
    """Adds one; `name` begins with the model type."""
    model_type = name.split("/")[0]
    config = {"model_type": model_type, "architectures": [architecture], **config}
    CASES[name] = {"config": config, "inputs": inputs, **more}


def decoder(name: str, architecture: str, **config: Any) -> None:
    """A decoder at sizes that no two others of its sizes share."""
    sizes = {"vocab_size": 997, "hidden_size": 96, "intermediate_size": 208, "num_hidden_layers": 5,
             "num_attention_heads": 6, "max_position_embeddings": 64}  # fmt: skip
    small = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    mask = [1, SEQ] if config.get("alibi") or name.startswith(("bloom", "opt", "openai")) else [1, 1, SEQ, SEQ]
    inputs = {"input_ids": [1, SEQ], "attention_mask": mask}
    macs = config.pop("macs", True)
    case(name, architecture, inputs, {**sizes, **small, **config}, causal=True, macs=macs)


decoder("llama/heads", "LlamaForCausalLM", num_key_value_heads=2, head_dim=20)
decoder("llama/biases", "LlamaForCausalLM", attention_bias=True, mlp_bias=True, tie_word_embeddings=True)
decoder("llama/trunk", "LlamaModel", num_key_value_heads=3)
decoder("llama/classes", "LlamaForSequenceClassification", num_labels=7)
decoder("llama/tokens", "LlamaForTokenClassification", num_labels=7)
decoder("mistral/window", "MistralForCausalLM", num_key_value_heads=2, sliding_window=8)
decoder("qwen2/plain", "Qwen2ForCausalLM", num_key_value_heads=2)
decoder(
    "qwen2/windows",
    "Qwen2ForCausalLM",
    num_key_value_heads=2,
    use_sliding_window=True,
    sliding_window=8,
    max_window_layers=3,
)
decoder("qwen3/plain", "Qwen3ForCausalLM", num_key_value_heads=2, head_dim=24, tie_word_embeddings=True)
decoder("qwen3/bias", "Qwen3ForCausalLM", num_key_value_heads=6, head_dim=16, attention_bias=True)
decoder("phi3/plain", "Phi3ForCausalLM", num_key_value_heads=3, sliding_window=9)
decoder(
    "granite/plain",
    "GraniteForCausalLM",
    num_key_value_heads=2,
    embedding_multiplier=12.0,
    logits_scaling=8.0,
    residual_multiplier=0.22,
    attention_multiplier=0.1,
)
decoder("smollm3/plain", "SmolLM3ForCausalLM", num_key_value_heads=2)
decoder("mixtral/plain", "MixtralForCausalLM", num_key_value_heads=2, num_local_experts=5, num_experts_per_tok=3)
decoder(
    "qwen2_moe/mixed",
    "Qwen2MoeForCausalLM",
    num_key_value_heads=2,
    num_experts=7,
    num_experts_per_tok=3,
    moe_intermediate_size=40,
    shared_expert_intermediate_size=56,
    mlp_only_layers=[1],
)
decoder(
    "qwen2_moe/plain",
    "Qwen2MoeForCausalLM",
    num_key_value_heads=3,
    num_experts=7,
    num_experts_per_tok=3,
    moe_intermediate_size=40,
    shared_expert_intermediate_size=56,
)
decoder(
    "qwen3_moe/plain",
    "Qwen3MoeForCausalLM",
    num_key_value_heads=2,
    head_dim=24,
    num_experts=7,
    num_experts_per_tok=3,
    moe_intermediate_size=40,
)
decoder(
    "qwen3_moe/steps",
    "Qwen3MoeForCausalLM",
    num_key_value_heads=2,
    head_dim=24,
    num_experts=7,
    num_experts_per_tok=3,
    moe_intermediate_size=40,
    decoder_sparse_step=2,
)
decoder("gemma/plain", "GemmaForCausalLM", num_key_value_heads=2, head_dim=24)
decoder("gemma2/plain", "Gemma2ForCausalLM", num_key_value_heads=2, head_dim=24, sliding_window=8)
decoder(
    "gemma3_text/plain", "Gemma3ForCausalLM", num_hidden_layers=8, num_key_value_heads=2, head_dim=24, sliding_window=8
)
decoder("glm/plain", "GlmForCausalLM", num_key_value_heads=2, head_dim=16)
decoder("glm4/plain", "Glm4ForCausalLM", num_key_value_heads=2, head_dim=24)
decoder("olmo/plain", "OlmoForCausalLM", num_key_value_heads=2)
decoder("olmo2/plain", "Olmo2ForCausalLM", num_key_value_heads=6)
decoder("olmo2/shared", "Olmo2ForCausalLM", num_key_value_heads=2)
decoder("olmoe/plain", "OlmoeForCausalLM", num_key_value_heads=2, num_experts=7, num_experts_per_tok=3)
decoder("gptj/plain", "GPTJForCausalLM", rotary_dim=8, intermediate_size=None)
decoder("codegen/plain", "CodeGenForCausalLM", num_attention_heads=8, rotary_dim=8, intermediate_size=None)
decoder("gpt_neox/plain", "GPTNeoXForCausalLM")
decoder("gpt_neox/after", "GPTNeoXForCausalLM", use_parallel_residual=False, attention_bias=False)
decoder("phi/plain", "PhiForCausalLM", num_key_value_heads=2)
decoder("phi/normed", "PhiForCausalLM", num_key_value_heads=2, qk_layernorm=True)
decoder("stablelm/plain", "StableLmForCausalLM", num_key_value_heads=2, use_qkv_bias=True)
decoder("stablelm/normed", "StableLmForCausalLM", num_key_value_heads=2, qk_layernorm=True, use_parallel_residual=True)
decoder("cohere/plain", "CohereForCausalLM", num_key_value_heads=2)
decoder("cohere/normed", "CohereForCausalLM", num_key_value_heads=2, use_qk_norm=True)
decoder("cohere/heads", "CohereForCausalLM", use_qk_norm=True)
decoder("cohere2/plain", "Cohere2ForCausalLM", num_key_value_heads=2, head_dim=24, sliding_window=8)
decoder("falcon/one", "FalconForCausalLM", intermediate_size=None, ffn_hidden_size=208)
decoder("falcon/new", "FalconForCausalLM", intermediate_size=None, new_decoder_architecture=True, num_kv_heads=2)
decoder(
    "falcon/alibi",
    "FalconForCausalLM",
    intermediate_size=None,
    alibi=True,
    parallel_attn=False,
    multi_query=False,
    bias=True,
)
decoder("gpt2/plain", "GPT2LMHeadModel", intermediate_size=None)
decoder("gpt2/inner", "GPT2Model", intermediate_size=None, n_inner=200)
decoder("gpt2/classes", "GPT2ForSequenceClassification", intermediate_size=None, num_labels=5)
decoder("gpt_bigcode/plain", "GPTBigCodeForCausalLM", intermediate_size=None)
decoder("gpt_bigcode/heads", "GPTBigCodeForCausalLM", intermediate_size=None, multi_query=False)
decoder("openai-gpt/plain", "OpenAIGPTLMHeadModel", intermediate_size=None)
decoder(
    "gpt_neo/plain", "GPTNeoForCausalLM", num_hidden_layers=4, attention_types=[[["global", "local"], 2]], window_size=8
)
decoder("opt/plain", "OPTForCausalLM", intermediate_size=None, ffn_dim=200)
decoder(
    "opt/after",
    "OPTForCausalLM",
    intermediate_size=None,
    ffn_dim=200,
    do_layer_norm_before=False,
    word_embed_proj_dim=40,
)
decoder("bloom/plain", "BloomForCausalLM", intermediate_size=None)
decoder("starcoder2/plain", "Starcoder2ForCausalLM", num_key_value_heads=2)
decoder("biogpt/plain", "BioGptForCausalLM")


def encoder(name: str, architecture: str, **config: Any) -> None:
    """An encoder at sizes that no two others of its sizes share."""
    sizes = {"vocab_size": 997, "hidden_size": 96, "intermediate_size": 208, "num_hidden_layers": 5,
             "num_attention_heads": 6, "max_position_embeddings": 64}  # fmt: skip
    inputs = {"input_ids": [1, SEQ], **({"bbox": [1, SEQ, 4]} if name.startswith("layoutlm") else {})}
    asks = name.startswith(("megatron", "layoutlm", "roformer", "big_bird", "nystrom", "deberta"))
    case(name, architecture, inputs, {**sizes, **config}, **({"device": "cpu"} if asks else {}))


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


def translator(name: str, architecture: str, **config: Any) -> None:
    """An encoder with a decoder, at sizes that no two others of its sizes share."""
    sizes = {"vocab_size": 997, "d_model": 96, "encoder_ffn_dim": 208, "decoder_ffn_dim": 176, "encoder_layers": 3,
             "decoder_layers": 4, "encoder_attention_heads": 6, "decoder_attention_heads": 4,
             "max_position_embeddings": 64, "pad_token_id": 1, "decoder_start_token_id": 2}  # fmt: skip
    inputs = {"input_ids": [1, SEQ], "decoder_input_ids": [1, 20]}
    case(name, architecture, inputs, {**sizes, **config}, dims={"source": str(SEQ), "target": "20"})


translator("bart/plain", "BartForConditionalGeneration")
translator(
    "bart/trunk", "BartModel", scale_embedding=True, decoder_layers=3, decoder_ffn_dim=208, decoder_attention_heads=6
)
translator("mbart/plain", "MBartForConditionalGeneration")
translator("pegasus/plain", "PegasusForConditionalGeneration")
translator("blenderbot/plain", "BlenderbotForConditionalGeneration")
translator("marian/plain", "MarianMTModel", decoder_vocab_size=997)
translator("m2m_100/plain", "M2M100ForConditionalGeneration")
T5 = {
    "vocab_size": 997,
    "d_model": 96,
    "d_kv": 20,
    "d_ff": 208,
    "num_layers": 3,
    "num_decoder_layers": 4,
    "num_heads": 6,
}
case(
    "t5/plain",
    "T5ForConditionalGeneration",
    {"input_ids": [1, SEQ], "decoder_input_ids": [1, 20]},
    T5,
    dims={"source": str(SEQ), "target": "20"},
)
case(
    "t5/gated",
    "T5ForConditionalGeneration",
    {"input_ids": [1, SEQ], "decoder_input_ids": [1, 20]},
    {**T5, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False, "relative_attention_num_buckets": 28},
    dims={"source": str(SEQ), "target": "20"},
)
case("t5/encoder", "T5EncoderModel", {"input_ids": [1, SEQ]}, T5, dims={"source": str(SEQ)})
case(
    "mt5/plain",
    "MT5ForConditionalGeneration",
    {"input_ids": [1, SEQ], "decoder_input_ids": [1, 20]},
    T5,
    dims={"source": str(SEQ), "target": "20"},
)
WHISPER = {
    "vocab_size": 997,
    "num_mel_bins": 20,
    "d_model": 96,
    "encoder_layers": 3,
    "decoder_layers": 4,
    "encoder_attention_heads": 6,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 208,
    "decoder_ffn_dim": 176,
    "max_source_positions": 50,
    "max_target_positions": 30,
    "pad_token_id": 0,
    "decoder_start_token_id": 2,
}
case(
    "whisper/plain",
    "WhisperForConditionalGeneration",
    {"input_features": [1, 20, 100], "decoder_input_ids": [1, SEQ]},
    WHISPER,
    dims={"text": str(SEQ)},
)


def image(name: str, architecture: str, **config: Any) -> None:
    """A vision transformer at sizes that no two others of its sizes share."""
    sizes = {"hidden_size": 96, "intermediate_size": 208, "num_hidden_layers": 3, "num_attention_heads": 6,
             "image_size": 40, "patch_size": 8}  # fmt: skip
    case(name, architecture, {"pixel_values": [1, 3, 40, 40]}, {**sizes, **config}, dims={})


image("vit/plain", "ViTModel", pooler_output_size=88)
image("vit/classes", "ViTForImageClassification", num_labels=7, qkv_bias=False)
image("deit/plain", "DeiTModel")
image("deit/classes", "DeiTForImageClassification", num_labels=7)
image("deit/teacher", "DeiTForImageClassificationWithTeacher", num_labels=7)
image("dinov2/plain", "Dinov2Model", intermediate_size=None)
image("dinov2/gated", "Dinov2Model", intermediate_size=None, use_swiglu_ffn=True, use_mask_token=False)
image("dinov2/classes", "Dinov2ForImageClassification", intermediate_size=None, num_labels=7)
image("clip_vision_model/plain", "CLIPVisionModel")
image("clip_vision_model/projected", "CLIPVisionModelWithProjection", projection_dim=56)
encoder("clip_text_model/plain", "CLIPTextModel", eos_token_id=2)
encoder("clip_text_model/projected", "CLIPTextModelWithProjection", projection_dim=56, eos_token_id=2)
SIDES = {
    "vision_config": {
        "hidden_size": 96,
        "intermediate_size": 208,
        "num_hidden_layers": 3,
        "num_attention_heads": 6,
        "image_size": 40,
        "patch_size": 8,
    },
    "text_config": {
        "vocab_size": 997,
        "hidden_size": 80,
        "intermediate_size": 176,
        "num_hidden_layers": 4,
        "num_attention_heads": 5,
        "max_position_embeddings": SEQ,
        "eos_token_id": 2,
    },
}
case(
    "clip/plain",
    "CLIPModel",
    {"input_ids": [1, SEQ], "pixel_values": [1, 3, 40, 40]},
    {**SIDES, "projection_dim": 56},
    dims={},
)
case(
    "siglip/plain",
    "SiglipModel",
    {"input_ids": [1, SEQ], "pixel_values": [1, 3, 40, 40]},
    {**SIDES, "text_config": {**SIDES["text_config"], "projection_size": 96}},
    dims={},
)
SOUND = {"vocab_size": 37, "hidden_size": 96, "intermediate_size": 208, "num_hidden_layers": 3, "num_attention_heads": 6,
         "conv_dim": [40, 40, 40, 56], "conv_stride": [5, 2, 2, 3], "conv_kernel": [10, 3, 3, 4],
         "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4}  # fmt: skip


def sound(name: str, architecture: str, **config: Any) -> None:
    """A model of sound, which hears 4,000 samples."""
    case(name, architecture, {"input_values": [1, 4000]}, {**SOUND, **config}, dims={"samples": "4000"}, numbers=True)


sound("wav2vec2/plain", "Wav2Vec2Model")
sound(
    "wav2vec2/letters",
    "Wav2Vec2ForCTC",
    feat_extract_norm="layer",
    do_stable_layer_norm=True,
    conv_bias=True,
    num_conv_pos_embeddings=15,
)
sound(
    "wav2vec2/classes", "Wav2Vec2ForSequenceClassification", num_labels=7, mask_time_prob=0.0, classifier_proj_size=50
)
sound("hubert/plain", "HubertModel")
sound("hubert/letters", "HubertForCTC", feat_proj_layer_norm=False)
LATENT = {"kv_lora_rank": 28, "q_lora_rank": 36, "qk_rope_head_dim": 8, "v_head_dim": 20, "qk_nope_head_dim": 12,
          "n_routed_experts": 8, "num_experts_per_tok": 3, "moe_intermediate_size": 40, "n_shared_experts": 2,
          "n_group": 2, "topk_group": 1, "num_key_value_heads": 6}  # fmt: skip
decoder("deepseek_v3/plain", "DeepseekV3ForCausalLM", first_k_dense_replace=2, **LATENT)
decoder("deepseek_v3/biased", "DeepseekV3ForCausalLM", first_k_dense_replace=1, attention_bias=True, **LATENT)
decoder("deepseek_v2/plain", "DeepseekV2ForCausalLM", first_k_dense_replace=1, **{**LATENT, "q_lora_rank": None})


def picture(name: str, architecture: str, **config: Any) -> None:
    """A convolutional network over an image of 224 × 224."""
    case(name, architecture, {"pixel_values": [1, 3, 224, 224]}, config, dims={})


picture("resnet/plain", "ResNetModel", hidden_sizes=[64, 88, 104], depths=[2, 1, 3], embedding_size=24)
picture(
    "resnet/basic",
    "ResNetForImageClassification",
    layer_type="basic",
    hidden_sizes=[24, 40],
    depths=[2, 2],
    embedding_size=24,
    num_labels=7,
)
picture(
    "resnet/inside",
    "ResNetModel",
    hidden_sizes=[24, 40],
    depths=[2, 2],
    embedding_size=24,
    downsample_in_bottleneck=True,
    downsample_in_first_stage=True,
)
picture("convnext/plain", "ConvNextModel", hidden_sizes=[24, 40, 56], depths=[2, 1, 3], num_stages=3)
picture(
    "convnext/classes",
    "ConvNextForImageClassification",
    hidden_sizes=[24, 40],
    depths=[2, 3],
    num_stages=2,
    patch_size=8,
    layer_scale_init_value=0.0,
    num_labels=7,
)
decoder(
    "gpt_oss/plain", "GptOssForCausalLM", num_key_value_heads=2, head_dim=20, num_local_experts=7, num_experts_per_tok=3
)
decoder(
    "gpt_oss/unbiased",
    "GptOssForCausalLM",
    num_key_value_heads=3,
    head_dim=16,
    num_local_experts=7,
    num_experts_per_tok=3,
    attention_bias=False,
)
EYES = {
    "vision_config": {**SIDES["vision_config"], "vision_use_head": False, "model_type": "siglip_vision_model"},
    "text_config": {
        "vocab_size": 997,
        "hidden_size": 80,
        "intermediate_size": 176,
        "num_hidden_layers": 7,
        "num_attention_heads": 5,
        "num_key_value_heads": 1,
        "head_dim": 24,
        "sliding_window": 8,
        "model_type": "gemma3_text",
        "pad_token_id": 0,
        "eos_token_id": 1,
        "bos_token_id": 2,
    },
}
case(
    "gemma3/plain",
    "Gemma3ForConditionalGeneration",
    {"pixel_values": [1, 3, 40, 40]},
    {**EYES, "mm_tokens_per_image": 4, "image_token_index": 5, "boi_token_index": 6, "eoi_token_index": 7},
    values={"input_ids": [[5] * 4 + [9] * SEQ], "token_type_ids": [[1] * 4 + [0] * SEQ]},
    device="cpu",
    causal=True,
)
MAMBA = {"vocab_size": 997, "hidden_size": 96, "num_hidden_layers": 3, "state_size": 10, "conv_kernel": 3}
case("mamba/plain", "MambaForCausalLM", {"input_ids": [1, SEQ]}, MAMBA, causal=True)
case(
    "mamba/biased",
    "MambaForCausalLM",
    {"input_ids": [1, SEQ]},
    {**MAMBA, "use_bias": True, "use_conv_bias": False, "time_step_rank": 9, "tie_word_embeddings": False, "expand": 3},
    causal=True,
)
decoder(
    "llama4_text/plain",
    "Llama4ForCausalLM",
    num_key_value_heads=2,
    head_dim=24,
    num_local_experts=5,
    intermediate_size_mlp=176,
    interleave_moe_layer_step=2,
    macs=False,
)
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
decoder("ministral/plain", "MinistralForCausalLM", num_key_value_heads=2, head_dim=20, sliding_window=8)
decoder("ministral3/plain", "Ministral3ForCausalLM", num_key_value_heads=2, head_dim=20)
decoder("ernie4_5/plain", "Ernie4_5ForCausalLM", num_key_value_heads=2, head_dim=20)
decoder("ernie4_5/biased", "Ernie4_5ForCausalLM", num_key_value_heads=3, head_dim=16, use_bias=True)
decoder("helium/plain", "HeliumForCausalLM", num_key_value_heads=2, head_dim=16, attention_bias=True)
decoder("arcee/plain", "ArceeForCausalLM", num_key_value_heads=2, head_dim=20)
decoder("arcee/biased", "ArceeForCausalLM", num_key_value_heads=2, attention_bias=True, mlp_bias=True, head_dim=16)
decoder("seed_oss/plain", "SeedOssForCausalLM", num_key_value_heads=2, head_dim=20)
decoder("seed_oss/out", "SeedOssForCausalLM", num_key_value_heads=2, head_dim=20, attention_out_bias=True)
decoder("olmo3/plain", "Olmo3ForCausalLM", num_key_value_heads=2, sliding_window=8)
decoder("exaone4/plain", "Exaone4ForCausalLM", num_key_value_heads=2, sliding_window=8)
decoder(
    "exaone4/far", "Exaone4ForCausalLM", num_key_value_heads=2, sliding_window=None, layer_types=["full_attention"] * 5
)
decoder("nemotron/plain", "NemotronForCausalLM", num_key_value_heads=2, head_dim=24)
decoder(
    "nemotron/biased", "NemotronForCausalLM", num_key_value_heads=2, attention_bias=True, mlp_bias=True, head_dim=16
)
decoder("persimmon/plain", "PersimmonForCausalLM")
decoder("persimmon/unnormed", "PersimmonForCausalLM", qk_layernorm=False)
decoder("xglm/plain", "XGLMForCausalLM", intermediate_size=None, ffn_dim=200)
decoder("mpt/plain", "MptForCausalLM", intermediate_size=None)
decoder(
    "phimoe/plain",
    "PhimoeForCausalLM",
    num_key_value_heads=2,
    num_local_experts=5,
    num_experts_per_tok=2,
    lm_head_bias=True,
)
decoder(
    "phimoe/biased",
    "PhimoeForCausalLM",
    num_key_value_heads=2,
    num_local_experts=5,
    num_experts_per_tok=2,
    attention_bias=True,
)
GRANITE = {"embedding_multiplier": 12.0, "logits_scaling": 8.0, "residual_multiplier": 0.22, "num_local_experts": 5}
decoder("granitemoe/plain", "GraniteMoeForCausalLM", num_key_value_heads=2, num_experts_per_tok=3, **GRANITE)
decoder(
    "granitemoeshared/plain",
    "GraniteMoeSharedForCausalLM",
    num_key_value_heads=2,
    num_experts_per_tok=3,
    shared_intermediate_size=72,
    **GRANITE,
)
ROUTED = {"n_routed_experts": 8, "num_experts_per_tok": 3, "moe_intermediate_size": 40, "n_shared_experts": 2}
decoder("glm4_moe/plain", "Glm4MoeForCausalLM", num_key_value_heads=2, **ROUTED)
decoder(
    "glm4_moe/normed",
    "Glm4MoeForCausalLM",
    num_key_value_heads=2,
    head_dim=24,
    use_qk_norm=True,
    attention_bias=True,
    first_k_dense_replace=2,
    **ROUTED,
)
decoder(
    "dots1/plain", "Dots1ForCausalLM", num_key_value_heads=2, first_k_dense_replace=1, max_window_layers=5, **ROUTED
)
decoder("flex_olmo/plain", "FlexOlmoForCausalLM", num_key_value_heads=2, num_experts=7, num_experts_per_tok=3)
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
FAR = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_biased_input": False}
encoder("deberta-v2/plain", "DebertaV2Model", share_att_key=True, position_buckets=16, norm_rel_ebd="layer_norm", **FAR)
encoder("deberta-v2/tokens", "DebertaV2ForMaskedLM", share_att_key=False, **FAR)
encoder("deberta-v2/classes", "DebertaV2ForSequenceClassification", num_labels=7, type_vocab_size=2)
encoder("deberta/plain", "DebertaModel", max_relative_positions=-1, **FAR)
encoder("deberta/short", "DebertaForMaskedLM", max_relative_positions=10, **FAR)
encoder("deberta/classes", "DebertaForSequenceClassification", num_labels=7)
