"""Edits of a spec's text that leave the rest as it is: another argument for a layer, or no layer.

Each returns None where the text is not of the plain form that can be spliced for certain.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from archcalc.diagnostics import Source, Span
from archcalc.network.graph import Node
from archcalc.rules.base import Edit
from archcalc.source import Mapping, Scalar, Sequence, parse
from archcalc.source import Node as Written


def with_argument(node: Node, key: str, value: str) -> Edit | None:
    """`key=value` added to the layer, or `value` in the place of what the key had."""
    found = _entry(node.place)
    if found is None:
        return None
    written = found[0].items[found[1]]
    if isinstance(written, Scalar):
        if written.quoted or f" {key}=" in written.text:
            return None
        return Edit(_end(written), f" {key}={value}")
    arguments = written.pairs[0][1] if isinstance(written, Mapping) else None
    if not isinstance(arguments, Mapping) or not arguments.pairs:
        return None
    for name, old in arguments.pairs:
        if name.text == key:
            return Edit(old, value) if isinstance(old, Scalar) and not old.quoted else None
    if arguments.line != arguments.end_line:
        return None
    last = arguments.pairs[-1][1]
    if isinstance(last, Scalar) and arguments.source.line(last.line)[arguments.end_column - 2 :][:1] == "}":
        return Edit(_end(last), f", {key}: {value}")
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


def without_layer(node: Node) -> Edit | None:
    """The list without the layer. It must be a line that reads the one before it, without a name, and not the only one."""
    found = _entry(node.place)
    if found is None:
        return None
    sequence, index = found
    written = sequence.items[index]
    if not isinstance(written, Scalar) or written.quoted or len(sequence.items) < 2:
        return None
    if " name=" in written.text or " from=" in written.text:
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


def written(place: Span) -> str | None:
    """The text of the line that stands at `place`; None for a layer in long form."""
    found = _entry(place)
    entry = found[0].items[found[1]] if found else None
    return entry.text if isinstance(entry, Scalar) else None


def _end(node: Written) -> Span:
    return Span(node.source, node.end_line, node.end_column, node.end_line, node.end_column)


def _entry(place: Span) -> tuple[Sequence, int] | None:
    """The list that the layer at `place` stands in, and its number there."""
    return _entries(place.source).get((place.line, place.column))


@lru_cache(maxsize=4)
def _entries(source: Source) -> dict[tuple[int, int], tuple[Sequence, int]]:
    found = {}
    for sequence in _sequences(parse(source)):
        for index, item in enumerate(sequence.items):
            start = item.pairs[0][0] if isinstance(item, Mapping) and item.pairs else item
            if not isinstance(item, Sequence):
                found[start.line, start.column] = sequence, index
    return found


def _sequences(node: Written) -> Iterator[Sequence]:
    if isinstance(node, Sequence):
        yield node
        for item in node.items:
            yield from _sequences(item)
    elif isinstance(node, Mapping):
        for _, value in node.pairs:
            yield from _sequences(value)
