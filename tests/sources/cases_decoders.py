"""Models that write text."""

from __future__ import annotations

from .cases import decoder

LATENT = {"kv_lora_rank": 28, "q_lora_rank": 36, "qk_rope_head_dim": 8, "v_head_dim": 20, "qk_nope_head_dim": 12,
          "n_routed_experts": 8, "num_experts_per_tok": 3, "moe_intermediate_size": 40, "n_shared_experts": 2,
          "n_group": 2, "topk_group": 1, "num_key_value_heads": 6}  # fmt: skip
GRANITE = {"embedding_multiplier": 12.0, "logits_scaling": 8.0, "residual_multiplier": 0.22, "num_local_experts": 5}
ROUTED = {"n_routed_experts": 8, "num_experts_per_tok": 3, "moe_intermediate_size": 40, "n_shared_experts": 2}
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
decoder("deepseek_v3/plain", "DeepseekV3ForCausalLM", first_k_dense_replace=2, **LATENT)
decoder("deepseek_v3/biased", "DeepseekV3ForCausalLM", first_k_dense_replace=1, attention_bias=True, **LATENT)
decoder("deepseek_v2/plain", "DeepseekV2ForCausalLM", first_k_dense_replace=1, **{**LATENT, "q_lora_rank": None})
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
decoder("granitemoe/plain", "GraniteMoeForCausalLM", num_key_value_heads=2, num_experts_per_tok=3, **GRANITE)
decoder(
    "granitemoeshared/plain",
    "GraniteMoeSharedForCausalLM",
    num_key_value_heads=2,
    num_experts_per_tok=3,
    shared_intermediate_size=72,
    **GRANITE,
)
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
