"""Configurations of models that see, or see and read; sizes unlike each other, as in `cases.py`."""

from __future__ import annotations

from .cases import case, image, picture

image("vit_msn/plain", "ViTMSNModel")
image("vit_msn/classes", "ViTMSNForImageClassification", num_labels=7, qkv_bias=False)
image("ijepa/classes", "IJepaForImageClassification", num_labels=7)
image("ijepa/plain", "IJepaModel")
image("dinov2_with_registers/plain", "Dinov2WithRegistersModel", intermediate_size=None, num_register_tokens=3)
image("dinov2_with_registers/classes", "Dinov2WithRegistersForImageClassification", intermediate_size=None, num_labels=7)
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
        {**SOUND, "patch_size": 8, "max_length": 60, "num_mel_bins": 40, "time_stride": 6, "frequency_stride": 5, **more},
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
picture("swin/classes", "SwinForImageClassification", num_labels=7, qkv_bias=False, use_absolute_embeddings=True, **SWIN)
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
