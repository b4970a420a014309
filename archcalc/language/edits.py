"""Edits of a spec's text at nodes of its tree, which leave the rest unchanged.

Each returns None if the text is not in a form that can be edited reliably.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from collections.abc import Mapping as PyMapping
from functools import lru_cache

from archcalc.diagnostics import Edit, Source, Span
from archcalc.source import Mapping, Node, Scalar, Sequence, parse


def without_pair(key: Span) -> Edit | None:
    """Removes the key at `key` and its value, or the whole mapping if it has no other key.

    A repeat that iterates over nothing else becomes a count.
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
    """Removes a key and its value from a layer's line or mapping."""
    source = key.source
    line = source.line(key.line)
    if key.line == value.line == value.end_line and line[key.end_column - 1 : value.column - 1] in ("=", "='", '="'):
        start = len(line[: key.column - 1].rstrip()) + 1
        return Edit(Span(source, key.line, start, value.end_line, value.end_column), "")
    found = _pairs(source).get((key.line, key.column))
    return without_pair(key) if found and len(found[0].pairs) > 1 else None


def _last_line(node: Node) -> int:
    """The last line of a value; block-style lists and mappings have no end marker."""
    if isinstance(node, Sequence) and not node.flow and node.items:
        return _last_line(node.items[-1])
    if isinstance(node, Mapping) and node.pairs and node.source.line(node.line)[node.column - 1] != "{":
        return _last_line(node.pairs[-1][1])
    return node.end_line


def with_layer_before(place: Span, line: str) -> tuple[Edit, ...] | None:
    """Inserts a layer before the one at `place`, which then reads only the new layer."""
    found = entry(place)
    if found is None:
        return None
    sequence, index = found
    written = sequence.items[index]
    if isinstance(written, Sequence) or (isinstance(written, Scalar) and (written.quoted or " tie=" in written.text)):
        return None
    without: Edit | None = None  # the inserted layer takes over its inputs
    if isinstance(written, Scalar) and (source := re.search(r" from=\S+", written.text)):
        line += source.group()
        without = Edit(written.part(*source.span()), "")
    for key, value in written.pairs if isinstance(written, Mapping) else ():
        if key.text == "from" and isinstance(value, Scalar):
            line += f" from={value.text}"
            without = without_pair(key)
            if without is None:
                return None
    start = beginning_of(written)
    if sequence.flow:
        edit = Edit(start, f"{line}, ")
    else:
        indent = written.source.line(written.line)[: written.column - 1]
        if indent.strip() != "-":
            return None
        edit = Edit(start, f"{line}\n{indent}")
    return (edit, without) if without else (edit,)


def with_values(
    place: Span, first: str | None, values: PyMapping[str, str | None], literal: str
) -> tuple[Edit, ...] | None:
    """Sets keys of the layer at `place`, adding missing ones; None removes a key.

    Args:
        place: of the layer's name.
        first: the key that may be written without its name.
        values: the new value of each key.
        literal: the text that may be replaced; a name may mean something else in a variant or another call.
    """
    found = entry(place)
    if found is None:
        return None
    written = found[0].items[found[1]]
    if isinstance(written, Scalar):
        return _in_line(written, first, values, literal)
    arguments = written.pairs[0][1] if isinstance(written, Mapping) else None
    if isinstance(arguments, Sequence):
        return _beside_list(arguments, first, values)
    return _in_mapping(arguments, values, literal) if isinstance(arguments, Mapping) and arguments.pairs else None


def _beside_list(body: Sequence, first: str | None, values: PyMapping[str, str | None]) -> tuple[Edit, ...] | None:
    """`residual: [...]` with a key in addition to its list: `residual: {layers: [...], key: value}`."""
    if first in values or not body.items:
        return None
    added = [f"{key}: {value}" for key, value in values.items() if value is not None]
    if body.flow:
        behind = "".join(f", {one}" for one in added)
        return Edit(beginning_of(body), f"{{{first}: "), Edit(end_of(body), f"{behind}}}")
    indent, _, rest = body.source.line(body.items[0].line).partition("-")
    if indent.strip() or rest[: body.items[0].column - len(indent) - 2].strip():
        return None
    place = Span(body.source, body.items[0].line, len(indent) + 1, body.items[0].line, len(indent) + 1)
    return (Edit(place, "".join(f"{one}\n{indent}" for one in (*added, f"{first}:"))),)


