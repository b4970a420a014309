"""Parses an .onnx file, with size limits: its graph, nodes and tensor shapes. Large tensors are not read.

Field numbers are those of onnx.proto. External data is never read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from copy import copy
from functools import cached_property
from math import prod
from typing import Any

from archcalc.onnx.protobuf import BrokenError, Field, doubles, fields, floats, message, signed, text, wholes
from archcalc.tracing.calls import FLOAT, TRUTH, WHOLE

# Far above any real file: a larger claim is rejected.
MOST_NODES, MOST_RANK, MOST_ELEMENTS = 30_000, 32, 2**50
MOST_TENSORS = 200_000
# Larger tensors are never read: they are weights or tables.
MOST_KNOWN = 4096
# Tensor types by number: kind, bytes per element, and struct format.
_TYPES: dict[int, tuple[str, int, str]] = {
    1: (FLOAT, 4, "f"), 2: (WHOLE, 1, "B"), 3: (WHOLE, 1, "b"), 4: (WHOLE, 2, "H"), 5: (WHOLE, 2, "h"), 6: (WHOLE, 4, "i"),
    7: (WHOLE, 8, "q"), 9: (TRUTH, 1, "?"), 10: (FLOAT, 2, "e"), 11: (FLOAT, 8, "d"), 12: (WHOLE, 4, "I"),
    13: (WHOLE, 8, "Q"), 16: (FLOAT, 2, ""), 17: (FLOAT, 1, ""), 18: (FLOAT, 1, ""), 19: (FLOAT, 1, ""),
    20: (FLOAT, 1, ""), 21: (WHOLE, 1, ""), 22: (WHOLE, 1, ""), 23: (FLOAT, 1, ""),
}  # fmt: skip


def kind_of(type: int) -> str:
    """The kind of a tensor type; an unknown type counts as float."""
    return _TYPES.get(type, (FLOAT, 0, ""))[0]


class Tensor:
    """A tensor of the file.

    Attributes:
        name: its name; type: the number of its type; shape: its sizes; outside: whether its data is in another file.
    """

    def __init__(self, view: memoryview) -> None:
        self.name = ""
        self.type = 0
        self.outside = False
        shape: list[int] = []
        self._data: dict[int, list[Field]] = {}
        for number, field in fields(view):
            if number == 1:
                shape += wholes(field, MOST_RANK)
            elif number == 2 and isinstance(field, int):
                self.type = field
            elif number == 8:
                self.name = text(field)
            elif number == 13 or (number == 14 and field == 1):
                self.outside = True
            elif number in (4, 5, 7, 9, 10, 11):
                self._data.setdefault(number, []).append(field)
        self.shape = checked(shape, self.name)
        if self.type in (14, 15, 8):
            raise BrokenError(f"the tensor {self.name[:80]!r} holds strings or complex numbers")
        self._check_length()

    def _check_length(self) -> None:
        """Raises `BrokenError` if the file has data of the tensor, and another amount than its sizes take."""
        _, size, code = _TYPES.get(self.type, (FLOAT, 0, ""))
        for number, each in (
            (9, size if code else 0),
            (4, 4 if self.type == 1 else 0),
            (10, 8 if self.type == 11 else 0),
        ):
            parts = [field for field in self._data.get(number, ()) if not isinstance(field, int)]
            there, wanted = sum(map(len, parts)), prod(self.shape) * each
            if each and there and there != wanted and not self.outside:
                what = f"the tensor {self.name[:80]!r} has {there:,} bytes of data"
                raise BrokenError(f"{what}, and its sizes {self.shape} take {wanted:,}")

    @property
    def kind(self) -> str:
        """What it holds."""
        return kind_of(self.type)

    @cached_property
    def numbers(self) -> list[Any] | None:
        """Its elements in order; None if there are too many, or if they are not in the file."""
        count = prod(self.shape)
        if self.outside or count > MOST_KNOWN:
            return None
        found = self._unpacked(count)
        return found if found is not None and len(found) == count else None

    def beginning(self, count: int) -> list[Any] | None:
        """At most so many of its first elements; None if they are not in the file."""
        return None if self.outside else self._unpacked(min(count, prod(self.shape)))

    def copied(self, name: str) -> Tensor:
        """The same tensor under another name."""
        found = copy(self)
        found.name = name
        return found

    def _unpacked(self, count: int) -> list[Any] | None:
        _, size, code = _TYPES.get(self.type, (FLOAT, 0, ""))
        raw = self._data.get(9)
        if raw and code:
            data = message(raw[-1])[: count * size]
            return list(struct.unpack(f"<{len(data) // size}{code}", data[: len(data) // size * size]))
        if raw:
            return None
        for number, read in ((4, floats), (5, wholes), (7, wholes), (10, doubles), (11, wholes)):
            found: list[Any] = []
            for field in self._data.get(number, ()):
                part = field if isinstance(field, int) else field[: count * 10 if read is wholes else count * 8]
                if read is not wholes and not isinstance(part, int):
                    part = part[: min(len(part), count * (4 if read is floats else 8))]
                if read is wholes:
                    found += _first_wholes(part, count)
                else:
                    found += read(part, MOST_KNOWN)
            if found:
                if self.type == 10:
                    found = [struct.unpack("<e", (one & 0xFFFF).to_bytes(2, "little"))[0] for one in found]
                return found[:count]
        return [] if not count else None


def _first_wholes(part: Field, count: int) -> list[int]:
    """The first integers of a list that may be truncated."""
    found: list[int] = []
    try:
        for number in _each_whole(part):
            found.append(number)
            if len(found) == count:
                break
    except BrokenError:
        pass
    return found


def _each_whole(part: Field) -> Iterator[int]:
    if isinstance(part, int):
        yield signed(part)
        return
    value = shift = 0
    for byte in part:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            yield signed(value)
            value = shift = 0
        elif shift > 63:
            raise BrokenError("a varint is longer than 10 bytes")


def checked(shape: list[int], name: str) -> tuple[int, ...]:
    """Checks sizes. Raises `BrokenError` for impossible ones."""
    if (
        len(shape) > MOST_RANK
        or any(size < 0 for size in shape)
        or prod(max(size, 1) for size in shape) > MOST_ELEMENTS
    ):
        raise BrokenError(f"the tensor {name[:80]!r} has impossible sizes: {shape[:6]}")
    return tuple(shape)


class Node:
    """One operation.

    Attributes:
        op: the operator; domain: its domain, empty for ONNX's own; name: the node's name.
        inputs, outputs: names of tensors; empty for an omitted one.
        attributes: by name; scope: the enclosing modules as the exporter records them, names and classes, outermost first.
    """

    def __init__(self, view: memoryview) -> None:
        self.op = self.domain = self.name = ""
        self.inputs: list[str] = []
        self.outputs: list[str] = []
        self.attributes: dict[str, Any] = {}
        self.properties: dict[str, str] = {}
        for number, field in fields(view):
            if number == 1:
                self.inputs.append(text(field))
            elif number == 2:
                self.outputs.append(text(field))
            elif number == 3:
                self.name = text(field)
            elif number == 4:
                self.op = text(field)
            elif number == 5:
                name, value = _attribute(message(field))
                self.attributes[name] = value
            elif number == 7:
                self.domain = text(field)
                self.domain = "" if self.domain == "ai.onnx" else self.domain
            elif number == 9:
                key, value = _entry(message(field))
                if key.startswith("pkg.torch.onnx.") and "stack" not in key and "fx" not in key:
                    self.properties[key.rpartition(".")[2]] = value

    @classmethod
    def made(cls, like: Node, op: str, inputs: list[str], outputs: list[str], attributes: dict[str, Any]) -> Node:
        """A node that replaces others, with the name and scope of one of them."""
        node = cls(memoryview(b""))
        node.op, node.inputs, node.outputs, node.attributes = op, inputs, outputs, attributes
        node.name, node.properties = like.name, like.properties
        return node


class GraphAttribute:
    """An attribute that is a graph, e.g. of `If`: it is not read."""


def _attribute(view: memoryview) -> tuple[str, Any]:
    name, value, kind = "", None, 0
    lists: dict[int, list[Any]] = {}
    single: dict[int, Any] = {}
    for number, field in fields(view):
        if number == 1:
            name = text(field)
        elif number == 20 and isinstance(field, int):
            kind = field
        elif number == 2:
            single[1] = floats(field, 1)[0] if isinstance(field, int) else 0.0
        elif number == 3 and isinstance(field, int):
            single[2] = signed(field)
        elif number == 4:
            single[3] = text(field)
        elif number == 5:
            single[4] = Tensor(message(field))
        elif number == 6:
            single[5] = GraphAttribute()
        elif number == 7:
            lists.setdefault(6, []).extend(floats(field, MOST_KNOWN))
        elif number == 8:
            lists.setdefault(7, []).extend(wholes(field, MOST_KNOWN))
        elif number == 9:
            lists.setdefault(8, []).append(text(field))
    found: dict[int, Any] = {**single, **lists}
    if kind in found:
        value = found[kind]
    elif kind in (6, 7, 8):
        value = []
    elif kind == 3:
        value = ""
    elif kind in (1, 2):
        value = 0
    elif found:
        value = next(iter(found.values()))
    return name, value


def _entry(view: memoryview) -> tuple[str, str]:
    key = value = ""
    for number, field in fields(view):
        if number == 1:
            key = text(field)
        elif number == 2:
            value = text(field)
    return key, value


class Described:
    """An input or output: its name, the number of its type, and its sizes, where a string is a dynamic size.

    `sizes` is None if unknown; `role` is PyTorch's label of a weight, e.g. `PARAMETER`.
    """

    def __init__(self, view: memoryview) -> None:
        self.name, self.type, self.role = "", 1, ""
        self.sizes: list[int | str] | None = None
        self.is_tensor = True
        for number, field in fields(view):
            if number == 1:
                self.name = text(field)
            elif number == 2:
                self._type(message(field))
            elif number == 4:
                key, value = _entry(message(field))
                if key.endswith("InputSpec.kind"):
                    self.role = value

    def _type(self, view: memoryview) -> None:
        for number, field in fields(view):
            if number != 1:
                self.is_tensor = self.is_tensor and number == 6
                continue
            for inner, value in fields(message(field)):
                if inner == 1 and isinstance(value, int):
                    self.type = value
                elif inner == 2:
                    self.sizes = [_size(message(one)) for key, one in fields(message(value)) if key == 1]
                    if len(self.sizes) > MOST_RANK:
                        raise BrokenError(f"{self.name[:80]!r} has {len(self.sizes)} axes")


def _size(view: memoryview) -> int | str:
    for number, field in fields(view):
        if number == 1 and isinstance(field, int) and signed(field) > 0:
            return signed(field)
        if number == 2:
            return text(field)
    return ""


class Model:
    """A file.

    Attributes:
        producer: the tool that wrote it; opset: the version of ONNX's operators.
        nodes: in their order; tensors: initialisers by name; inputs, outputs: of the graph; described: what is said of
        these and of other tensors, by name; functions: those that the file has of its own, by name; merged: how many
        numbers of initialisers the file leaves out, as they are those of others.
    """

    def __init__(self, view: memoryview) -> None:
        self.producer = self.name = ""
        self.opset = 0
        self.nodes: list[Node] = []
        self.tensors: dict[str, Tensor] = {}
        self.inputs: list[Described] = []
        self.outputs: list[Described] = []
        self.described: dict[str, Described] = {}
        self.functions: set[str] = set()
        self.merged = 0
        graph: memoryview | None = None
        for number, field in fields(view):
            if number == 2:
                self.producer = text(field)
            elif number == 7:
                graph = message(field)
            elif number == 8:
                self._opset(message(field))
            elif number == 25:
                self.functions |= {text(value) for key, value in fields(message(field)) if key == 1}
        if graph is None:
            raise BrokenError("it has no graph")
        self._graph(graph)

    def _opset(self, view: memoryview) -> None:
        domain, version = "", 0
        for number, field in fields(view):
            if number == 1:
                domain = text(field)
            elif number == 2 and isinstance(field, int):
                version = signed(field)
        if domain in ("", "ai.onnx"):
            self.opset = version

    def _graph(self, view: memoryview) -> None:
        for number, field in fields(view):
            if number == 1:
                self.nodes.append(Node(message(field)))
                if len(self.nodes) > MOST_NODES:
                    raise BrokenError(f"it has more than {MOST_NODES:,} nodes")
            elif number == 2:
                self.name = text(field)
            elif number == 5:
                tensor = Tensor(message(field))
                self.tensors[tensor.name] = tensor
                if len(self.tensors) > MOST_TENSORS:
                    raise BrokenError(f"it has more than {MOST_TENSORS:,} tensors")
            elif number == 15:
                raise BrokenError("it has sparse tensors, which are not supported")
            elif number == 11:
                self.inputs.append(Described(message(field)))
            elif number == 12:
                self.outputs.append(Described(message(field)))
            elif number == 13:
                described = Described(message(field))
                self.described[described.name] = described
        self.described |= {one.name: one for one in (*self.inputs, *self.outputs)}
        self.inputs = [one for one in self.inputs if one.name not in self.tensors]
