"""The declaration: every field of a run with its values, help and default.

Command options, keys of settings files, the `run:` key of a spec with its JSON Schema, and the arguments of the Python
interface are made from `FIELDS`; their names are the same everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from archcalc.advice import suggest
from archcalc.diagnostics import RequestError
from archcalc.running.kinds import Choices, Kind, Names, Text, Whole, Words
from archcalc.running.optimizers import OPTIMIZERS
from archcalc.running.precisions import PRECISIONS, Precision
from archcalc.running.quantising import QUANTISED, Quantised

if TYPE_CHECKING:
    from archcalc.devices import Device

T = TypeVar("T")
MODES = INFERENCE, TRAIN, GENERATE = ("inference", "train", "generate")
ATTENTION = AUTO, FLASH, EFFICIENT, MATH = ("auto", "flash", "efficient", "math")
EAGER, COMPILED, GRAPH = ("eager", "compiled", "graph")
SINGLE, FOREACH, FUSED, BACKWARD = ("single", "foreach", "fused", "backward")
OPTIMIZER, GRADIENTS, ACTIVATIONS = ("optimizer", "gradients", "activations")
ALL, SELECTIVE = ("all", "selective")
CHUNKED = "chunked"
CONTIGUOUS, CHANNELS_LAST = ("contiguous", "channels-last")
# Parts of the one-line form are separated by commas; a text with a comma is quoted.
_PART = r'(?:"(?:\\.|[^"\\])*"|,(?! )|[^",])+'


class Field(Generic[T]):
    """A field: read from a `Running`, it is the value; read from the class, its declaration.

    Args:
        kind: the type of its values.
        phrase: a value in the one-line form, e.g. `batch {}`.
        help: the help text of its option.
        default: the default, as help text.
        alone: whether it is accepted only on the command line, because it makes a program run.
    """

    name = ""

    def __init__(self, kind: Kind[T], phrase: str, help: str, default: str, alone: bool = False) -> None:
        self.kind, self.phrase, self.help, self.default, self.alone = kind, phrase, help, default, alone

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Field[T]: ...

    @overload
    def __get__(self, instance: Running, owner: type) -> T: ...

    def __get__(self, instance: Running | None, owner: type) -> Field[T] | T:
        if instance is None:
            return self
        value: T = instance._said.get(self.name, self.kind.unsaid)
        return value

    def __set__(self, instance: Running, value: T) -> None:
        raise AttributeError(f"a run is immutable: make another one with `also({self.name}=...)`")

    @property
    def option(self) -> str:
        """Its option on the command line."""
        return "--" + self.name.replace("_", "-")

    def phrases(self, value: T) -> list[str]:
        """A value in the one-line form."""
        spoken = isinstance(self.kind, Words)
        return [
            self.phrase.format(text.replace("-", " ") if spoken else _quoted(text)) for text in self.kind.write(value)
        ]

    def heard(self, part: str) -> T | None:
        """The value that a part of the one-line form gives this field; None if it is for another field."""
        before, _, after = self.phrase.partition("{}")
        if not part.startswith(before) or not part.endswith(after) or len(part) <= len(before) + len(after):
            return None
        text = part[len(before) : len(part) - len(after)]
        if isinstance(self.kind, Words):
            text = {word.replace("-", " "): word for word in self.kind.words}.get(text, "")
        try:
            return self.kind.read(_unquoted(text))
        except ValueError:
            return None


class Running:
    """How a network is run. Fields that were not given are falsy: "", 0 or ().

    `archcalc.running.defaults` fills in defaults; `str` gives the one-line form, which `parse` reads.

    Attributes:
        chip: the device, once it is looked up; None without one.
        assumed: names of fields left at their defaults.
        cleared: names of fields that stay empty, whatever other sources say.
    """

    mode = Field(Words(*MODES), "{}", "What to run.", "all that apply; train where a single number is shown")
    batch = Field(Whole(), "batch {}", "Batch size.", "1")
    precision = Field(
        Words(*PRECISIONS), "{}", "Data types of weights and arithmetic: autocast keeps fp32 weights, mixed keeps an fp32 copy of them.",
        "fp32; on a GPU bf16, and autocast-bf16 for training; fp16 if the GPU has no bf16",
    )  # fmt: skip
    weights = Field(
        Words(*QUANTISED), "{} weights", "Storage type of matrices that are not trained.", "the compute type"
    )  # fmt: skip
    gradients = Field(
        Words("same", "fp32"), "{} gradients", "Gradients of 16-bit weights: in the same type, or accumulated in fp32.", "same"
    )  # fmt: skip
    optimizer = Field(Words(*OPTIMIZERS), "{}", "Optimizer of the training step.", "adamw")
    accumulate = Field(
        Whole(), "accumulate {}", "Number of batches whose gradients are accumulated before each step.", "1"
    )
    update = Field(
        Words(SINGLE, FOREACH, FUSED, BACKWARD), "{} update",
        "How the optimizer updates parameters: one by one, all at once, in one kernel, or each in the backward pass.",
        "single; on a GPU foreach",
    )  # fmt: skip
    freeze = Field(
        Names("PATTERN"), "freeze {}", "Layer or group to freeze, by name or id; `*` matches any text.", "none"
    )  # fmt: skip
    lora = Field(
        Whole("RANK", most=2**20), "lora {}", "Train only LoRA adapters of this rank.", "none"
    )  # fmt: skip
    lora_on = Field(
        Names("PATTERN"), "lora on {}", "Where adapters are: q, k, v, o, a layer, or all.", "q, v; all if there is no attention"
    )  # fmt: skip
    offload = Field(
        Choices(OPTIMIZER, GRADIENTS, ACTIVATIONS), "{} offloaded", "What to keep in host memory: optimizer, "
        "gradients, activations.", "none"
    )  # fmt: skip
    attention = Field(Words(*ATTENTION), "{} attention", "Attention kernel.", "the one PyTorch picks")
    checkpoint = Field(
        Names("BLOCK"), "checkpoint {}", "Block or group that keeps only its input and is recomputed in the backward pass.", "none"
    )  # fmt: skip
    checkpoint_every = Field(
        Whole(), "every {} checkpointed", "Checkpoint only every Nth copy of a checkpointed block.", "1"
    )  # fmt: skip
    recompute = Field(
        Words(ALL, SELECTIVE), "{} recomputation", "What a checkpoint recomputes: all, or all except matrix products.", ALL
    )  # fmt: skip
    loss = Field(
        Words(EAGER, FUSED, CHUNKED), "{} loss", "Cross-entropy of all logits at once, or with the last linear layer in chunks: fused into "
        "one kernel, or each checkpointed.", EAGER
    )  # fmt: skip
    chunks = Field(Whole(), "{} chunks", "Chunks of a chunked loss.", "8")
    execution = Field(
        Words(EAGER, COMPILED, GRAPH), "{}", "Op by op, with torch.compile, or as a CUDA graph.", EAGER, alone=True
    )  # fmt: skip
    memory_format = Field(Words(CONTIGUOUS, CHANNELS_LAST), "{}", "Memory format of images.", CONTIGUOUS)
    cache = Field(
        Words("fp32", "bf16", "fp16", "fp8", "int8"), "{} cache", "When generating: data type of keys, values and states.", "the compute type"
    )  # fmt: skip
    length = Field(
        Whole(), "length {}", "When generating: final number of positions, prompt included.", "the spec's"
    )  # fmt: skip
    new_tokens = Field(
        Whole(), "{} new tokens", "When generating: number of new tokens, the last of these positions.", "1"
    )
    threads = Field(Whole(), "{} threads", "CPU threads.", "2, or as many as the device was measured with")
    device = Field(Text("NAME|FILE"), "on {}", "Device to run on, e.g. h100 or ./mine.json.", "none: a CPU's kernels")

    def __init__(self, **said: Any) -> None:
        self._said: dict[str, Any] = {}
        self.chip: Device | None = None
        self.assumed: tuple[str, ...] = ()
        self.cleared: frozenset[str] = frozenset()
        for name, given in said.items():
            value = field_of(name).kind.unsaid if given is None else read(name, given)
            if value:
                self._said[name] = value

    def also(self, **said: Any) -> Running:
        """The same run with other values."""
        other = Running(**{**self._said, **said})
        other.chip, other.assumed, other.cleared = self.chip, self.assumed, self.cleared - said.keys()
        return other

    def without(self, names: Iterable[str]) -> Running:
        """The same run, in which these fields stay empty, whatever other sources say."""
        cleared = frozenset(names)
        other = self.also(**dict.fromkeys(cleared))
        other.cleared = self.cleared | cleared
        return other

    def assuming(self, names: Iterable[str]) -> Running:
        """The same run without these fields."""
        other = self.also()
        other.assumed = tuple(names)
        return other

    def over(self, *others: Running) -> Running:
        """This run, with missing fields from the first of the others that has them."""
        said: dict[str, Any] = {}
        cleared: frozenset[str] = frozenset()
        for one in (self, *others):
            said = {**{name: value for name, value in one._said.items() if name not in cleared}, **said}
            cleared |= one.cleared - said.keys()
        other = Running(**said)
        other.chip, other.cleared = self.chip, cleared
        return other

    @property
    def said(self) -> dict[str, Any]:
        """The given values, in field order."""
        return {name: self._said[name] for name in FIELDS if name in self._said}

    def texts(self) -> dict[str, str | list[str]]:
        """The values as written in settings and specs."""
        found: dict[str, str | list[str]] = {}
        for name, value in self.said.items():
            kind = FIELDS[name].kind
            found[name] = kind.write(value) if kind.several else kind.write(value)[0]
        return found

    def numbers(self) -> dict[str, Any]:
        """The values as JSON."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in self.said.items()}

    @classmethod
    def parse(cls, text: str) -> Running:
        """Parses the one-line form. Raises `RequestError` for an unknown part."""
        said: dict[str, Any] = {}
        for part in (found.strip() for found in re.findall(_PART, text)):
            about = [(field, value) for field in FIELDS.values() if (value := field.heard(part)) is not None]
            if not about:
                raise RequestError(f"{part!r} is not a run setting")
            field, value = about[0]
            if field.name in said and not field.kind.several:
                raise RequestError(f"{part!r} is a second value of `{field.name}`")
            said[field.name] = (*said.get(field.name, ()), *value) if field.kind.several else value
        return cls(**said)

    def __str__(self) -> str:
        return ", ".join(part for name, value in self.said.items() for part in FIELDS[name].phrases(value))

    def __repr__(self) -> str:
        return f"Running({', '.join(f'{name}={value!r}' for name, value in self.said.items())})"

    def __eq__(self, other: object) -> bool:
        return self.said == other.said if isinstance(other, Running) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self.said.items()))

    # -- derived from the fields of a run with defaults ---------------------------------------

    @property
    def trains(self) -> bool:
        """Whether it is a training step."""
        return self.mode == TRAIN

    @property
    def gpu(self) -> bool:
        """Whether CUDA kernels run instead of CPU ones."""
        return self.chip is not None and self.chip.kind == "gpu"

    @property
    def batches(self) -> int:
        """Batches per step."""
        return self.accumulate or 1

    @property
    def tokens(self) -> int:
        """Number of generated tokens."""
        return self.new_tokens or 1

    @property
    def types(self) -> Precision:
        """The types of its precision."""
        return PRECISIONS[self.precision or "fp32"]

    @property
    def steps(self) -> str:
        """How the optimizer updates parameters."""
        return self.update or (FOREACH if self.gpu else SINGLE)

    @property
    def stored(self) -> Quantised | None:
        """How frozen matrices are stored; None if like all others."""
        return QUANTISED.get(self.weights)

    @property
    def has_wide_gradients(self) -> bool:
        """Whether 16-bit gradients are accumulated in fp32."""
        return self.gradients == "fp32" and self.types.width < 4

    @property
    def width(self) -> int:
        """Bytes of a parameter."""
        return self.types.width


FIELDS: dict[str, Field[Any]] = {name: field for name, field in vars(Running).items() if isinstance(field, Field)}


def field_of(name: str) -> Field[Any]:
    """The field of this name. Raises `RequestError` with a suggestion."""
    found = FIELDS.get(name.replace("-", "_"))
    if found is None:
        near = suggest(name, list(FIELDS))
        hint = f"did you mean `{near}`?" if near else f"expected one of {', '.join(FIELDS)}"
        raise RequestError(f"`{name}` is not a run setting: {hint}")
    return found


def read(name: str, given: Any, called: str = "") -> Any:
    """The value of a field. Raises `RequestError`; `called` is what the message calls the field."""
    try:
        return field_of(name).kind.read(given)
    except ValueError as error:
        raise RequestError(f"{called or name} {error}") from None


def _quoted(text: str) -> str:
    if ", " not in text and '"' not in text and not text.endswith(","):
        return text
    import json

    return json.dumps(text, ensure_ascii=False)


def _unquoted(text: str) -> str:
    if not text.startswith('"'):
        return text
    import json

    return str(json.loads(text))
