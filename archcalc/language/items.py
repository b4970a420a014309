"""One entry of a list of layers: a line, a list, or a mapping, as an `Item`.

The grammar is the same for all layers and knows none of them: which layers and keys exist is
checked later (`archcalc.network.resolve`).
"""

from __future__ import annotations

import re

from archcalc.advice import instead, meant
from archcalc.diagnostics import Advice, Findings, Span
from archcalc.language.hints import (
    beside_a_loop,
    cut_line,
    in_one_line,
    indented,
    is_python,
    is_row,
    joined,
    named_by_key,
    one_word,
    open_brackets,
    spaced,
    two_layers,
    whole_pairs,
)
from archcalc.source import Mapping, Node, Scalar, Sequence

COMMON = ("name", "from", "repeat", "tie", "frozen", "cache")
# Loops over the entries of a tensor: the tensor is the value, next to `layers:` and these keys.
LOOPS: dict[str, tuple[str, ...]] = {"each": (), "scan": ("state", "next", "reverse")}
# Keys next to a loop's list: what is passed from copy to copy.
CARRIED = ("state", "next")
# Keys that name a layer's type in other formats.
_NAMES_A_LAYER = ("type", "op", "layer", "class", "class_name", "_target_", "module")
_PIECE = r"""\s+|'[^']*'?|"[^"]*"?|[()\[\]]|[^\s'"()\[\]]+"""
_KEY = re.compile(r"([A-Za-z_]\w*)=")
# Nearly every line: a name, a value without a key, and keys; nothing in quotes or brackets.
_PLAIN = re.compile(r"""([^\s=,()\[\]'"]+)(?:\s+([^\s=,()\[\]'"]+))?((?:\s+[A-Za-z_]\w*=[^\s=,()\[\]'"]+)*)""")
_PAIR = re.compile(r"(\w+)=(\S+)")


class Item:
    """A layer as written: its name, unnamed value, keys, and common keys.

    `body` is the list in `{op: [...]}`. `common` holds name, from, repeat, tie, frozen and cache; `loop` the variables of a repeat
    that is not just a number. `carried` has the mappings `state` and `next` of a loop, `over` the tensors that an `each` or
    `scan` iterates over, and `reverse` whether it starts from the last entry. `incomplete`: a key was dropped because its
    value is invalid, so it must not be reported as missing.

    Some errors are reported later, where layers are known: `more` are additional values without a key, and
    `unread` is a line of Python, a row of another format, a value after `op:`, or a mapping with a key beside a list of layers.
    """

    __slots__ = (
        "body",
        "carried",
        "common",
        "first",
        "incomplete",
        "keys",
        "loop",
        "more",
        "op",
        "over",
        "reverse",
        "unread",
    )

    def __init__(self, op: Scalar) -> None:
        self.op = op
        self.first: Scalar | None = None
        self.more: list[Scalar] = []
        self.keys: list[tuple[Scalar, Node]] = []
        self.body: Sequence | None = None
        self.common: dict[str, Scalar] = {}
        self.loop: tuple[Scalar, Mapping] | None = None
        self.carried: dict[str, tuple[Scalar, Mapping]] = {}
        self.incomplete = False
        self.over: Node | None = None
        self.reverse: Scalar | None = None
        self.unread: Node | None = None


def parse_items(node: Node, findings: Findings) -> list[Item]:
    """All items of a list of layers, with inner lists flattened. Errors go to `findings`."""
    items: list[Item] = []
    if isinstance(node, Sequence):
        _sequence(node, findings, items)
    elif item := _item(node, findings):
        items.append(item)
    return items


def _sequence(node: Sequence, findings: Findings, items: list[Item]) -> None:
    cut: list[Scalar] = []  # parts of a line that was split at a comma in parentheses
    depth = 0
    for index, entry in enumerate(node.items):
        if isinstance(entry, Sequence):
            if is_row(entry):
                items.append(_unread(entry.items[2], entry))
            else:
                _sequence(entry, findings, items)
            continue
        if node.flow and isinstance(entry, Scalar):
            brackets = open_brackets(entry)
            if depth or brackets > 0:
                cut.append(entry)
                depth = max(0, depth + brackets)
                if not depth:
                    _cut(cut, findings, items)
                    cut = []
                continue
        if node.flow and index and isinstance(entry, Scalar) and _KEY.match(entry.text):
            before = node.items[index - 1]
            findings.error(
                "SPC010", f"inside [ ] a comma ends the layer before `{entry.text}`", entry, spaced(before, entry)
            )
            continue
        if item := _item(entry, findings):
            items.append(item)
    if cut:
        _cut(cut, findings, items)


