"""Keys of a config.json that affect no count, each with the reason."""

from __future__ import annotations

_REASONS = {
    "where the file comes from": """
        _name_or_path name_or_path _commit_hash transformers_version tokenizer_class auto_map library_name model_name
        adapter_file processor_class unsloth_version unsloth_fixed custom_pipelines transformers.js_config license
    """,
    "how it is run": """
        _attn_implementation _attn_implementation_autoset _attn_implementation_internal attn_implementation
        _experts_implementation use_cache use_flash_attn use_flash_attention gradient_checkpointing torchscript
        use_bfloat16 return_dict return_dict_in_generate output_attentions output_hidden_states output_scores output_past
        use_return_dict chunk_size_feed_forward is_decoder_only cache_implementation use_cuda_graph fused_kernels
        slow_but_exact reorder_and_upcast_attn attention_softmax_in_fp32 scale_attention_softmax_in_fp32 pretraining_tp
    """,
    "the type of the weights, which `--dtype` gives": "torch_dtype dtype",
    "how the weights are initialised": """
        initializer_range initializer_factor init_std init_range init_method_std use_init_std embed_init_std
        factor init_xavier_std initializer_cutoff_factor xavier_std
    """,
    "what is trained, and the loss": """
        problem_type finetuning_task label_smoothing classifier_loss router_aux_loss_coef router_z_loss_coef
        output_router_logits router_jitter_noise input_jitter_noise aux_loss_alpha seq_aux ignore_index
        mask_time_length mask_time_min_masks mask_feature_length
        mask_feature_min_masks apply_spec_augment ctc_loss_reduction ctc_zero_infinity contrastive_logits_temperature
        num_negatives diversity_loss_weight zero_infinity label2id layerdrop encoder_layerdrop decoder_layerdrop
        xla_device loss_type
    """,
    "ids of special tokens": """
        bos_token_id eos_token_id pad_token_id sep_token_id cls_token_id mask_token_id unk_token_id
        decoder_start_token_id forced_bos_token_id forced_eos_token_id image_token_id video_token_id
        image_token_index video_token_index boi_token_index eoi_token_index vision_start_token_id vision_end_token_id
        vision_token_id audio_token_id begin_suppress_tokens suppress_tokens bad_words_ids prefix
        forced_decoder_ids alignment_heads lang_to_id model_max_length
        keys_to_ignore_at_inference lang_id eos_token bos_token
    """,
    "how text is generated": """
        max_length min_length do_sample early_stopping num_beams num_beam_groups diversity_penalty temperature top_k
        top_p typical_p repetition_penalty length_penalty no_repeat_ngram_size encoder_no_repeat_ngram_size
        num_return_sequences exponential_decay_length_penalty remove_invalid_values task_specific_params
        max_new_tokens epsilon_cutoff eta_cutoff penalty_alpha generation_config median_filter_width
    """,
}

# key: why it does not matter
NEUTRAL = {key: reason for reason, keys in _REASONS.items() for key in keys.split()}
