"""Configurations of models that keep a state, or do so in some layers; sizes unlike each other, as in `cases.py`."""

from __future__ import annotations

from .cases import SEQ, case, decoder

MAMBA = {"vocab_size": 997, "hidden_size": 96, "num_hidden_layers": 3, "state_size": 10, "conv_kernel": 3}

TOKENS = {"input_ids": [1, SEQ]}
case("falcon_mamba/plain", "FalconMambaForCausalLM", TOKENS, MAMBA, causal=True)
SCAN = {"vocab_size": 997, "hidden_size": 96, "num_hidden_layers": 3, "state_size": 10, "conv_kernel": 3,
        "num_heads": 8, "head_dim": 24, "n_groups": 2, "chunk_size": 7}  # fmt: skip
case("mamba2/plain", "Mamba2ForCausalLM", TOKENS, SCAN, causal=True)
case(
    "mamba2/biased",
    "Mamba2ForCausalLM",
    TOKENS,
    {**SCAN, "use_bias": True, "use_conv_bias": False, "chunk_size": 32, "tie_word_embeddings": True},
    causal=True,
)
DELTA = {
    "head_dim": 24,
    "num_experts": 7,
    "num_experts_per_tok": 3,
    "moe_intermediate_size": 40,
    "shared_expert_intermediate_size": 56,
    "linear_key_head_dim": 12,
    "linear_value_head_dim": 20,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 6,
    "num_key_value_heads": 2,
}
decoder("qwen3_next/plain", "Qwen3NextForCausalLM", **DELTA)
decoder("qwen3_next/biased", "Qwen3NextForCausalLM", **{**DELTA, "attention_bias": True, "mlp_only_layers": [1]})
JAMBA = {
    "num_key_value_heads": 2,
    "num_experts": 5,
    "num_experts_per_tok": 2,
    "attn_layer_period": 3,
    "attn_layer_offset": 1,
    "mamba_d_state": 10,
    "mamba_dt_rank": 9,
}
decoder("jamba/plain", "JambaForCausalLM", use_mamba_kernels=False, **JAMBA)
decoder(
    "bamba/plain",
    "BambaForCausalLM",
    num_key_value_heads=2,
    attn_layer_indices=[1, 3],
    mamba_n_heads=8,
    mamba_d_head=24,
    mamba_n_groups=2,
    mamba_d_state=10,
    mamba_chunk_size=7,
)
decoder("lfm2/plain", "Lfm2ForCausalLM", num_key_value_heads=2, full_attn_idxs=[1, 3], block_multiple_of=32)
decoder(
    "lfm2/biased",
    "Lfm2ForCausalLM",
    num_key_value_heads=2,
    full_attn_idxs=[2],
    conv_bias=True,
    block_auto_adjust_ff_dim=False,
)

case("mamba/plain", "MambaForCausalLM", {"input_ids": [1, SEQ]}, MAMBA, causal=True)
case(
    "mamba/biased",
    "MambaForCausalLM",
    {"input_ids": [1, SEQ]},
    {**MAMBA, "use_bias": True, "use_conv_bias": False, "time_step_rank": 9, "tie_word_embeddings": False, "expand": 3},
    causal=True,
)
