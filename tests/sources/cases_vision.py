"""Configurations of models that see, or see and read; sizes unlike each other, as in `cases.py`."""

from __future__ import annotations

from .cases import SEQ, case, image, picture

image("vit_msn/plain", "ViTMSNModel")
image("vit_msn/classes", "ViTMSNForImageClassification", num_labels=7, qkv_bias=False)
image("ijepa/classes", "IJepaForImageClassification", num_labels=7)
image("ijepa/plain", "IJepaModel")
image("dinov2_with_registers/plain", "Dinov2WithRegistersModel", intermediate_size=None, num_register_tokens=3)
image(
    "dinov2_with_registers/classes", "Dinov2WithRegistersForImageClassification", intermediate_size=None, num_labels=7
)
image("dinov3_vit/plain", "DINOv3ViTModel", num_register_tokens=3)
image("dinov3_vit/gated", "DINOv3ViTModel", use_gated_mlp=True, key_bias=True, mlp_bias=False, hidden_act="silu")
image("beit/plain", "BeitModel", use_relative_position_bias=True)
image("beit/shared", "BeitForImageClassification", use_shared_relative_position_bias=True, num_labels=7)
image("beit/places", "BeitModel", use_absolute_position_embeddings=True, use_mask_token=True, use_mean_pooling=False)
image("data2vec-vision/plain", "Data2VecVisionModel", use_relative_position_bias=True)
image("data2vec-vision/classes", "Data2VecVisionForImageClassification", num_labels=7, layer_scale_init_value=0.0)
image("siglip_vision_model/plain", "SiglipVisionModel")
image("siglip_vision_model/headless", "SiglipVisionModel", vision_use_head=False)
SOUND = {"hidden_size": 96, "intermediate_size": 208, "num_hidden_layers": 3, "num_attention_heads": 6}
for kind, more in (("Model", {}), ("ForAudioClassification", {"num_labels": 7})):
    case(
        f"audio-spectrogram-transformer/{kind.lower()}",
        f"AST{kind}",
        {"input_values": [1, 60, 40]},
        {
            **SOUND,
            "patch_size": 8,
            "max_length": 60,
            "num_mel_bins": 40,
            "time_stride": 6,
            "frequency_stride": 5,
            **more,
        },
        dims={},
    )
    case(
        f"videomae/{kind.lower()}",
        f"VideoMAE{kind}".replace("Audio", "Video"),
        {"pixel_values": [1, 6, 3, 40, 40]},
        {**SOUND, "image_size": 40, "patch_size": 8, "num_frames": 6, "tubelet_size": 3, **more},
        dims={},
    )
