"""From YAML text to nodes with places.

The tree is built from libyaml's events, not from its nodes: events keep the place of an alias,
need no recursion, and carry no YAML typing. Every scalar stays text; the key it belongs to decides
what it means. What the spec language leaves out of YAML (anchors, aliases, tags, merge
keys, values over several lines, several documents) is an error with a place.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Union

from archcalc.diagnostics import (
    LINE_BREAK,
    Findings,
    RequestError,
    Source,
    Span,
    SpecError,
    fail,
)
from archcalc.libyaml import yaml

if TYPE_CHECKING:
    from archcalc.foreign import Foreign

MAX_BYTES = 4 * 2**20
MAX_DEPTH = 40
MAX_NODES = 100_000
MAX_KEYS = 1000
MAX_TEXT = 4000

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# Characters that YAML does not allow: the set of those it allows is slow to compile.
_NOT_IN_YAML = "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]"
# Bytes that no text begins with.
_CONTROLS = bytes({*range(32), 127} - set(b"\t\n\f\r"))
_BREAKS = dict.fromkeys(map(ord, "\r\n"))


class Scalar(Span):
    """A word, number or line of text. `quoted` distinguishes `"3"` from `3`."""

    __slots__ = ("quoted", "text")

    def __init__(
        self, text: str, source: Source, line: int, column: int, end_line: int, end_column: int, quoted: bool = False
    ) -> None:
        self.text = text
        self.source = source
        self.line = line
        self.column = column
        self.end_line = end_line
        self.end_column = end_column
        self.quoted = quoted

    def part(self, start: int, end: int) -> Scalar:
        """The characters from `start` to `end` as a scalar of their own, with their own place."""
        column = self.column + (1 if self.quoted else 0)
        return Scalar(self.text[start:end], self.source, self.line, column + start, self.line, column + end)


class Sequence(Span):
    """A YAML list."""

    __slots__ = ("flow", "items")
    items: list[Node]
    flow: bool


class Mapping(Span):
    """A YAML mapping; keys are scalars, in the order of the file, each once."""

    __slots__ = ("pairs",)
    pairs: list[tuple[Scalar, Node]]


Node = Union[Scalar, Sequence, Mapping]


def decode(path: str, data: bytes) -> Source:
    """Bytes of a file as a `Source`; binary data and bytes that are not UTF-8 are errors with their place."""
    if len(data) > MAX_BYTES or data[:64].translate(None, _CONTROLS) != data[:64] or data[:1] in (b"\x80", b"\xff"):
        from archcalc.foreign import of_bytes

        foreign = of_bytes(path, data)
        if foreign:
            raise not_a_spec(Source(path, ""), foreign)
    if len(data) > MAX_BYTES:
        raise RequestError(f"{path!r} is larger than {MAX_BYTES // 2**20} MiB: too large to be a spec")
    try:
        text = data.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        source = Source(path, data.decode("utf-8-sig", "replace"))
        place = source.after(data[: error.start].decode("utf-8-sig", "replace"))
        raise fail(
            "SPC001", f"not text: byte 0x{data[error.start]:02x} is not UTF-8", place, "save the file as UTF-8"
        ) from None
    return Source(path, text)


def not_a_spec(source: Source, foreign: Foreign) -> SpecError:
    """The error for a file of another kind, reported once for all of it."""
    return fail("SPC015", foreign.message, Span(source, 1, 1, 1, 1), foreign.advice)


def parse(source: Source) -> Node:
    """The document's root node. Raises `SpecError` with every independent error found."""
    # nearly every spec is printable text: then there is nothing to search for
    printable = source.text.translate(_BREAKS).isprintable()
    bad = None if printable else re.search(_NOT_IN_YAML, source.text)
    if bad:
        place = source.after(source.text[: bad.start()])
        raise fail("SPC001", f"not valid YAML: control character U+{ord(bad.group()):04X}", place, "delete it")
    findings = Findings()
    try:
        root = _Tree(source, findings).build()
    except SpecError as error:  # a limit: what was found before still counts
        findings.take(error)
        raise SpecError(list(findings)) from None
    except yaml.MarkedYAMLError as error:
        from archcalc.invalid_yaml import not_yaml

        raise not_yaml(source, error, findings) from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # PyYAML's own scanner: an escape beyond Unicode
        raise fail(
            "SPC001", f"not valid YAML: {error}", source.at(1, 1), "quote a text in ' ', where a `\\` is itself"
        ) from None
    findings.raise_if_any()
    if root is None:
        raise fail(
            "SPC001", "the file is empty", source.at(1, 1), "a spec needs `model:`, `input:` and `layers:`"
        ) from None
    return root


