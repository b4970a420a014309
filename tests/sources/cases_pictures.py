"""Models that see, and those that read text beside."""

from __future__ import annotations

from .cases import SEQ, case, image, picture

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
case(
    "gemma3/plain",
    "Gemma3ForConditionalGeneration",
    {"pixel_values": [1, 3, 40, 40]},
    {**EYES, "mm_tokens_per_image": 4, "image_token_index": 5, "boi_token_index": 6, "eoi_token_index": 7},
    values={"input_ids": [[5] * 4 + [9] * SEQ], "token_type_ids": [[1] * 4 + [0] * SEQ]},
    device="cpu",
    causal=True,
)