SWIN = {"embed_dim": 24, "depths": [2, 1, 3, 4], "num_heads": [2, 3, 4, 6], "window_size": 7}
picture("swin/plain", "SwinModel", **SWIN)
picture(
    "swin/classes", "SwinForImageClassification", num_labels=7, qkv_bias=False, use_absolute_embeddings=True, **SWIN
)
SEGFORMER = {
    "depths": [2, 1, 3, 1],
    "hidden_sizes": [16, 24, 40, 56],
    "num_attention_heads": [1, 2, 5, 7],
    "decoder_hidden_size": 48,
    "image_size": 224,
}
picture("segformer/plain", "SegformerModel", **SEGFORMER)
picture("segformer/classes", "SegformerForImageClassification", num_labels=7, mlp_ratios=[4, 3, 4, 2], **SEGFORMER)
picture("segformer/segments", "SegformerForSemanticSegmentation", num_labels=7, **SEGFORMER)
STAGES = {"hidden_sizes": [24, 40, 56], "depths": [2, 1, 3]}
picture("convnextv2/plain", "ConvNextV2Model", num_stages=3, **STAGES)
picture("convnextv2/classes", "ConvNextV2ForImageClassification", num_stages=3, num_labels=7, **STAGES)
WIDE = {"hidden_sizes": [24, 40, 56, 72], "depths": [2, 1, 3, 1]}
picture("dinov3_convnext/plain", "DINOv3ConvNextModel", **WIDE)
EYES = {"hidden_size": 96, "intermediate_size": 208, "num_hidden_layers": 3, "num_attention_heads": 6}
SPECIAL = {"pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2}


def reader(name: str, architecture: str, tokens: int, vision: dict, text: dict, image: list[int], **more) -> None:
    """A model that sees and writes: `tokens` stand for the picture, before those of the text."""
    words = {
        "vocab_size": 997,
        "hidden_size": 80,
        "intermediate_size": 176,
        "num_hidden_layers": 4,
        "num_attention_heads": 5,
        "num_key_value_heads": 1,
        **SPECIAL,
        **text,
    }
    values = {"input_ids": [[5] * tokens + [9] * SEQ], **more.pop("values", {})}
    config = {
        "vision_config": {**({} if "depth" in vision else EYES), **vision},
        "text_config": words,
        "image_token_id": 5,
        **more,
    }
    inputs = {"pixel_values": image}
    case(name, architecture, inputs, config, values=values, device="cpu", causal=True, numbers=True)


PHOTO = {"image_size": 40, "patch_size": 8}
CLIP = {"model_type": "clip_vision_model", **PHOTO}
reader("llava/plain", "LlavaForConditionalGeneration", 25, CLIP, {"model_type": "llama"}, [1, 3, 40, 40])
reader(
    "llava/full",
    "LlavaForConditionalGeneration",
    26,
    CLIP,
    {"model_type": "mistral", "head_dim": 24},
    [1, 3, 40, 40],
    vision_feature_select_strategy="full",
    vision_feature_layer=-3,
    multimodal_projector_bias=False,
    tie_word_embeddings=True,
)
reader(
    "llava/siglip",
    "LlavaForConditionalGeneration",
    25,
    {"model_type": "siglip_vision_model", "vision_use_head": False, **PHOTO},
    {"model_type": "qwen2"},
    [1, 3, 40, 40],
    vision_feature_select_strategy="full",
    vision_feature_layer=-1,
)
reader(
    "mistral3/plain",
    "Mistral3ForConditionalGeneration",
    4,
    {"model_type": "pixtral", "image_size": 32, "patch_size": 8},
    {"model_type": "mistral", "head_dim": 24},
    [1, 3, 32, 32],
    values={"image_sizes": [[32, 32]]},
)
reader(
    "paligemma/plain",
    "PaliGemmaForConditionalGeneration",
    25,
    {"model_type": "siglip_vision_model", "vision_use_head": False, **PHOTO},
    {"model_type": "gemma", "head_dim": 24},
    [1, 3, 40, 40],
    projection_dim=80,
)
for kind, name in (("idefics3", "Idefics3"), ("smolvlm", "SmolVLM")):
    reader(
        f"{kind}/plain",
        f"{name}ForConditionalGeneration",
        4,
        {"image_size": 32, "patch_size": 8},
        {"model_type": "llama"},
        [1, 1, 3, 32, 32],
        values={"pixel_attention_mask": [[[[1] * 32] * 32]]},
    )
LOOKS = {"depth": 4, "num_heads": 6, "patch_size": 14, "spatial_merge_size": 2}
reader(
    "qwen2_vl/plain",
    "Qwen2VLForConditionalGeneration",
    256,
    {"embed_dim": 96, "mlp_ratio": 3, "model_type": "qwen2_vl", **LOOKS, "hidden_size": 80},
    {"model_type": "qwen2_vl_text", "rope_parameters": {"rope_type": "default", "mrope_section": [2, 3, 3]}},
    [1024, 3 * 2 * 14 * 14],
    values={"image_grid_thw": [[1, 32, 32]], "mm_token_type_ids": [[1] * 256 + [0] * SEQ]},
)
reader(
    "qwen2_5_vl/plain",
    "Qwen2_5_VLForConditionalGeneration",
    256,
    {
        "hidden_size": 96,
        "intermediate_size": 208,
        "out_hidden_size": 80,
        "fullatt_block_indexes": [1, 3],
        "model_type": "qwen2_5_vl",
        **LOOKS,
    },
    {"model_type": "qwen2_5_vl_text", "rope_parameters": {"rope_type": "default", "mrope_section": [2, 3, 3]}},
    [1024, 3 * 2 * 14 * 14],
    values={"image_grid_thw": [[1, 32, 32]], "mm_token_type_ids": [[1] * 256 + [0] * SEQ]},
)
reader(
    "internvl/plain",
    "InternVLForConditionalGeneration",
    4,
    {"image_size": [32, 32], "patch_size": [8, 8]},
    {"model_type": "qwen2"},
    [1, 3, 32, 32],
)