class _Tree:
    """Builds the node tree from events, with its own stack."""

    def __init__(self, source: Source, findings: Findings) -> None:
        self.source = source
        self.findings = findings
        self.count = 0

    def _events(self) -> Iterator[Any]:
        loader = _LOADER(self.source.text)
        try:
            while loader.check_event():
                yield loader.get_event()
        finally:
            loader.dispose()

    def build(self) -> Node | None:
        root: Node | None = None
        stack: list[Sequence | Mapping] = []
        keys: list[Scalar | None] = []  # for each open mapping: the key that awaits its value
        seen: list[dict[str, Scalar]] = []  # for each open mapping: its keys so far
        for event in self._events():
            kind = type(event)
            if kind is yaml.ScalarEvent:
                node: Node = self._scalar(event)
            elif kind is yaml.SequenceStartEvent or kind is yaml.MappingStartEvent:
                node = self._collection(event)
            elif kind is yaml.SequenceEndEvent or kind is yaml.MappingEndEvent:
                closed = stack.pop()
                keys.pop()
                seen.pop()
                closed.end_line, closed.end_column = event.end_mark.line + 1, event.end_mark.column + 1
                continue
            elif kind is yaml.AliasEvent:
                start, end = event.start_mark, event.end_mark
                node = Scalar("", self.source, start.line + 1, start.column + 1, end.line + 1, end.column + 1)
                self._no_anchor(node)
            elif kind is yaml.DocumentStartEvent and root is not None:
                place = self.source.at(event.start_mark.line + 1, event.start_mark.column + 1)
                raise fail("SPC001", "a spec is one document: a second one starts here", place, "delete the `---`")
            else:
                continue
            if not stack:
                root = node
            else:
                self._attach(stack[-1], keys, seen[-1], node)
            self.count += 1
            if self.count > MAX_NODES:
                raise fail(
                    "SPC014",
                    f"a spec can have at most {MAX_NODES:,} words, lists and mappings",
                    node,
                    "use `repeat` and `blocks:` for layers that are equal",
                )
            if not isinstance(node, Scalar):
                if len(stack) >= MAX_DEPTH:
                    raise fail(
                        "SPC014", f"nested deeper than {MAX_DEPTH} levels", node, "move the inner part to `blocks:`"
                    )
                stack.append(node)
                keys.append(None)
                seen.append({})
        if isinstance(root, Scalar) and not root.text and not root.quoted:
            return None
        return root

    def _attach(
        self, parent: Sequence | Mapping, keys: list[Scalar | None], seen: dict[str, Scalar], node: Node
    ) -> None:
        if isinstance(parent, Sequence):
            parent.items.append(node)
        elif (key := keys[-1]) is not None:
            parent.pairs.append((key, node))
            keys[-1] = None
        elif not isinstance(node, Scalar):
            raise fail(
                "SPC001", "a key must be a word, not a list or mapping", node, "quote it, or write it behind the `:`"
            )
        else:
            if node.text == "<<" and not node.quoted:
                self.findings.error(
                    "SPC001",
                    "YAML merge keys are not part of the language",
                    node,
                    "use `blocks:` and `hparams:` for what several places share",
                )
            if len(seen) >= MAX_KEYS:
                raise fail("SPC014", f"a mapping can have at most {MAX_KEYS:,} keys", node, "split it, or use `repeat`")
            first = seen.setdefault(node.text, node)
            if first is not node:
                self.findings.error(
                    "SPC006", f"duplicate key `{node.text}`", node, f"first given at {first.line}:{first.column}"
                )
            keys[-1] = node

    def _collection(self, event: Any) -> Sequence | Mapping:
        """A list or mapping that begins; its end comes with its last event."""
        start, end = event.start_mark, event.end_mark
        kind = Sequence if type(event) is yaml.SequenceStartEvent else Mapping
        node = kind(self.source, start.line + 1, start.column + 1, end.line + 1, end.column + 1)
        if isinstance(node, Sequence):
            node.items = []
            node.flow = bool(event.flow_style)
        elif isinstance(node, Mapping):
            node.pairs = []
        self._reject_extras(event, node)
        return node

    def _scalar(self, event: Any) -> Scalar:
        start, end = event.start_mark, event.end_mark
        node = Scalar(
            event.value, self.source, start.line + 1, start.column + 1, end.line + 1, end.column + 1, bool(event.style)
        )
        if event.anchor is not None or event.tag is not None:
            self._reject_extras(event, node)
        if len(node.text) > MAX_TEXT:
            raise fail(
                "SPC014",
                f"a value can have at most {MAX_TEXT:,} characters, not {len(node.text):,}",
                node,
                "put shared layers into `blocks:`",
            )
        if (
            node.quoted
            and node.line == node.end_line
            and not node.text.isprintable()
            and re.search(f"{LINE_BREAK}|{_NOT_IN_YAML}", node.text)  # what an escape smuggles in
        ):
            self.findings.error("SPC001", "a value holds no line breaks or control characters", node, "delete the `\\`")
        if node.line != node.end_line:
            node.end_line, node.end_column = node.line, len(self.source.line(node.line)) + 1
            from archcalc.invalid_yaml import continued

            message = "a value must be on one line; this one continues over a line break"
            self.findings.error("SPC001", message, node, continued(self.source, node.line))
        return node

    def _reject_extras(self, event: Any, node: Span) -> None:
        if event.anchor is not None:
            self._no_anchor(node)
        if event.tag is not None:
            self.findings.error("SPC001", "YAML tags are not part of the language", node, f"delete `{event.tag}`")

    def _no_anchor(self, node: Span) -> None:
        self.findings.error(
            "SPC001",
            "YAML anchors/aliases are not part of the language",
            node,
            "use `blocks:` and `hparams:` for what several places share",
        )
