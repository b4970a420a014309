"""Lines that give a layer or a block its values as Python would: by position, in brackets, or twice."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Sequence

from archcalc.advice import deleted, either, written
from archcalc.diagnostics import Advice, Edit, Fix, Span, SpecError
from archcalc.language.edits import entry
from archcalc.language.items import COMMON, Item
from archcalc.layers import REGISTRY
from archcalc.layers.arguments import Argument, Size, Text
from archcalc.layers.operands import Body, Operands, Reference
from archcalc.source import Node, Scalar, parse
from archcalc.source import Sequence as NodeList
from archcalc.spelling.bare import readable, said_by
from archcalc.spelling.convert import from_python
from archcalc.spelling.names import meaning
from archcalc.spelling.values import UnwritableError, expression, word

# The most words of a layer's name, as of `adaptive avg pool` and `multi head self attention`.
_MOST_WORDS = 4
_SIZE = r"-?\d+(x-?\d+)+\Z"


def advice_on_layer(item: Item, known: Collection[str], otherwise: str) -> str | Advice:
    """How to write the line of a layer whose values stand without their keys, or twice.

    Args:
        known: names of hparams, dims and arguments of the block, which a value may use.
        otherwise: what to say if nothing of it can be read.
    """
    if (whole := in_one_word(item.op)) is not None:
        return whole
    inner = _in_brackets(item, [*([item.first] if item.first else []), *item.more]) or _in_quotes(item)
    if inner:
        return inner
    keys = [(key, key.text, value.text) for key, value in item.keys if isinstance(value, Scalar)]
    layer = REGISTRY.get(item.op.text)
    if layer is None or len(keys) < len(item.keys):
        return otherwise
    said = said_by(layer, item, known)
    values = [*said.plain, *said.unclear]
    values.sort(key=_place)
    keys = sorted([*said.keys, *keys], key=lambda one: _place(one[0]))
    told = [value.text for value in values]
    if said.keys and len(told) <= 1 and len({name for _, name, _ in keys}) == len(keys):
        readings = [" ".join((item.op.text, *told, *(f"{name}={value}" for _, name, value in keys)))]
    else:
        arguments = [*map(_in_python, told), *(f"{name}={_in_python(value)}" for _, name, value in keys)]
        readings = from_python(f"{item.op.text}({', '.join(arguments)})").readings
    if not readings and isinstance(layer.arguments.get(layer.first or ""), Size) and not keys:
        readings = [f"{layer.op} {'x'.join(told)}"] if all(re.fullmatch(r"-?\d+", one) for one in told) else []
    readings = [one for one in readings if readable(layer, item.op, one, known)]
    common = "".join(f" {key}={item.common[key].text}" for key in COMMON if key in item.common)
    lines = [f"{reading}{common}" for reading in readings if not common or reading[0] not in "[{"]
    line = line_of(item.op)
    return either(lines, [written(line, text) if isinstance(line, Scalar) else None for text in lines], otherwise)


def one_of_two(item: Item, argument: Argument, key: Scalar, value: Node, known: Collection[str]) -> str | Advice:
    """Which of two values of an argument to keep: the later one, unless it cannot be read."""
    if item.first is None:
        return "delete one of them"
    if isinstance(value, Scalar) and not isinstance(argument, Reference):
        try:
            argument.parse(value, known)
        except SpecError:
            return deleted(Span(key.source, key.line, key.column, value.end_line, value.end_column))
    return advice_on_layer(item, known, "delete one of them")


def _place(word: Scalar) -> tuple[int, int]:
    return word.line, word.column


def line_of(op: Scalar) -> Node | None:
    """What the layer of this name is written as: an entry of a list, or all there is, as on the command line."""
    found = entry(op)
    if found is not None:
        return found[0].items[found[1]]
    whole = parse(op.source)
    return whole if isinstance(whole, Scalar) and (whole.line, whole.column) == (op.line, op.column) else None


def in_one_word(op: Scalar) -> Advice | None:
    """A layer whose name stands in several words, `max pool 2` or `multi head attention heads=8`; None for others."""
    line = line_of(op)
    if not isinstance(line, Scalar):
        return None
    words = line.text.split()
    named = next((at for at, one in enumerate(words) if not one.isalpha()), len(words))
    for count in range(min(named, _MOST_WORDS), 1, -1):
        said = meaning("".join(words[:count]))
        if said is not None and not said.layer:
            return Advice(said.sentence)
        if said is not None and said.layer and not said.keys:
            text = " ".join((said.layer, *words[count:]))
            return Advice(f"write `{text}`", written(line, text))
    return None


def _in_brackets(item: Item, values: Sequence[Scalar]) -> Advice | None:
    """A layer of layers or of names, whose list follows it as words: `add a b`, `residual conv 8 kernel=3`."""
    layer = REGISTRY.get(item.op.text)
    argument = layer.arguments[layer.first] if layer and layer.first else None
    if not isinstance(argument, (Body, Operands)):
        return None
    line = line_of(item.op)
    told = ", ".join(value.text for value in values)
    if isinstance(argument, Body) and isinstance(line, Scalar):
        told = line.text[len(item.op.text) :].strip()
    text = f"{item.op.text}: [{told}]"
    return Advice(f"write `{text}`", written(line, text) if isinstance(line, Scalar) and not item.common else None)


def _in_quotes(item: Item) -> Advice | None:
    """A layer whose first value is a string with spaces: `rearrange c h w -> h w c`."""
    layer = REGISTRY.get(item.op.text)
    line = line_of(item.op)
    if not layer or type(layer.arguments.get(layer.first or "")) is not Text or not isinstance(line, Scalar):
        return None
    rest = re.fullmatch(r"(.*?)((?:\s+[A-Za-z_]\w*=\S+)*)", line.text[len(item.op.text) :].strip())
    if rest is None or "'" in rest[1] or line.quoted:
        return None
    text = f"{item.op.text} '{rest[1]}'{rest[2]}"
    return Advice(f"write `{text}`", written(line, text))


def _in_python(text: str) -> str:
    return f"({text.replace('x', ', ')})" if re.match(_SIZE, text) else text


def advice_on_block(item: Item, parameters: Sequence[str]) -> str | Advice:
    """How to call a block whose arguments stand without their names."""
    given = {key.text for key, _ in item.keys}
    free = [name for name in parameters[1:] if name not in given]
    if len(free) < len(item.more):
        most = f"takes at most {len(parameters)}: {', '.join(parameters)}" if parameters else "takes none"
        return f"it {most}"
    names = list(zip(free, item.more))
    edits = tuple(Edit(Span(w.source, w.line, w.column, w.line, w.column), f"{name}=") for name, w in names)
    told = " ".join(f"{name}={w.text}" for name, w in names)
    return Advice(f"write `{told}`", Fix(f"write `{told}`", edits))


def called(text: str, parameters: Sequence[str]) -> str | None:
    """A block called like a Python function, `unit(64, stride=2)`, as a line; None if that is impossible."""
    node = expression(text)
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or len(node.args) > len(parameters):
        return None
    try:
        values = [word(arg) for arg in node.args]
        keys = [f"{keyword.arg}={word(keyword.value)}" for keyword in node.keywords if keyword.arg]
    except UnwritableError:
        return None
    return " ".join((node.func.id, *values[:1], *(f"{p}={v}" for p, v in zip(parameters[1:], values[1:])), *keys))


def listed_values(op: Scalar, body: NodeList, otherwise: str) -> Advice | str:
    """A layer whose values stand in a list, `conv: [64, 3]`."""
    values = [_in_python(one.text) for one in body.items if isinstance(one, Scalar)]
    readings = from_python(f"{op.text}({', '.join(values)})").readings if len(values) == len(body.items) else []
    place = Span(op.source, op.line, op.column, body.end_line, body.end_column)
    return either(readings, [written(place, line) for line in readings], otherwise)


def listed(op: Scalar, body: NodeList, parameters: Sequence[str]) -> Advice | str:
    """A block whose arguments stand in a list, `unit: [64, 2]`."""
    values = [one.text for one in body.items if isinstance(one, Scalar)]
    if len(values) < len(body.items) or len(values) > len(parameters):
        return "give its arguments by name"
    line = " ".join((op.text, *values[:1], *(f"{p}={v}" for p, v in zip(parameters[1:], values[1:]))))
    place = Span(op.source, op.line, op.column, body.end_line, body.end_column)
    return Advice(f"write `{line}`", written(place, line))
