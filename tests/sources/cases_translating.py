"""Configurations of encoders with decoders, beside those in `cases.py`."""

from __future__ import annotations

from .cases import SEQ, case, translator

T5 = {
    "vocab_size": 997,
    "d_model": 96,
    "d_kv": 20,
    "d_ff": 208,
    "num_layers": 3,
    "num_decoder_layers": 4,
    "num_heads": 6,
}

translator("plbart/plain", "PLBartForConditionalGeneration")
translator("blenderbot-small/plain", "BlenderbotSmallForConditionalGeneration")
BOTH = {"input_ids": [1, SEQ], "decoder_input_ids": [1, 20]}
case("umt5/plain", "UMT5ForConditionalGeneration", BOTH, T5, dims={"source": str(SEQ), "target": "20"})
case("umt5/encoder", "UMT5EncoderModel", {"input_ids": [1, SEQ]}, T5, dims={"source": str(SEQ)})

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
translator("bart/plain", "BartForConditionalGeneration")
translator(
    "bart/trunk", "BartModel", scale_embedding=True, decoder_layers=3, decoder_ffn_dim=208, decoder_attention_heads=6
)
translator("mbart/plain", "MBartForConditionalGeneration")
translator("pegasus/plain", "PegasusForConditionalGeneration")
translator("blenderbot/plain", "BlenderbotForConditionalGeneration")
translator("marian/plain", "MarianMTModel", decoder_vocab_size=997)
translator("m2m_100/plain", "M2M100ForConditionalGeneration")