def _cut(entries: list[Scalar], findings: Findings, items: list[Item]) -> None:
    """The parts of a line that was split at a comma in parentheses."""
    whole = joined(entries)
    if is_python(whole.text):
        items.append(_python(whole))
    else:
        cut_line(entries, findings)


def _item(node: Node, findings: Findings) -> Item | None:
    if isinstance(node, Mapping):
        return _mapping(node, findings)
    assert isinstance(node, Scalar)
    return parse_line(node, findings)


def _words(line: Scalar) -> list[Scalar]:
    """The words of a line; quotes and brackets hold a word together, to the end if they stay open."""
    text = line.text
    words = []
    start, depth = -1, 0
    for piece in re.finditer(_PIECE, text):
        mark = piece.group()[0]
        if mark.isspace() and not depth:
            if start >= 0:
                words.append(line.part(start, piece.start()))
            start = -1
            continue
        depth = max(0, depth + (mark in "([") - (mark in ")]"))
        start = piece.start() if start < 0 else start
    return words if start < 0 else [*words, line.part(start, len(text))]


def parse_line(line: Scalar, findings: Findings) -> Item | None:
    """`conv 64 kernel=3 name=stem` as an item; None after an error."""
    if plain := _PLAIN.fullmatch(line.text):
        item = Item(line.part(*plain.span(1)))
        item.first = line.part(*plain.span(2)) if plain.group(2) else None
        for pair in _PAIR.finditer(line.text, plain.start(3)):
            _add_key(item, line.part(*pair.span(1)), line.part(*pair.span(2)), findings)
        return item
    words = _words(line)
    if not words:
        findings.error(
            "SPC010", "an empty entry: a layer is missing here", line, "write a layer, or leave the entry out"
        )
        return None
    op = words[0]
    if "," in line.text and (comma := next((word for word in words if word.text[-1] == ","), None)):
        message = f"separate the words of a line by spaces, not commas: `{comma.text}`"
        findings.error("SPC010", message, comma, instead(line, " ".join(word.text.rstrip(",") for word in words)))
        return None
    if "(" in op.text or "=" in op.text:
        return _not_a_layer(line, op, findings)
    item = Item(op)
    for word, after in zip(words[1:], [*words[2:], op]):
        key = _KEY.match(word.text)
        if not key:
            is_spaced = word.text.startswith("=") or after.text.startswith("=")
            if (is_spaced or item.first is not None) and is_python(line.text):
                return _python(line)
            if is_spaced:
                place = word if word.text.startswith("=") else after
                help = instead(line, re.sub(r"\s*=\s*", "=", line.text))
                findings.error("SPC010", "`=` must not have spaces around it", place, help)
                return None
            if item.first is not None:
                item.more.append(_unquote(word, findings))
            else:
                item.first = _unquote(word, findings)
            continue
        name = word.part(0, key.end() - 1)
        if key.end() == len(word.text):
            findings.error("SPC010", f"`{name.text}=` has no value", word, f"write {name.text}=VALUE, without spaces")
            return None
        _add_key(item, name, _unquote(word.part(key.end(), len(word.text)), findings), findings)
    return item


def _not_a_layer(line: Scalar, op: Scalar, findings: Findings) -> Item | None:
    """A line whose first word `op` is not a name."""
    if is_python(line.text):
        return _python(line)
    words = line.text.split()
    name = next((index for index, word in enumerate(words) if "=" not in word), 0)
    moved = [*words[name : name + 1], *words[name + 1 :], *words[:name]]
    help = instead(line, " ".join(moved)) if name else "e.g. `conv 64 kernel=3`"
    findings.error("SPC010", f"a layer starts with its name, not `{op.text}`", op, help)
    return None


