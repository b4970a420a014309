"""Words of a line that are keys written otherwise: `bidirectional`, `nobias`, `stride 2`, `8 heads`, `k3`, `kernel:3`."""

from __future__ import annotations

import re
from collections.abc import Collection

from archcalc.advice import nearest
from archcalc.diagnostics import Findings, SpecError
from archcalc.language.items import Item, parse_line
from archcalc.language.values import NONE
from archcalc.layers.arguments import Argument, Flag, Word
from archcalc.layers.base import Layer
from archcalc.layers.operands import Body, Operands, Reference
from archcalc.source import Scalar
from archcalc.spelling.keys import COUNTED, SHORT

_NOT = ("no", "not", "without")
_VALUE = r"-?[\d.]+(x-?\d+)*\Z"


class Said:
    """What the unnamed values of a line say: `plain` ones, and keys with their values, each by its place in the line.

    `unclear` are words that are neither: no number, no name of a value, no key.
    """

    __slots__ = ("keys", "plain", "unclear")

    def __init__(self) -> None:
        self.plain: list[Scalar] = []
        self.keys: list[tuple[Scalar, str, str]] = []
        self.unclear: list[Scalar] = []


def said_by(layer: type[Layer], item: Item, known: Collection[str]) -> Said:
    """Read the values of a line that have no `key=`; `known` are the names of hparams, dims and arguments."""
    said = Said()
    words = [*([item.first] if item.first else []), *item.more]
    named = {
        alias: one for one in layer.arguments.values() for alias in (one.name, *one.aliases) if alias not in COUNTED
    }
    waiting: tuple[Scalar, Argument] | None = None  # a key whose value is the next word
    denied = False
    for word in words:
        text = word.text
        if waiting is not None and (re.match(_VALUE, text) or text in known):
            said.keys.append((waiting[0], waiting[1].name, text))
            waiting = None
        elif re.match(_VALUE, text) or text in known:
            said.plain.append(word)
        elif text in _NOT:
            denied = True
            continue
        elif (found := _key(layer, named, text)) is None:
            said.unclear.append(word)
        elif found[1] or isinstance(found[0], Flag):
            said.keys.append((word, found[0].name, "false" if denied else found[1] or "true"))
        elif waiting is None:
            waiting = word, found[0]
        else:
            said.unclear.append(word)
        denied = False
    if waiting is not None:  # the number before it: `8 heads`
        before = [one for one in said.plain if (one.line, one.column) < (waiting[0].line, waiting[0].column)]
        if before:
            said.plain.remove(before[-1])
            said.keys.append((before[-1], waiting[1].name, before[-1].text))
        else:
            said.unclear.append(waiting[0])
    return said


def _key(layer: type[Layer], named: dict[str, Argument], text: str) -> tuple[Argument, str] | None:
    """The argument that a word names, and the value in it, which may be empty."""
    if text in named:
        return named[text], ""
    taking = [one for one in layer.arguments.values() if text in (one.choices if isinstance(one, Word) else one.words)]
    if len(taking) == 1:  # `bilinear` can only be the mode
        return taking[0], text
    without = re.fullmatch(r"(?:no|without)[_-]?([A-Za-z_]\w*)", text)
    if without and isinstance(named.get(without[1]), Flag):
        return named[without[1]], "false"
    pair = re.fullmatch(r"([A-Za-z_]+)(:?)(\S+)", text)
    if pair and pair[2] and pair[1] in named:
        return named[pair[1]], pair[3]
    short = re.fullmatch(r"([a-z]+)(\d+(?:x\d+)*)", text)
    if short and (argument := named.get(SHORT.get(short[1], short[1]))) is not None:
        return argument, short[2]
    near = nearest(text, list(layer.arguments)) if text.isidentifier() else []
    return (layer.arguments[near[0]], "") if len(near) == 1 else None


def readable(layer: type[Layer], op: Scalar, line: str, known: Collection[str]) -> bool:
    """Whether every value of a line, written where `op` stands, fits its key: then it may be offered."""
    item = parse_line(Scalar(line, op.source, op.line, op.column, op.line, op.column + len(line)), Findings())
    if item is None or item.op.text != layer.op:
        return True  # another layer's, or a list of layers
    given = [(layer.arguments.get(layer.first or ""), item.first)] if item.first else []
    given += [(layer.arguments.get(key.text), value) for key, value in item.keys if isinstance(value, Scalar)]
    for argument, value in given:
        if argument is None or value is None or isinstance(argument, (Reference, Body, Operands)):
            continue
        if value.text == str(NONE) and not argument.required:
            continue
        try:
            argument.parse(value, known)
        except SpecError:
            return False
    return True
