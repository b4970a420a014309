"""Models of sound."""

from __future__ import annotations

from .cases import SEQ, case, sound

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