def _python(line: Scalar) -> Item:
    end = re.match(r"[^\s(=]*", line.text)
    return _unread(line.part(0, end.end() if end else 0), line)


def _unread(op: Node, whole: Node) -> Item:
    assert isinstance(op, Scalar)
    item = Item(op)
    item.unread = whole
    return item


def _unquote(word: Scalar, findings: Findings) -> Scalar:
    text = word.text
    if text[0] in "'\"":
        if len(text) < 2 or text[-1] != text[0]:
            findings.error("SPC010", f"the quote {text[0]} is not closed", word, "close it on the same line")
            return word
        inner = word.part(1, len(text) - 1)
        inner.column, inner.quoted = word.column, True
        inner.end_column = word.end_column
        return inner
    return word


def _add_key(item: Item, name: Scalar, value: Node, findings: Findings) -> None:
    text = name.text
    if text in item.common or text in [key.text for key, _ in item.keys]:
        findings.error("SPC006", f"duplicate key `{text}`", name, "give each key once")
    elif text in COMMON:
        if isinstance(value, Scalar):
            item.common[text] = value
        elif text == "repeat" and isinstance(value, Mapping):
            item.loop = name, value
        else:
            findings.error("SPC010", f"`{text}` takes one word or number", value, one_word(text))
    else:
        item.keys.append((name, value))


def _mapping(node: Mapping, findings: Findings) -> Item | None:
    layers = [(key, value) for key, value in node.pairs if key.text not in COMMON]
    is_loop = any(key.text == "layers" for key, _ in layers)
    carried = [pair for pair in layers if is_loop and pair[0].text in CARRIED]
    layers = [pair for pair in layers if not is_loop or pair[0].text not in CARRIED]
    repeat = next((key for key, _ in node.pairs if key.text == "repeat"), None)
    if not layers:
        findings.error("SPC010", "no layer here", node, "an entry is `repeat: N` with `layers: [...]`, or `op: {...}`")
        return None
    op, value = layers[0]
    if op.text in LOOPS and not _is_empty(value) and (loop := _loop(op, value, node, findings)) is not None:
        return loop if loop.op is op else None
    if _is_empty(value):
        colon = _with_colon(op)
        whole = Span(op.source, op.line, op.column, colon.end_line, colon.end_column)
        under = [pair for pair in node.pairs if pair[0] is not op and pair[0].text not in COMMON]
        help: str | Advice = instead(whole, f"{op.text}: {{}}")
        if len(node.pairs) == 1 or under:
            help = indented("indent its keys under it", under) if under else instead(whole, op.text)
        findings.error("SPC010", f"`{op.text}:` has no value", colon, in_one_line(op) or help)
        return None
    if op.text in _NAMES_A_LAYER and isinstance(value, Scalar):
        help = named_by_key(op, value, [pair for pair in node.pairs if pair[0] is not op])
        findings.error("SPC010", f"`{op.text}:` names no layer here", op, help)
        return None
    if len(layers) > 1:
        other, beside = layers[1]
        if other.text == "layers" and isinstance(value, Scalar) and op.text not in LOOPS:  # `repeats: 3`
            op, value, other, beside = other, beside, op, value
        near = meant(other, other.text, COMMON) if isinstance(beside, Scalar) else None
        if near:
            findings.error("SPC003", f"`{other.text}` is not a key next to `{op.text}:`", other, near)
            return None
        is_value = isinstance(beside, Sequence) or (isinstance(beside, Scalar) and beside.text)
        if len(layers) == 2 and isinstance(value, Sequence) and is_value:
            return _unread(op, node)
        message, help = two_layers(op, value, other)
        findings.error("SPC010", message, other, help)
        return None
    if op.text == "layers":
        if repeat is None:
            help = "add `repeat: N`, or list the layers themselves"
            findings.error("SPC010", "`layers:` needs `repeat:` next to it", op, help)
            return None
        item = Item(repeat)
        item.keys = [(op, value)]
        _carry(item, carried, findings)
    else:
        item = Item(op)
        if not _fill(item, value, findings):
            return None
    _beside(item, node, findings)
    return item


