"""A spec with one thing changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from archcalc.layers import REGISTRY
from archcalc.layers.arguments import Flag, Word
from tests.draw.choices import Choices
from tests.draw.spec_data import Data, data, put, spec, walk

# Layers that fit nearly everywhere; behind some of them others are of no use.
LINES = (
    "relu", "sigmoid", "softmax", "logsoftmax", "dropout", "dropout 0", "identity", "scale 1", "flatten", "batchnorm",
    "layernorm", "maxpool 1", "maxpool 2", "relu6", "linear 6", "conv 4 kernel=2 padding=same", "conv 4 kernel=1 stride=2",
    "embedding 30 dim=7", "layernorm affine=false", "rmsnorm", "convtranspose 4 kernel=3 stride=2", "lstm 4 dropout=0.5",
    "conv 4 kernel=3 dilation=9 padding=9", "attention 2", "groupnorm 2", "instancenorm", "adaptiveavgpool 1", "avgpool 1",
    "maxpool 3 stride=4", "dropout 0.5", "droppath 0", "linear 1", "conv 6 kernel=1 padding=1", "abs", "layerscale",
)  # fmt: skip


class Mutation(NamedTuple):
    """A changed spec, and what was done to it: `kind` is the same for all changes of its sort."""

    kind: str
    what: str
    document: Data

    @property
    def text(self) -> str:
        """The changed spec."""
        return spec(self.document)


def mutations(text: str) -> Iterator[Mutation]:
    """Every spec with one item more, less, twice or moved, or with another value of a key; some are not valid."""
    document = data(text)
    for path, value in list(walk(document)):
        if isinstance(value, list) and path and path[0] in ("layers", "blocks"):
            for kind, what, items in _lists(value):
                yield Mutation(kind, f"{kind} {path} {what}", put(document, path, items))
        if isinstance(value, str) and path and path[0] in ("layers", "blocks", "hparams"):
            for words in _values(value):
                yield Mutation("value", f"value {path} {words}", put(document, path, words))


def some(text: str, choices: Choices, count: int | None) -> Iterator[Mutation]:
    """Some mutations in a drawn order; all with None."""
    found = {one.what: one for one in mutations(text)}
    for what in choices.ranked("mutation", found.keys())[:count]:
        yield found[what]


def _lists(items: list[Data]) -> Iterator[tuple[str, str, list[Data]]]:
    for index in range(len(items)):
        yield "less", f"{index}", [*items[:index], *items[index + 1 :]]
        yield "twice", f"{index}", [*items[:index], items[index], *items[index:]]
        if index:
            yield "moved", f"{index}", [*items[: index - 1], items[index], items[index - 1], *items[index + 1 :]]
    for line in LINES:
        for index in {len(items) // 2, len(items)}:
            yield "more", f"{index} {line}", [*items[:index], line, *items[index:]]


def _values(text: str) -> Iterator[str]:
    """A line with another number, word or flag, or with a key more or less; a number alone."""
    for match in re.finditer(r"(?<![\w.])\d+(?![\w.])", text):
        yield f"{text[: match.start()]}{int(match.group()) + 1}{text[match.end() :]}"
    words = text.split(" ")
    op = REGISTRY.get(words[0])
    for index, word in enumerate(words):
        if index and word.partition("=")[0] in (op.arguments if op else ()):
            yield " ".join([*words[:index], *words[index + 1 :]])
    for name, argument in (op.arguments if op else {}).items():
        for value in _others(argument):
            rest = [word for word in words if not word.startswith(f"{name}=")]
            yield " ".join([*rest, f"{name}={value}"])


def _others(argument: Any) -> tuple[str, ...]:
    if isinstance(argument, Word):
        return argument.choices
    return ("true", "false") if isinstance(argument, Flag) else ()
