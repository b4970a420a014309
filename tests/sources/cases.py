"""Configurations with sizes unlike each other, so that a count that is right cannot be right by chance: how one is added."""

from __future__ import annotations

from typing import Any

CASES: dict[str, dict[str, Any]] = {}
SEQ = 24
SOUND = {"vocab_size": 37, "hidden_size": 96, "intermediate_size": 208, "num_hidden_layers": 3, "num_attention_heads": 6,
         "conv_dim": [40, 40, 40, 56], "conv_stride": [5, 2, 2, 3], "conv_kernel": [10, 3, 3, 4],
         "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4}  # fmt: skip


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


def encoder(name: str, architecture: str, **config: Any) -> None:
    """An encoder at sizes that no two others of its sizes share."""
    sizes = {"vocab_size": 997, "hidden_size": 96, "intermediate_size": 208, "num_hidden_layers": 5,
             "num_attention_heads": 6, "max_position_embeddings": 64}  # fmt: skip
    inputs = {"input_ids": [1, SEQ], **({"bbox": [1, SEQ, 4]} if name.startswith("layoutlm") else {})}
    asks = name.startswith(("megatron", "layoutlm", "roformer", "big_bird", "nystrom", "deberta"))
    case(name, architecture, inputs, {**sizes, **config}, **({"device": "cpu"} if asks else {}))


def translator(name: str, architecture: str, **config: Any) -> None:
    """An encoder with a decoder, at sizes that no two others of its sizes share."""
    sizes = {"vocab_size": 997, "d_model": 96, "encoder_ffn_dim": 208, "decoder_ffn_dim": 176, "encoder_layers": 3,
             "decoder_layers": 4, "encoder_attention_heads": 6, "decoder_attention_heads": 4,
             "max_position_embeddings": 64, "pad_token_id": 1, "decoder_start_token_id": 2}  # fmt: skip
    inputs = {"input_ids": [1, SEQ], "decoder_input_ids": [1, 20]}
    case(name, architecture, inputs, {**sizes, **config}, dims={"source": str(SEQ), "target": "20"})


def image(name: str, architecture: str, **config: Any) -> None:
    """A vision transformer at sizes that no two others of its sizes share."""
    sizes = {"hidden_size": 96, "intermediate_size": 208, "num_hidden_layers": 3, "num_attention_heads": 6,
             "image_size": 40, "patch_size": 8}  # fmt: skip
    case(name, architecture, {"pixel_values": [1, 3, 40, 40]}, {**sizes, **config}, dims={})


def sound(name: str, architecture: str, **config: Any) -> None:
    """A model of sound, which hears 4,000 samples."""
    case(name, architecture, {"input_values": [1, 4000]}, {**SOUND, **config}, dims={"samples": "4000"}, numbers=True)


def picture(name: str, architecture: str, **config: Any) -> None:
    """A convolutional network over an image of 224 × 224."""
    case(name, architecture, {"pixel_values": [1, 3, 224, 224]}, config, dims={})
