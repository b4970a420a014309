"""The values of a config.json: typed, with the defaults of the published classes; every key must be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn

from archcalc.advice import suggest
from archcalc.sources.file import File, Json
from archcalc.sources.huggingface.neutral import NEUTRAL

# Limit on sizes of a network.
_MOST = 2**40
_MOST_LAYERS = 10_000
# Keys that matter only to types with the feature that they configure.
_ANYWHERE = (
    "id2label", "num_labels", "architectures", "tie_word_embeddings", "is_decoder", "is_encoder_decoder",
    "tie_encoder_decoder", "classifier_dropout", "_num_labels",
)  # fmt: skip


class Config:
    """An object in a config.json: the top level, or a nested one, e.g. `text_config`.

    Attributes:
        model_type: the model type, for messages.
        defaults: values of missing keys.
        notes: what is omitted from the spec since it changes values but no count.
    """

    def __init__(
        self,
        file: File,
        values: Mapping[str, Json],
        model_type: str,
        defaults: Mapping[str, Json],
        path: tuple[str, ...] = (),
        aliases: Mapping[str, str] | None = None,
    ) -> None:
        self.file = file
        self.path = path
        self.model_type = model_type
        self.notes: list[str] = []
        self._aliases = dict(aliases or {})
        self._spelled: dict[str, str] = {}
        self._given: dict[str, Json] = {}
        for name, value in values.items():
            own = self._aliases.get(name, name)
            if self._given.get(own) is None or (own == name and value is not None):
                self._given[own] = value
                self._spelled[own] = name
        self.defaults = defaults
        self._read: set[str] = set()
        self._inner: list[Config] = []

    def has(self, key: str) -> bool:
        """Whether the file gives a value other than null, which must then be read."""
        return self._given.get(key) is not None

    def value(self, key: str) -> Json:
        """The value as JSON, or the default if the key is missing; null is a value."""
        self._read.add(key)
        value = self._given.get(key)
        if value is None and key not in self._given:
            return self.defaults.get(key)
        return value

    def _or_default(self, key: str) -> Json:
        """As `value`, but null means the default."""
        value = self.value(key)
        return self.defaults.get(key) if value is None else value

    def whole(self, key: str, least: int = 1) -> int:
        """An integer of at least `least`. Raises `SpecError` for anything else."""
        value = self.maybe(key, least)
        if value is None:
            self.wrong(key, f"must be a whole number of at least {least}")
        return value

    def maybe(self, key: str, least: int = 1) -> int | None:
        """As `whole`, or None if null or missing."""
        value = self.value(key)
        if value is None:
            return None
        if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= _MOST:
            self.wrong(key, f"must be {_range(value, least)}, not {_told(value)}")
        return value

    def layers(self, key: str) -> int:
        """A number of layers, small enough to list the kind of each."""
        value = self.whole(key)
        if value > _MOST_LAYERS:
            self.wrong(key, f"at most {_MOST_LAYERS:,} layers are supported, not {value:,}")
        return value

    def number(self, key: str) -> float | int:
        """A number."""
        value = self.maybe_number(key)
        if value is None:
            self.wrong(key, "must be a number")
        return value

    def maybe_number(self, key: str) -> float | int | None:
        """A number, or None."""
        value = self.value(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > 1e30:
            self.wrong(key, f"must be a number, not {_told(value)}")
        return value

    def share(self, key: str) -> float | int:
        """A dropout probability, from 0 to below 1."""
        value = self.maybe_number(key) or 0
        if not 0 <= value < 1:
            self.wrong(key, f"must be a probability from 0 to below 1, not {_told(value)}")
        return value

    def flag(self, key: str) -> bool:
        """True or false; null is false."""
        value = self.value(key)
        if value is None:
            return False
        if not isinstance(value, bool):
            self.wrong(key, f"must be true or false, not {_told(value)}")
        return value

    def word(self, key: str, choices: Sequence[str] | Mapping[str, str]) -> str:
        """One of `choices`; for a mapping, the value of the choice."""
        value = self.value(key)
        if not isinstance(value, str) or value not in choices:
            near = suggest(value, list(choices)) if isinstance(value, str) else None
            self.wrong(
                key,
                f"{_told(value)} is not known here",
                f"did you mean `{near}`?" if near else f"expected one of {', '.join(choices)}",
            )
        return choices[value] if isinstance(choices, Mapping) else value

    def words(self, key: str, choices: Sequence[str], count: int) -> list[str] | None:
        """A list of `count` entries from `choices`; None if null or missing."""
        value = self.value(key)
        if value is None:
            return None
        if not isinstance(value, list) or len(value) < count:
            self.wrong(key, f"must be a list with an entry for each of {count} layers")
        for index, entry in enumerate(value):
            if entry not in choices:
                path: list[str | int] = [*self.path, self._spelled.get(key, key), index]
                self.file.refuse(
                    path, f"`{key}`: {_told(entry)} is not known here", f"expected one of {', '.join(choices)}"
                )
        return [str(entry) for entry in value[:count]]

    def wholes(self, key: str, least: int = 1) -> list[int]:
        """A list of integers of at least `least`; a list of sizes (`least` 1) must not be empty."""
        value = self._or_default(key)
        if isinstance(value, int) and not isinstance(value, bool):
            value = [value]
        if not isinstance(value, list) or len(value) > 10_000 or (least and not value):
            self.wrong(key, f"must be a list of whole numbers, not {_told(value)}")
        found: list[int] = []
        for index, entry in enumerate(value):
            if isinstance(entry, bool) or not isinstance(entry, int) or not least <= entry <= _MOST:
                path: list[str | int] = [*self.path, self._spelled.get(key, key), index]
                self.file.refuse(path, f"`{key}`: each must be {_range(entry, least)}, not {_told(entry)}")
            found.append(entry)
        return found

    def mapping(self, key: str) -> dict[str, Json]:
        """An object; empty if null or missing."""
        value = self._or_default(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.wrong(key, f"must be an object, not {_told(value)}")
        return value

    def nested(
        self, key: str, model_type: str, defaults: Mapping[str, Json], aliases: Mapping[str, str] | None = None
    ) -> Config:
        """A nested configuration, e.g. `text_config`."""
        inner = Config(self.file, self.mapping(key), model_type, defaults, (*self.path, key), aliases)
        inner.notes = self.notes
        self._inner.append(inner)
        return inner

    def rest(self, model_type: str, defaults: Mapping[str, Json], aliases: Mapping[str, str] | None = None) -> Config:
        """The keys not read so far, as a separate configuration: older files merge two into one object."""
        left = {self._spelled[key]: value for key, value in self._given.items() if key not in self._read}
        self._read |= set(self._given)
        inner = Config(self.file, left, model_type, defaults, self.path, aliases)
        inner.notes = self.notes
        self._inner.append(inner)
        return inner

    def settle(self, key: str, value: Json) -> None:
        """Sets a value derived from others."""
        self._given[key] = value
        self._spelled.setdefault(key, key)

    def only(self, key: str, *allowed: Json) -> None:
        """Raises `SpecError` for a value that changes the network in a way that specs cannot express yet."""
        value = self.value(key)
        if value is not None and value not in allowed:
            wanted = " or ".join(_told(one) for one in allowed)
            self.wrong(
                key, f"{_told(value)} changes the network in a way that is not supported yet", f"supported: {wanted}"
            )

    def note(self, text: str) -> None:
        """Notes what the spec omits since it changes no count."""
        if text not in self.notes:
            self.notes.append(text)

    def wrong(self, key: str, message: str, help: str | None = None) -> NoReturn:
        """Raises `SpecError` at the value of a key, or at the start of the file for a default."""
        spelled = self._spelled.get(key)
        path = [*self.path, spelled] if spelled is not None else list(self.path)
        self.file.refuse(path, f"`{spelled or key}`: {message}", help)

    def finish(self) -> None:
        """Raises `SpecError` for a key that was not read, unless it is known not to affect any count.

        This includes keys of nested configurations.
        """
        for inner in self._inner:
            inner.finish()
        self._read_common()
        for key, value in self._given.items():
            if key in self._read or key in NEUTRAL or value is None:
                continue
            near = suggest(key, [*self.defaults, *NEUTRAL])
            self.file.refuse(
                [*self.path, self._spelled[key]],
                f"`{key}` is unknown for `{self.model_type}`: it may change the network",
                (f"did you mean `{near}`? " if near else "")
                + "if it changes no layer, delete it in a copy of the file",
                at_key=True,
            )

    def _read_common(self) -> None:
        """Reads the keys that are common to all types."""
        self.only("pruned_heads", {})
        self.only("torchscript", False)
        self.only("cross_attention_hidden_size", None)
        self.only("per_layer_config", {})
        self.only("add_cross_attention", False)
        for key in _ANYWHERE:
            self.value(key)
        if self.has("quantization_config"):
            method = self.mapping("quantization_config").get("quant_method")
            named = f" ({method})" if isinstance(method, str) else ""
            self.note(f"quantization_config{named}: weights are stored in fewer bytes")


def _range(value: Json, least: int) -> str:
    """What a value that is not one of the accepted whole numbers must be."""
    return f"at most {_MOST:,}" if isinstance(value, int) and value > _MOST else f"a whole number of at least {least}"


def _told(value: Json) -> str:
    """A value as written in the file, on one short line."""
    import json

    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
