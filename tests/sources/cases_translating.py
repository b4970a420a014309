"""Configurations of encoders with decoders, beside those in `cases.py`."""

from __future__ import annotations

from .cases import SEQ, T5, case, translator

translator("plbart/plain", "PLBartForConditionalGeneration")
translator("blenderbot-small/plain", "BlenderbotSmallForConditionalGeneration")
BOTH = {"input_ids": [1, SEQ], "decoder_input_ids": [1, 20]}
case("umt5/plain", "UMT5ForConditionalGeneration", BOTH, T5, dims={"source": str(SEQ), "target": "20"})
case("umt5/encoder", "UMT5EncoderModel", {"input_ids": [1, SEQ]}, T5, dims={"source": str(SEQ)})
