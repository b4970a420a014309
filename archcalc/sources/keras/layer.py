"""A layer of a Keras model: its typed settings, all of which must be read."""

from __future__ import annotations

from typing import NoReturn

from archcalc.sources.file import File, Json

_MOST = 2**40
# Settings that affect no count.
_NEUTRAL = """
    name trainable dtype batch_shape batch_input_shape sparse ragged optional kernel_initializer bias_initializer
    recurrent_initializer gamma_initializer beta_initializer moving_mean_initializer moving_variance_initializer
    embeddings_initializer alpha_initializer depthwise_initializer pointwise_initializer kernel_regularizer bias_regularizer
    recurrent_regularizer activity_regularizer gamma_regularizer beta_regularizer embeddings_regularizer alpha_regularizer
    depthwise_regularizer pointwise_regularizer kernel_constraint bias_constraint recurrent_constraint gamma_constraint
    beta_constraint embeddings_constraint alpha_constraint depthwise_constraint pointwise_constraint seed synchronized
    renorm renorm_clipping renorm_momentum noise_shape mask_zero input_length autocast unit_forget_bias stateful unroll
    zero_output_for_mask supports_masking data_format lora_rank lora_alpha quantization_mode quantization_config
    flash_attention mask_value implementation time_major input_dtype
"""


class Layer:
    """A layer, or an operation, of a model.

    Attributes:
        path: its location in the file; kind: its class; name: its own.
        settings: its constructor arguments; frozen: whether its weights are not trained.
    """

    def __init__(self, file: File, value: Json, path: list[str | int]) -> None:
        if not isinstance(value, dict):
            file.refuse(path, "a layer must be an object with `class_name` and `config`")
        self.file, self.path, self.value = file, path, value
        kind, settings = value.get("class_name"), value.get("config")
        if not isinstance(kind, str) or not isinstance(settings, dict):
            file.refuse(path, "a layer must have `class_name` and `config`")
        self.kind = kind
        self.settings: dict[str, Json] = settings
        name = settings.get("name", value.get("name"))
        self.name = name if isinstance(name, str) else kind
        self.frozen = settings.get("trainable") is False
        self._read: set[str] = set()

    @property
    def frozen_mark(self) -> str:
        """The suffix of a line with weights."""
        return " frozen=true" if self.frozen else ""

    def get(self, key: str) -> Json:
        """A setting as JSON; None if missing."""
        self._read.add(key)
        return self.settings.get(key)

    def whole(self, key: str, default: int | None = None, least: int = 1) -> int:
        """A whole number."""
        value = self.get(key)
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= _MOST:
            self.wrong(key, f"must be a whole number from {least} to {_MOST:,}")
        return value

    def number(self, key: str, default: float) -> float:
        """A number."""
        value = self.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > 1e30:
            self.wrong(key, "must be a number")
        return value

    def flag(self, key: str, default: bool = False) -> bool:
        """True or false."""
        value = self.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.wrong(key, "must be true or false")
        return value

    def word(self, key: str, choices: tuple[str, ...], default: str) -> str:
        """A word."""
        value = self.get(key)
        if value is None:
            return default
        if value not in choices:
            self.wrong(key, f"{str(value)[:40]!r} is not supported here", f"supported: {', '.join(choices)}")
        return str(value)

    def sizes(self, key: str, rank: int, default: int | None = None, least: int = 1) -> list[int]:
        """A size per axis, for `rank` axes; a single number applies to all."""
        value = self.get(key)
        if value is None and default is not None:
            return [default] * rank
        values = value if isinstance(value, list) else [value] * rank
        fits = [one for one in values if isinstance(one, int) and not isinstance(one, bool) and least <= one <= _MOST]
        if len(fits) != rank or len(values) != rank:
            self.wrong(key, f"must be a whole number from {least} to {_MOST:,}, or one for each of {rank} axes")
        return fits

    def only(self, key: str, *allowed: Json) -> None:
        """Raises `SpecError` for a setting with an unsupported effect on the layer."""
        value = self.get(key)
        if value is not None and value not in allowed:
            self.wrong(key, f"{str(value)[:40]} changes the layer in a way that is not supported yet")

    def wrong(self, key: str, message: str, help: str | None = None) -> NoReturn:
        """Raises `SpecError` at a setting."""
        self.file.refuse([*self.path, "config", key], f"`{self.kind}` {self.name!r}: `{key}`: {message}", help)

    def refuse(self, message: str, help: str | None = None) -> NoReturn:
        """Raises `SpecError` at the layer's class."""
        self.file.refuse([*self.path, "class_name"], message, help)

    def finish(self) -> None:
        """Raises `SpecError` for a setting that was not read."""
        for key, value in self.settings.items():
            if key not in self._read and key not in _NEUTRAL.split() and value is not None:
                self.file.refuse(
                    [*self.path, "config", key],
                    f"`{self.kind}` {self.name!r}: the setting `{key}` is unknown: it may change the layer",
                    at_key=True,
                )
