"""What is suggested about a network with a slip in its text makes the error go away, and comes true."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.draw.case import Case
from tests.draw.checks import Wrong
from tests.draw.choices import Choices
from tests.suggestions import wrong as untrue

# So many slips in each network.
_SLIPS = 6


def wrong(case: Case) -> Wrong | None:
    for number in range(_SLIPS):
        at = Choices(case.seed) / "slip" / number
        kind = at.pick("kind", [*_KINDS])
        text = _KINDS[kind](case.text, at)
        for sentence in untrue(text):
            return Wrong(f"{kind}: untrue", f"{sentence}\n{text}")
    return None


def _misspelt(text: str, at: Choices) -> str:
    """A letter less, twice, or in the place of its neighbour."""
    words = [match for match in re.finditer(r"[a-z_]{3,}", text) if match.start() > text.index("input:")]
    word = at.pick("word", words)
    letters = list(word.group())
    place = at.whole("letter", 0, len(letters) - 2)
    how = at.pick("how", ["less", "twice", "swapped", "upper"])
    if how == "swapped":
        letters[place : place + 2] = letters[place : place + 2][::-1]
    else:
        letters[place] = {"less": "", "twice": letters[place] * 2, "upper": letters[place].upper()}[how]
    return text[: word.start()] + "".join(letters) + text[word.end() :]


def _other_number(text: str, at: Choices) -> str:
    """Another number, mostly one that does not fit."""
    number = at.pick("number", list(re.finditer(r"(?<![\w.])\d+(?![\w.])", text)))
    return (
        text[: number.start()]
        + at.pick("other", ["0", "5", "7", "64", "2.5", "-1", "3x3", "3x3x3"])
        + text[number.end() :]
    )


def _another_layer(text: str, at: Choices) -> str:
    """A layer in a line of its own, as somebody writes it who knows other programs, or that does not fit."""
    lines = text.splitlines(keepends=True)
    places = [index for index, line in enumerate(lines) if re.match(r"  +- ", line)]
    index = at.pick("place", places)
    indent = lines[index][: lines[index].index("-")]
    return "".join([*lines[: index + 1], f"{indent}- {at.pick('line', _LINES)}\n", *lines[index + 1 :]])


def _less(text: str, at: Choices) -> str:
    """A word less."""
    word = at.pick("word", list(re.finditer(r" [\w=.]+", text[text.index("layers:") :])))
    start = text.index("layers:") + word.start()
    return text[:start] + text[start + len(word.group()) :]


_LINES = (
    "conv 8 kernel=3", "conv 8 kernel=3x3", "conv 8 kernel=3 padding=same stride=2", "conv 8 kernel=3 groups=2", "maxpool 3 padding=2",
    "avgpool 2 padding=valid", "attention 3", "lstm 4", "gru 4 layers=2", "linear 3", "batchnorm", "groupnorm 3", "layernorm axes=0",
    "glu", "split 3", "concat: [prev, prev]", "softmax", "upsample 2 mode=linear", "pixelshuffle 2", "reshape 7", "transpose 1x2",
    "select 9", "mean 3", "expand 3x4", "residual: [linear 5]", "residual: [conv 3 kernel=1]", "matmul: [prev, prev]", "Conv2d(3, 8, 3)",
    "nn.Linear(4, 2)", "Dense 4", "relu()", "F.relu(x)", "x.view(-1, 8)", "moe: {experts: 2, top_k: 3, layers: [linear 2]}",
    "rope dim=3", "posembed length=1", "embedding 3 dim=2", "pad 9 mode=reflect", "conv: {channels: 4, kernel: 9}",
)  # fmt: skip
_KINDS: dict[str, Callable[[str, Choices], str]] = {
    "misspelt": _misspelt,
    "other number": _other_number,
    "another layer": _another_layer,
    "less": _less,
}
