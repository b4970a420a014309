"""Ways to spoil a text: its bytes, tokens, words, numbers, lines and structure."""

from __future__ import annotations

import contextlib
import copy
import json
import random
import re
from collections.abc import Iterator
from typing import Any

from archcalc.layers.base import REGISTRY
from tests.outcome import NUMBERS

WORDS = [
    "- ", ": ", ", ", "[", "]", "{", "}", "(", ")", "'", '"', "=", "#", " #", "&a ", "*a", "!t ", "|", ">", "?", "@", "%",
    "---\n", "...\n", "\n", "\t", "  ", "\r", "\\", "<<: ", "~", "null", "*", "**", "//", "x", "->", ".", "prev", "input",
    "cin", "repeat", "layers:", "blocks:", "residual:", "concat:", "add:", "name=a", "from=prev", "from=input", "tie=a",
    "repeat=2", "repeat=1000000", "conv 8 kernel=3", "linear 4", "relu", "flatten", "lstm 3", "attention 2", "split 2",
    "embedding 9 dim=4", "transpose", "kernel", "width", "stem", "min", "max(", "round8(", "é", "😀", "\u2028", "\x85",
]  # fmt: skip
# What an item can be put into.
_AROUND = (
    "{{repeat: 3, layers: [{0}]}}",
    "{{residual: [{0}]}}",
    "{{concat: [[{0}], [{0}]]}}",
    "[{0}, {0}]",
    "{{add: [prev, [{0}]]}}",
)
TOKEN = re.compile(r"\w+|\s+|[^\w\s]")


def mutate_bytes(text: str, draw: random.Random) -> str:
    data = bytearray(text.encode("utf-8", "surrogateescape"))
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(data) + 1)
        data[at : at + draw.randint(0, 3)] = bytes(draw.randrange(256) for _ in range(draw.randint(0, 3)))
    return bytes(data).decode("latin-1" if draw.random() < 0.1 else "utf-8", "surrogateescape")


def mutate_tokens(text: str, draw: random.Random) -> str:
    tokens = TOKEN.findall(text)
    for _ in range(draw.randint(1, 3)):
        if not tokens:
            return text
        at, other = draw.randrange(len(tokens)), draw.randrange(len(tokens))
        kind = draw.randrange(4)
        if kind == 0:
            tokens[at], tokens[other] = tokens[other], tokens[at]
        elif kind == 1:
            del tokens[at]
        elif kind == 2:
            tokens.insert(at, tokens[other])
        else:
            tokens.insert(at, draw.choice(WORDS))
    return "".join(tokens)


def mutate_words(text: str, draw: random.Random) -> str:
    """A word in the place of another: still YAML, so that it gets further."""
    words = list(re.finditer(r"[\w.]+", text))
    for match in sorted(draw.sample(words, min(len(words), draw.randint(1, 3))), key=lambda m: -m.start()):
        other = draw.choice([draw.choice(words).group(), draw.choice(sorted(REGISTRY)), draw.choice(NUMBERS)])
        text = text[: match.start()] + other + text[match.end() :]
    return text


def mutate_numbers(text: str, draw: random.Random) -> str:
    numbers = list(re.finditer(r"\d[\d.]*", text))
    for match in sorted(draw.sample(numbers, min(len(numbers), draw.randint(1, 3))), key=lambda m: -m.start()):
        text = text[: match.start()] + draw.choice(NUMBERS) + text[match.end() :]
    return text


def mutate_lines(text: str, draw: random.Random) -> str:
    lines = text.split("\n")
    for _ in range(draw.randint(1, 3)):
        at, other = draw.randrange(len(lines)), draw.randrange(len(lines))
        kind = draw.randrange(5)
        if kind == 0:
            lines[at], lines[other] = lines[other], lines[at]
        elif kind == 1 and len(lines) > 1:
            del lines[at]
        elif kind == 2:
            lines.insert(at, lines[other])
        elif kind == 3:
            lines[at] = " " * draw.randint(0, 8) + lines[at].lstrip()
        else:
            lines = lines[:at] + lines[other : other + 3] + lines[at:]
    return "\n".join(lines)


def mutate_structure(text: str, draw: random.Random) -> str:
    """An item of a list doubled, deleted, moved or put into another one: mostly still a spec."""
    lines = text.split("\n")
    items = [_item(lines, at) for at, line in enumerate(lines) if re.match(r" *- ", line)]
    if not items:
        return text
    start, end = draw.choice(items)
    item = lines[start:end]
    kind = draw.randrange(5)
    if kind == 0:
        lines[end:end] = item
    elif kind == 1:
        del lines[start:end]
    elif kind == 2:
        to = draw.choice(items)[0]
        indent = len(lines[to]) - len(lines[to].lstrip())
        own = len(item[0]) - len(item[0].lstrip())
        lines[to:to] = [" " * indent + line[own:] for line in item]
    elif len(item) == 1:  # it stands on one line
        before, _, line = item[0].partition("- ")
        inner = line if ": " not in line or line[:1] in "[{" else f"{{{line}}}"
        lines[start] = f"{before}- {draw.choice(_AROUND).format(inner)}"
    return "\n".join(lines)


def _item(lines: list[str], at: int) -> tuple[int, int]:
    """Where an item of a list begins and ends: with the next line that is not indented further."""
    indent = len(lines[at]) - len(lines[at].lstrip())
    end = at + 1
    while end < len(lines) and len(lines[end]) - len(lines[end].lstrip()) > indent:
        end += 1
    return at, end


_JSON = [
    None,
    True,
    0,
    -1,
    1.5,
    10**400,
    float("inf"),
    float("nan"),
    "",
    "x",
    "\x1b[2J",
    "\n::error::x",
    "##[error]x",
    [],
    {},
    [[1]],
    {"a": {}},
    "9" * 30,
    10**25,
]


def mutate_json(text: str, draw: random.Random) -> str:
    """A value of a JSON document taken away, put elsewhere or replaced by one of another kind."""
    try:
        document = json.loads(text)
    except ValueError:
        return text
    for _ in range(draw.choice((1, 1, 2, 4))):
        places = [*_places(document)]
        if not places:
            break
        holder, key = draw.choice(places)
        kind = draw.randrange(4)
        if kind == 0:
            del holder[key]
        elif kind == 1:
            other, at = draw.choice(places)
            with contextlib.suppress(LookupError, TypeError):
                holder[key] = copy.deepcopy(other[at])
        else:
            holder[key] = copy.deepcopy(draw.choice(_JSON))  # a case must not change what later ones draw
    return json.dumps(document)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every value in a document, as what holds it and where."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in [*entries][:40]:
        yield value, key
        yield from _places(inner)


MUTATIONS = [mutate_bytes, mutate_tokens, mutate_words, mutate_words, mutate_numbers, mutate_numbers, mutate_lines,
             mutate_structure, mutate_structure, mutate_structure]  # fmt: skip
