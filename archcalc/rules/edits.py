"""Edits of a spec's text that leave the rest as it is: another argument for a layer, or no layer.

Each returns None where the text is not of the plain form that can be spliced for certain.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

from archcalc.diagnostics import Edit, Source, Span
from archcalc.network.graph import Node
from archcalc.source import Mapping, Scalar, Sequence, parse
from archcalc.source import Node as Written

# What an edit may replace: any other word may mean something else in a variant or another call.
_LITERAL = r"\d+(\.\d+)?(x\d+)*|true|false|same"


def with_argument(node: Node, key: str, value: str) -> Edit | None:
    """`key=value` added to the layer, or `value` in the place of what the key had."""
    edits = with_arguments(node, {key: value})
    return edits[0] if edits else None


def with_arguments(node: Node, values: dict[str, str]) -> tuple[Edit, ...] | None:
    """The same for several keys. Only a number, a size or a word of YAML is replaced, not a name or an expression."""
    found = _entry(node.place)
    if found is None:
        return None
    written = found[0].items[found[1]]
    if isinstance(written, Scalar):
        return _in_line(node, written, values)
    arguments = written.pairs[0][1] if isinstance(written, Mapping) else None
    return _in_mapping(arguments, values) if isinstance(arguments, Mapping) and arguments.pairs else None


def _in_line(node: Node, line: Scalar, values: dict[str, str]) -> tuple[Edit, ...] | None:
    if line.quoted:
        return None
    edits, added = [], ""
    words = [(match.group(), match.span()) for match in re.finditer(r"\S+", line.text)]
    plain = not any(mark in line.text for mark in "'\"(")
    for key, value in values.items():
        first = node.layer is not None and type(node.layer).first == key and len(words) > 1 and "=" not in words[1][0]
        start = words[1][1][0] if first else line.text.find(f" {key}=") + len(f" {key}=")
        if not first and f" {key}=" not in line.text:
            added += f" {key}={value}"
            continue
        old = line.text[start:].split(" ")[0]
        if not plain or not re.fullmatch(_LITERAL, old):
            return None
        edits.append(Edit(line.part(start, start + len(old)), value))
    return (*edits, Edit(_end(line), added)) if added else tuple(edits)


def _in_mapping(arguments: Mapping, values: dict[str, str]) -> tuple[Edit, ...] | None:
    edits, added = [], []
    for key, value in values.items():
        old = next((old for name, old in arguments.pairs if name.text == key), None)
        if old is None:
            added.append(f"{key}: {value}")
        elif isinstance(old, Scalar) and not old.quoted and re.fullmatch(_LITERAL, old.text):
            edits.append(Edit(old, value))
        else:
            return None
    name, last = arguments.pairs[-1]
    if not added:
        return tuple(edits)
    if arguments.source.line(arguments.line)[arguments.column - 1 : arguments.column] != "{":
        before = arguments.source.line(name.line)[: name.column - 1]
        if before.strip():  # the only key, on the line of the layer's name
            return None
        lines = "".join(f"{one}\n{before}" for one in added)
        return (*edits, Edit(Span(name.source, name.line, name.column, name.line, name.column), lines))
    if arguments.line == arguments.end_line and isinstance(last, Scalar):
        return (*edits, Edit(_end(last), "".join(f", {one}" for one in added)))
    return None


def without_argument(node: Node, key: str) -> Edit | None:
    """The layer's line without `key=...`."""
    found = _entry(node.place)
    written = found[0].items[found[1]] if found else None
    if not isinstance(written, Scalar) or written.quoted or any(mark in written.text for mark in "'\"("):
        return None
    start = written.text.find(f" {key}=")
    if start < 0:
        return None
    end = written.text.find(" ", start + 1)
    return Edit(written.part(start, len(written.text) if end < 0 else end), "")


def without_layer(node: Node, unread: bool = False, final: bool = False) -> Edit | None:
    """The list without the layer.

    It must be a line that reads the one before it, without a name, and not the only one. One that
    is `unread`, as nothing reads its output, may have a name and read from elsewhere; what follows
    it must say what it reads, or there is nothing as it is the `final` one of the model.
    """
    found = _entry(node.place)
    if found is None:
        return None
    sequence, index = found
    written = sequence.items[index]
    if not isinstance(written, Scalar) or written.quoted or len(sequence.items) < 2:
        return None
    if not unread and (" name=" in written.text or " from=" in written.text):
        return None
    following = sequence.items[index + 1] if index + 1 < len(sequence.items) else None
    if unread and not (_says_input(following) if following else final):
        return None
    source = written.source
    if sequence.flow:
        before, after = (sequence.items[index - 1], written) if index else (written, sequence.items[1])
        ends = (before.end_line, before.end_column) if index else (written.line, written.column)
        stops = (written.end_line, written.end_column) if index else (after.line, after.column)
        return Edit(Span(source, *ends, *stops), "") if ends[0] == stops[0] else None
    if source.line(written.line).strip() != f"- {written.text}":
        return None
    return Edit(Span(source, written.line, 1, written.line + 1, 1), "")