def _loop(op: Scalar, value: Node, node: Mapping, findings: Findings) -> Item | None:
    """A loop over the entries of a tensor; None if it is written differently, an empty item after an error."""
    pairs = {key.text: (key, inner) for key, inner in node.pairs if key.text not in (*COMMON, op.text)}
    item = Item(op)
    if "layers" not in pairs and isinstance(value, Scalar) and value.text:
        example = f"e.g. {{{op.text}: {value.text}, layers: [...]}}"
        findings.error("SPC004", f"`{op.text}: {value.text}` needs `layers:` next to it", op, example)
        return Item(value)
    if "layers" not in pairs:
        return None
    if stray := next((key for text, (key, _) in pairs.items() if text not in ("layers", *CARRIED, "reverse")), None):
        beside_a_loop(op, stray, [*COMMON, "layers", *LOOPS[op.text]], findings)
        return Item(stray)
    for key in (*CARRIED, "reverse"):
        if key in pairs and key not in LOOPS[op.text]:
            help = "use `scan` to pass states from step to step; `each` treats every entry independently"
            findings.error("SPC003", f"`{op.text}` has no key `{key}`", pairs[key][0], help)
            return Item(pairs[key][0])
    item.over, item.keys = value, [pairs["layers"]]
    _carry(item, [pairs[key] for key in CARRIED if key in pairs], findings)
    if "reverse" in pairs:
        place, reverse = pairs["reverse"]
        if isinstance(reverse, Scalar) and not _is_empty(reverse):
            item.reverse = reverse
        else:
            findings.error("SPC010", "`reverse:` must be true or false", place, "write one, or delete the key")
    _beside(item, node, findings)
    return item


def _beside(item: Item, node: Mapping, findings: Findings) -> None:
    """The keys common to all layers."""
    for key, common in node.pairs:
        if key.text in COMMON:
            if _is_empty(common):
                findings.error(
                    "SPC010", f"`{key.text}:` has no value", _with_colon(key), "write a value, or delete the key"
                )
            else:
                _add_key(item, key, common, findings)


def _carry(item: Item, carried: list[tuple[Scalar, Node]], findings: Findings) -> None:
    """The two mappings next to the layers that say what is passed from copy to copy."""
    examples = {"state": "e.g. {p3: c3}, or {z: [64]} for zeros", "next": "e.g. {p3: n.n3}, with layers of the body"}
    for key, node in carried:
        if isinstance(node, Mapping):
            item.carried[key.text] = key, node
        else:
            item.incomplete = True
            findings.error("SPC010", f"`{key.text}:` takes a mapping of names", node, examples[key.text])


def _fill(item: Item, value: Node, findings: Findings) -> bool:
    op = item.op.text
    if isinstance(value, Sequence):
        item.body = value
    elif isinstance(value, Mapping):
        pairs = whole_pairs(value.pairs, findings)
        item.incomplete = len(pairs) < len(value.pairs)
        for key, inner in pairs:
            if key.text in COMMON:
                findings.error(
                    "SPC010", f"`{key.text}` belongs next to `{op}:`, not inside it", key, f"indent it like `{op}:`"
                )
            elif _is_empty(inner):
                item.incomplete = True
                findings.error(
                    "SPC010", f"`{key.text}:` has no value", _with_colon(key), "write a value, or delete the key"
                )
            else:
                _add_key(item, key, inner, findings)
    elif " " in op:
        whole = Span(value.source, item.op.line, item.op.column, value.end_line, value.end_column)
        help = "a key has one value" if "=" in op.split()[-1] else instead(whole, f"{op}={value.text}")
        findings.error("SPC010", f"the keys of a line are written key=value, not `{op}: {value.text}`", value, help)
        return False
    else:
        item.unread = value
    return True


def _is_empty(node: Node) -> bool:
    return isinstance(node, Scalar) and not node.text and not node.quoted


def _with_colon(key: Scalar) -> Scalar:
    return Scalar(key.text, key.source, key.line, key.column, key.end_line, key.end_column + 1)
