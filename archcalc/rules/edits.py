"""Edits of a spec's text that leave the rest unchanged: another argument for a layer, or no layer.

Each returns None unless the text has a plain form that can be edited safely.
"""

from __future__ import annotations

from archcalc.diagnostics import Edit, Span
from archcalc.language.edits import entry, with_values
from archcalc.layers import REGISTRY
from archcalc.layers.operands import Operands
from archcalc.network.graph import Node
from archcalc.source import Mapping, Scalar
from archcalc.source import Node as Written

# What an edit may replace: any other word may mean something else in a variant or another call.
_LITERAL = r"\d+(\.\d+)?(x\d+)*|true|false|same"


def with_argument(node: Node, key: str, value: str) -> Edit | None:
    """`key=value` added to the layer, or `value` in place of the key's old value."""
    edits = with_arguments(node, {key: value})
    return edits[0] if edits else None


def with_arguments(node: Node, values: dict[str, str]) -> tuple[Edit, ...] | None:
    """The same for several keys. Only a number, a size or a word of YAML is replaced, not a name or an expression."""
    if node.layer is not None and any(key in values for key in node.layer.bound_keys):
        return None
    first = type(node.layer).first if node.layer is not None else None
    return with_values(node.place, first, values, _LITERAL)


def without_argument(node: Node, key: str) -> Edit | None:
    """The layer's line without `key=...`."""
    found = entry(node.place)
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

    It must be an unnamed line that reads the previous one, and not the only line. If nothing reads its
    output (`unread`), it may have a name and read from elsewhere; then the next layer must name its own
    input, or this must be the `final` layer of the model.
    """
    found = entry(node.place)
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


def _says_input(written: Written) -> bool:
    """Whether a layer of a list names its inputs, and so may stand anywhere in it."""
    if isinstance(written, Mapping) and written.pairs:
        layer = REGISTRY.get(written.pairs[0][0].text)
        return layer is not None and layer.first is not None and isinstance(layer.arguments[layer.first], Operands)
    return isinstance(written, Scalar) and " from=" in written.text


def swapped(first: Node, second: Node) -> tuple[Edit, ...] | None:
    """Swap two adjacent layers of a list; None if one has a name, a repeat or a tie, or reads from elsewhere."""
    places = [entry(node.place) for node in (first, second)]
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
    """The text of the value of `key` in the spec; empty if there is none, None if that is unclear."""
    found = entry(node.place)
    line = found[0].items[found[1]] if found else None
    if isinstance(line, Scalar):
        words = line.text.split()
        if node.layer is not None and type(node.layer).first == key and len(words) > 1 and "=" not in words[1]:
            return words[1]
        return next((word.partition("=")[2] for word in words if word.startswith(f"{key}=")), "")
    arguments = line.pairs[0][1] if isinstance(line, Mapping) and line.pairs else None
    if not isinstance(arguments, Mapping):
        return None
    value = next((value for name, value in arguments.pairs if name.text == key), None)
    return "" if value is None else value.text if isinstance(value, Scalar) else None
