"""What every family declares, and shared parts: heads, activations, runs of equal layers."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

from archcalc.sources.file import Json
from archcalc.sources.huggingface.config import Config
from archcalc.sources.writing import Item, Spec

_Kind = TypeVar("_Kind", bound=Hashable)

# Spec lines of activations, by their names in configurations.
ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_python": "gelu",
    "gelu_new": "gelu approximate=tanh",
    "gelu_fast": "gelu approximate=tanh",
    "gelu_pytorch_tanh": "gelu approximate=tanh",
    "gelu_accurate": "gelu approximate=tanh",
    "silu": "silu",
    "swish": "silu",
    "relu": "relu",
    "relu6": "relu6",
    "tanh": "tanh",
    "sigmoid": "sigmoid",
    "mish": "mish",
    "leaky_relu": "leakyrelu",
    "linear": "identity",
}

# Activations without a layer, written out.
_WRITTEN_OUT: dict[str, list[Item]] = {
    "quick_gelu": [{"mul": ["prev", ["scale 1.702", "sigmoid"]]}],
    "relu2": ["relu", "square"],
}


class Model:
    """A model type: how its configuration becomes a spec.

    Attributes:
        read: builds the spec; it reads every key that changes the network.
        defaults: the published configuration class's values for missing keys.
        aliases: other names of keys that this class accepts.
        builds: the network to assume without `architectures`, e.g. `ForCausalLM`.
    """

    def __init__(
        self,
        read: Callable[[Config], Spec],
        defaults: Mapping[str, Json],
        aliases: Mapping[str, str] | None = None,
        builds: str = "ForCausalLM",
    ) -> None:
        self.read = read
        self.defaults = defaults
        self.aliases = aliases
        self.builds = builds


def architecture(config: Config, builds: str, choices: Sequence[str]) -> str:
    """The class's suffix among `choices`, e.g. `ForCausalLM`: from `architectures`, else `builds`.

    Raises `SpecError` for an unsupported class.
    """
    given = config.value("architectures")
    if given is None or given == []:
        return builds
    name = given[0] if isinstance(given, list) else given
    if not isinstance(name, str):
        config.wrong("architectures", "must be a list of class names")
    match = re.fullmatch(
        r"\w+?(For[A-Z]\w*|ModelWithProjection|WithLMHeadModel|LMHeadModel|MTModel|EncoderModel|DoubleHeadsModel|Model|Encoder|Decoder)",
        name,
    )
    found = match.group(1) if match else ""
    if found not in choices:
        known = ", ".join(f"...{choice}" for choice in choices)
        config.wrong("architectures", f"the class {name!r} is not supported yet", f"supported for this type: {known}")
    return found


def labels(config: Config) -> int:
    """The number of classes: `num_labels`, or the entries of `id2label`; 2 by default."""
    names = config.mapping("id2label")
    number = config.maybe("num_labels")
    return number or len(names) or 2


def activation(config: Config, key: str) -> str:
    """The line of an activation."""
    value = config.value(key)
    if isinstance(value, str) and value in _WRITTEN_OUT:
        return value
    return config.word(key, ACTIVATIONS)


def activated(act: str) -> list[Item]:
    """The items of an activation; one without a layer is written out."""
    return list(_WRITTEN_OUT.get(act, [act]))


def biases(**projections: bool) -> str:
    """The attention projections with a bias, as in a spec: q=True, v=True -> `qv`."""
    letters = "".join(name for name, biased in projections.items() if biased)
    return "true" if letters == "qkvo" else letters or "false"


def runs(kinds: Sequence[_Kind]) -> list[tuple[int, list[_Kind]]]:
    """Layers as repeats: counts and kinds. [a, a, b, a, a, b, a] -> [(2, [a, a, b]), (1, [a])]."""
    found: list[tuple[int, list[_Kind]]] = []
    at = 0
    while at < len(kinds):
        count, size = max(
            ((_times(kinds, at, size), size) for size in range(1, min(16, len(kinds) - at) + 1)),
            key=lambda run: (run[0] * run[1] if run[0] > 1 else 1, -run[1]),
        )
        if count == 1 and found and found[-1][0] == 1:
            found[-1][1].extend(kinds[at : at + size])
        else:
            found.append((count, list(kinds[at : at + size])))
        at += count * size
    return found


def _times(kinds: Sequence[_Kind], at: int, size: int) -> int:
    """How often the `size` kinds from `at` are repeated in succession."""
    count, part = 1, kinds[at : at + size]
    while kinds[at + count * size : at + (count + 1) * size] == part:
        count += 1
    return count


def repeated(kinds: Sequence[_Kind], body: Callable[[_Kind], Sequence[Item]], depth: str | None = None) -> list[Item]:
    """All layers: each run is a `repeat`, with equal neighbours inside it as another.

    Args:
        body: the items of one layer.
        depth: the hparam for the number of layers, used if all are equal.
    """
    if depth is not None and len(set(kinds)) == 1:
        return [{"repeat": depth, "layers": body(kinds[0])}]
    items: list[Item] = []
    for count, part in runs(kinds):
        inner = list(part) if count > 1 and len(set(part)) > 1 else part
        layers = _neighbours(inner, body)
        if count > 1 and len(part) == 1:
            items.append({"repeat": count, "layers": body(part[0])})
        elif count > 1:
            items.append({"repeat": count, "layers": layers})
        else:
            items += layers
    return items


def _neighbours(kinds: Sequence[_Kind], body: Callable[[_Kind], Sequence[Item]]) -> list[Item]:
    items: list[Item] = []
    at = 0
    while at < len(kinds):
        count = _times(kinds, at, 1)
        items += [{"repeat": count, "layers": body(kinds[at])}] if count > 1 else list(body(kinds[at]))
        at += count
    return items


def number(value: float) -> str:
    """A number as a person writes it: 10000, 1e-5, 0.0625."""
    if float(value).is_integer() and abs(value) < 1e12:
        return str(int(value))
    text = repr(float(value))
    mantissa, letter, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}" if letter else text