def without_pair(key: Span) -> Edit | None:
    """The mapping without the key at `key` and its value; without the mapping, where it holds nothing else."""
    found = _pairs(key.source).get((key.line, key.column))
    if found is None:
        return None
    mapping, index, around = found
    name, value = mapping.pairs[index]
    if len(mapping.pairs) == 1:
        return without_pair(around) if around else None
    source = name.source
    if source.line(mapping.line)[mapping.column - 1 : mapping.column] == "{":
        before, after = (mapping.pairs[index - 1][1], value) if index else (name, mapping.pairs[1][0])
        ends = (before.end_line, before.end_column) if index else (name.line, name.column)
        stops = (value.end_line, value.end_column) if index else (after.line, after.column)
        return Edit(Span(source, *ends, *stops), "") if ends[0] == stops[0] else None
    if source.line(name.line)[: name.column - 1].strip():
        return None
    return Edit(Span(source, name.line, 1, _last_line(value) + 1, 1), "")


def _last_line(node: Written) -> int:
    """The last line that a value stands on; lists and mappings without brackets have no end of their own."""
    if isinstance(node, Sequence) and not node.flow and node.items:
        return _last_line(node.items[-1])
    if isinstance(node, Mapping) and node.pairs and node.source.line(node.line)[node.column - 1] != "{":
        return _last_line(node.pairs[-1][1])
    return node.end_line


def _says_input(written: Written) -> bool:
    """Whether a layer of a list reads what it names, wherever it stands."""
    if isinstance(written, Mapping) and written.pairs:
        return written.pairs[0][0].text in ("add", "sub", "mul", "concat", "matmul", "einsum")
    return isinstance(written, Scalar) and " from=" in written.text


def with_layer_before(place: Span, line: str) -> Edit | None:
    """The list with one more layer before the one at `place`, which must read the one before it."""
    found = _entry(place)
    if found is None:
        return None
    sequence, index = found
    written = sequence.items[index]
    text = written.text if isinstance(written, Scalar) else ""
    if isinstance(written, Sequence) or " from=" in text or (isinstance(written, Scalar) and written.quoted):
        return None
    start = Span(written.source, written.line, written.column, written.line, written.column)
    if sequence.flow:
        return Edit(start, f"{line}, ")
    indent = written.source.line(written.line)[: written.column - 1]
    return Edit(start, f"{line}\n{indent}") if indent.strip() == "-" else None


def swapped(first: Node, second: Node) -> tuple[Edit, ...] | None:
    """Two layers that follow each other in one list, in the other order. Neither may have a name or read from elsewhere."""
    places = [_entry(node.place) for node in (first, second)]
    if places[0] is None or places[1] is None:
        return None
    (sequence, index), (other, after) = places[0], places[1]
    lines = [sequence.items[index], other.items[after]]
    if sequence is not other or after != index + 1:
        return None
    texts = [line.text for line in lines if isinstance(line, Scalar) and not line.quoted]
    if len(texts) < 2 or any(key in text for text in texts for key in (" name=", " from=", " repeat=", " tie=")):
        return None
    return Edit(lines[0], texts[1]), Edit(lines[1], texts[0])


def written(node: Node, key: str) -> str | None:
    """What stands in the spec as the value of `key`; empty when nothing does, None where that cannot be told."""
    found = _entry(node.place)
    entry = found[0].items[found[1]] if found else None
    if isinstance(entry, Scalar):
        words = entry.text.split()
        if node.layer is not None and type(node.layer).first == key and len(words) > 1 and "=" not in words[1]:
            return words[1]
        return next((word.partition("=")[2] for word in words if word.startswith(f"{key}=")), "")
    arguments = entry.pairs[0][1] if isinstance(entry, Mapping) and entry.pairs else None
    if not isinstance(arguments, Mapping):
        return None
    value = next((value for name, value in arguments.pairs if name.text == key), None)
    return "" if value is None else value.text if isinstance(value, Scalar) else None


def _end(node: Written) -> Span:
    return Span(node.source, node.end_line, node.end_column, node.end_line, node.end_column)


def _entry(place: Span) -> tuple[Sequence, int] | None:
    """The list that the layer at `place` stands in, and its number there."""
    return _entries(place.source).get((place.line, place.column))


@lru_cache(maxsize=4)
def said(source: Source) -> Counter[str]:
    """How often each word stands in the text, a name of a layer among them."""
    return Counter(re.findall(r"\w+", source.text))


@lru_cache(maxsize=4)
def _entries(source: Source) -> dict[tuple[int, int], tuple[Sequence, int]]:
    found = {}
    for sequence in _sequences(parse(source)):
        for index, item in enumerate(sequence.items):
            start = item.pairs[0][0] if isinstance(item, Mapping) and item.pairs else item
            if not isinstance(item, Sequence):
                found[start.line, start.column] = sequence, index
    return found


@lru_cache(maxsize=4)
def _pairs(source: Source) -> dict[tuple[int, int], tuple[Mapping, int, Scalar | None]]:
    """Of every key its mapping, its number there, and the key that the mapping is the value of."""
    found: dict[tuple[int, int], tuple[Mapping, int, Scalar | None]] = {}
    pending: list[tuple[Written, Scalar | None]] = [(parse(source), None)]
    while pending:
        node, around = pending.pop()
        if isinstance(node, Sequence):
            pending += [(item, None) for item in node.items]
        elif isinstance(node, Mapping):
            for index, (key, value) in enumerate(node.pairs):
                found[key.line, key.column] = node, index, around
                pending.append((value, key))
    return found


def _sequences(node: Written) -> Iterator[Sequence]:
    if isinstance(node, Sequence):
        yield node
        for item in node.items:
            yield from _sequences(item)
    elif isinstance(node, Mapping):
        for _, value in node.pairs:
            yield from _sequences(value)
