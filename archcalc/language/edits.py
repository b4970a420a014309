"""Edits of a spec's text at places of its tree, which leave the rest as it is.

Each is None where the text is not of the plain form that can be spliced for certain.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

from archcalc.diagnostics import Edit, Source, Span
from archcalc.source import Mapping, Node, Scalar, Sequence, parse


def without_pair(key: Span) -> Edit | None:
    """The mapping without the key at `key` and its value; without the mapping, where it holds nothing else.

    Copies that go through the values of nothing else are counted instead.
    """
    found = _pairs(key.source).get((key.line, key.column))
    if found is None:
        return None
    mapping, index, around = found
    name, value = mapping.pairs[index]
    if len(mapping.pairs) == 1 and around is not None and around.text == "repeat":
        return _counted(mapping, value)
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


def _counted(loop: Mapping, values: Node) -> Edit | None:
    """`repeat: {i: 4}` and `repeat: {d: [1, 2, 4, 8]}` as `repeat: 4`."""
    if loop.source.line(loop.line)[loop.column - 1 : loop.column] != "{":
        return None
    count = (
        values.text if isinstance(values, Scalar) else str(len(values.items)) if isinstance(values, Sequence) else ""
    )
    return Edit(Span(loop.source, loop.line, loop.column, loop.end_line, loop.end_column), count) if count else None


def without_key(key: Scalar, value: Node) -> Edit | None:
    """A layer's line or mapping without a key and its value."""
    source = key.source
    line = source.line(key.line)
    if key.line == value.line == value.end_line and line[key.end_column - 1 : value.column - 1] in ("=", "='", '="'):
        start = len(line[: key.column - 1].rstrip()) + 1
        return Edit(Span(source, key.line, start, value.end_line, value.end_column), "")
    found = _pairs(source).get((key.line, key.column))
    return without_pair(key) if found and len(found[0].pairs) > 1 else None


def _last_line(node: Node) -> int:
    """The last line that a value stands on; lists and mappings without brackets have no end of their own."""
    if isinstance(node, Sequence) and not node.flow and node.items:
        return _last_line(node.items[-1])
    if isinstance(node, Mapping) and node.pairs and node.source.line(node.line)[node.column - 1] != "{":
        return _last_line(node.pairs[-1][1])
    return node.end_line


def with_layer_before(place: Span, line: str) -> Edit | None:
    """The list with one more layer before the one at `place`, which must read the one before it."""
    found = entry(place)
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


def end_of(node: Node) -> Span:
    """The place behind a node."""
    return Span(node.source, node.end_line, node.end_column, node.end_line, node.end_column)


def entry(place: Span) -> tuple[Sequence, int] | None:
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
    pending: list[tuple[Node, Scalar | None]] = [(parse(source), None)]
    while pending:
        node, around = pending.pop()
        if isinstance(node, Sequence):
            pending += [(item, None) for item in node.items]
        elif isinstance(node, Mapping):
            for index, (key, value) in enumerate(node.pairs):
                found[key.line, key.column] = node, index, around
                pending.append((value, key))
    return found


def _sequences(node: Node) -> Iterator[Sequence]:
    if isinstance(node, Sequence):
        yield node
        for item in node.items:
            yield from _sequences(item)
    elif isinstance(node, Mapping):
        for _, value in node.pairs:
            yield from _sequences(value)
