"""What Keras itself says of models: `python -m tests.sources.keras_reference` writes them with their counts to keras.json.

Needs Keras 3 with PyTorch beside it, which the tests do not. Settings that change nothing are left out of the models.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

RECORD = Path(__file__).with_name("keras.json")
# With PyTorch Keras runs these cells, which give the last step alone, a step more to see its sizes.
_A_STEP_MORE = ("gru", "both ways")
_NEEDLESS = ("_initializer", "_regularizer", "_constraint")


def models() -> Iterator[tuple[str, Any, list[tuple[int, ...]]]]:
    """Names and models, and the sizes of inputs where they are open."""
    import keras
    from keras import layers as L

    def chain(*layers: Any) -> Any:
        return keras.Sequential(list(layers))

    yield (
        "dense",
        chain(keras.Input((20,)), L.Dense(30, "relu"), L.BatchNormalization(), L.Dropout(0.3), L.Dense(4, "softmax")),
        [],
    )
    yield (
        "conv",
        chain(
            keras.Input((33, 35, 3)),
            L.Rescaling(1 / 255.0),
            L.Conv2D(8, 3, padding="same", strides=2, activation="relu"),
            L.BatchNormalization(scale=False),
            L.ReLU(max_value=6),
            L.MaxPooling2D(3, 2, "same"),
            L.DepthwiseConv2D(3, padding="same", use_bias=False),
            L.SeparableConv2D(12, 3, activation="swish"),
            L.Flatten(),
            L.Dense(5),
        ),
        [],
    )
    yield (
        "lstm",
        chain(
            keras.Input((None,), dtype="int32"),
            L.Embedding(100, 16),
            L.LSTM(12, return_sequences=True),
            L.Bidirectional(L.LSTM(7)),
            L.Dense(1),
        ),
        [(128,)],
    )
    yield (
        "gru",
        chain(
            keras.Input((11, 6)),
            L.GRU(12, return_sequences=True),
            L.GRU(5, reset_after=False),
            L.Dense(3, trainable=False),
        ),
        [],
    )
    yield (
        "both ways",
        chain(
            keras.Input((11, 6)),
            L.Bidirectional(L.GRU(12, return_sequences=True)),
            L.SimpleRNN(5, go_backwards=True),
            L.Dense(1),
        ),
        [],
    )
    yield (
        "steps",
        chain(
            keras.Input((50, 6)),
            L.Conv1D(8, 5, padding="causal", dilation_rate=2),
            L.LayerNormalization(),
            L.MaxPooling1D(2),
            L.ZeroPadding1D((1, 2)),
            L.Conv1D(4, 3, strides=2, padding="same"),
            L.UpSampling1D(2),
            L.GlobalAveragePooling1D(),
            L.Dense(3),
        ),
        [],
    )
    yield "transformer", _transformer(keras, L), []
    yield "shared", _shared(keras, L), []
    yield "unet", _unet(keras, L), []
    for name in ("ResNet50", "MobileNetV2", "EfficientNetB0"):
        yield name, getattr(keras.applications, name)(weights=None), []


def _transformer(keras: Any, L: Any) -> Any:
    tokens, places = (keras.Input((24,), dtype="int32", name=name) for name in ("tokens", "places"))
    x = L.Embedding(97, 32)(tokens) + L.Embedding(24, 32)(places)
    for causal in (False, True):
        seen = L.MultiHeadAttention(4, 8, dropout=0.1)(x, x, use_causal_mask=causal)
        x = L.LayerNormalization(epsilon=1e-6)(L.Add()([x, seen]))
        inner = L.Dense(32)(L.Dense(64, activation="gelu")(x))
        x = L.LayerNormalization(epsilon=1e-6)(x + inner)
    return keras.Model([tokens, places], L.Dense(7, activation="softmax")(L.GlobalAveragePooling1D()(x)))


def _shared(keras: Any, L: Any) -> Any:
    inner = keras.Sequential([keras.Input((16, 16, 3)), L.Conv2D(4, 3), L.ReLU()], name="eyes")
    inner.trainable = False
    left, right = keras.Input((16, 16, 3)), keras.Input((16, 16, 3))
    both = L.Concatenate()([inner(left), inner(right)])
    return keras.Model([left, right], L.Dense(2)(L.GlobalMaxPooling2D()(both)))


def _unet(keras: Any, L: Any) -> Any:
    image = keras.Input((32, 32, 3))
    first = L.Conv2D(8, 3, padding="same", activation="relu")(image)
    deep = L.Conv2D(16, 3, padding="same")(L.MaxPooling2D()(first))
    up = L.Concatenate()([L.Conv2DTranspose(8, 3, strides=2, padding="same")(deep), first])
    up = L.Add()([up, L.UpSampling2D(2)(deep)])
    return keras.Model(image, L.Conv2D(1, 1, activation="sigmoid")(up))


def main() -> None:
    """Records models and counts."""
    os.environ["KERAS_BACKEND"] = "torch"
    sys.modules.setdefault("torchvision", None)  # type: ignore[arg-type]  # one for another PyTorch would not load
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    record = {}
    for name, model, open_sizes in models():
        sizes = open_sizes or [tuple(one.shape[1:]) for one in model.inputs]
        inputs = [torch.zeros((1, *size), dtype=_type(torch, one)) for size, one in zip(sizes, model.inputs)]
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(inputs if len(inputs) > 1 else inputs[0], training=False)
        weights = [one for one in model.non_trainable_weights if "seed" not in one.path]
        record[name] = {
            "trained": sum(prod(one.shape) for one in model.trainable_weights),
            "kept": sum(prod(one.shape) for one in weights),
            **({"macs": counter.get_total_flops() // 2} if name not in _A_STEP_MORE else {}),
            "outputs": [list(one.shape[1:]) for one in model.outputs],
            "model": _short(json.loads(model.to_json())),
        }
        print(name, {key: value for key, value in record[name].items() if key != "model"}, flush=True)
    lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in record.items()]
    RECORD.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def _type(torch: Any, tensor: Any) -> Any:
    return torch.int32 if "int" in str(tensor.dtype) else torch.float32


def _short(value: Any) -> Any:
    """A model without what no layer is told by."""
    if isinstance(value, dict):
        return {
            key: _short(one)
            for key, one in value.items()
            if not key.endswith(_NEEDLESS) and key not in ("registered_name", "compile_config", "dtype")
        }
    return [_short(one) for one in value] if isinstance(value, list) else value


if __name__ == "__main__":
    main()