def _in_line(
    line: Scalar, first: str | None, values: PyMapping[str, str | None], literal: str
) -> tuple[Edit, ...] | None:
    if line.quoted or line.line != line.end_line:
        return None
    edits, added = [], ""
    words = [(match.group(), match.span()) for match in re.finditer(r"\S+", line.text)]
    plain = not any(mark in line.text for mark in "'\"(")
    for key, value in values.items():
        unnamed = first == key and len(words) > 1 and "=" not in words[1][0]
        start = words[1][1][0] if unnamed else line.text.find(f" {key}=") + len(f" {key}=")
        if not unnamed and f" {key}=" not in line.text:
            added += f" {key}={value}" if value is not None else ""
            continue
        old = line.text[start:].split(" ")[0]
        if not plain or not re.fullmatch(literal, old):
            return None
        begin = start if value is not None else start - len(" " if unnamed else f" {key}=")
        edits.append(Edit(line.part(begin, start + len(old)), value or ""))
    return (*edits, Edit(end_of(line), added)) if added else tuple(edits)


def _in_mapping(arguments: Mapping, values: PyMapping[str, str | None], literal: str) -> tuple[Edit, ...] | None:
    edits, added = [], []
    for key, value in values.items():
        found = next(((name, old) for name, old in arguments.pairs if name.text == key), None)
        if found is None:
            added += [f"{key}: {value}"] if value is not None else []
            continue
        name, old = found
        edit = Edit(old, value) if value is not None else without_key(name, old)
        if edit is None or not isinstance(old, Scalar) or old.quoted or not re.fullmatch(literal, old.text):
            return None
        edits.append(edit)
    name, last = arguments.pairs[-1]
    if not added:
        return tuple(edits)
    if arguments.source.line(arguments.line)[arguments.column - 1 : arguments.column] != "{":
        before = arguments.source.line(name.line)[: name.column - 1]
        if before.strip():  # the only key, on the line of the layer's name
            return None
        lines = "".join(f"{one}\n{before}" for one in added)
        return (*edits, Edit(Span(name.source, name.line, name.column, name.line, name.column), lines))
    if arguments.line == arguments.end_line:
        return (*edits, Edit(end_of(last), "".join(f", {one}" for one in added)))
    return None


def shown_values(place: Span, first: str | None, values: PyMapping[str, str | None]) -> str:
    """The edit in a message: `heads=8`, or in the style of the layer at `place`."""
    found = entry(place)
    written = found[0].items[found[1]] if found else None
    given = {key: value for key, value in values.items() if value is not None}
    if isinstance(written, Mapping) and isinstance(written.pairs[0][1], (Mapping, Sequence)):
        return ", ".join(f"{key}: {value}" for key, value in given.items())
    words = written.text.split() if isinstance(written, Scalar) else []
    unnamed = first in given and len(words) > 1 and "=" not in words[1]
    return " ".join(
        f"{words[0]} {value}" if unnamed and key == first else f"{key}={value}" for key, value in given.items()
    )


def beginning_of(node: Node) -> Span:
    """The position before a node."""
    return Span(node.source, node.line, node.column, node.line, node.column)


def end_of(node: Node) -> Span:
    """The position after a node."""
    return Span(node.source, node.end_line, node.end_column, node.end_line, node.end_column)


def entry(place: Span) -> tuple[Sequence, int] | None:
    """The list that contains the layer at `place`, and its index."""
    return _entries(place.source).get((place.line, place.column))


@lru_cache(maxsize=4)
def said(source: Source) -> Counter[str]:
    """How often each word, including layer names, occurs in the text."""
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
    """For every key: its mapping, its index, and the key whose value the mapping is."""
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
