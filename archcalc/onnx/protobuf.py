"""Reads the protobuf wire format field by field, without copying and with bounds checks."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Union

# A number, or the bytes of a string, a message or packed numbers.
Field = Union[int, memoryview]
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MOST_SHIFT = 63


class BrokenError(Exception):
    """Invalid bytes; the message says why."""


def fields(view: memoryview) -> Iterator[tuple[int, Field]]:
    """The fields of a message: numbers and values. Raises `BrokenError`."""
    at, end = 0, len(view)
    while at < end:
        key, at = _varint(view, at, end)
        number, wire = key >> 3, key & 7
        if not number:
            raise BrokenError("a field has no number")
        if wire == _BYTES:
            size, at = _varint(view, at, end)
            if size > end - at:
                raise BrokenError("it is truncated: a field runs past the end")
            yield number, view[at : at + size]
            at += size
        elif wire == _VARINT:
            value, at = _varint(view, at, end)
            yield number, value
        elif wire in (_FIXED64, _FIXED32):
            size = 8 if wire == _FIXED64 else 4
            if size > end - at:
                raise BrokenError("it is truncated: a field runs past the end")
            yield number, int.from_bytes(view[at : at + size], "little")
            at += size
        else:
            raise BrokenError(f"a field has the unknown wire type {wire}")


def _varint(view: memoryview, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end:
        byte = view[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
        if shift > _MOST_SHIFT:
            raise BrokenError("a varint is longer than 10 bytes")
    raise BrokenError("it is truncated within a number")


def signed(value: int) -> int:
    """A varint as a signed 64-bit integer."""
    value &= 2**64 - 1
    return value - 2**64 if value >= 2**63 else value


def wholes(field: Field, most: int) -> list[int]:
    """One integer, or packed ones, at most `most`. Raises `BrokenError`."""
    if isinstance(field, int):
        return [signed(field)]
    found: list[int] = []
    at, end = 0, len(field)
    while at < end:
        value, at = _varint(field, at, end)
        found.append(signed(value))
        if len(found) > most:
            raise BrokenError(f"a list has more than {most:,} numbers")
    return found


def floats(field: Field, most: int) -> list[float]:
    """One float, or packed ones, at most `most`. Raises `BrokenError`."""
    if isinstance(field, int):
        return [struct.unpack("<f", (field & 0xFFFFFFFF).to_bytes(4, "little"))[0]]
    if len(field) % 4 or len(field) // 4 > most:
        raise BrokenError(f"a list of numbers has {len(field):,} bytes")
    return list(struct.unpack(f"<{len(field) // 4}f", field))


def doubles(field: Field, most: int) -> list[float]:
    """One double, or packed ones, at most `most`. Raises `BrokenError`."""
    if isinstance(field, int):
        return [struct.unpack("<d", (field & 2**64 - 1).to_bytes(8, "little"))[0]]
    if len(field) % 8 or len(field) // 8 > most:
        raise BrokenError(f"a list of numbers has {len(field):,} bytes")
    return list(struct.unpack(f"<{len(field) // 8}d", field))


def text(field: Field) -> str:
    """A string; invalid UTF-8 is replaced. Raises `BrokenError` for a number."""
    if isinstance(field, int):
        raise BrokenError("expected a string, not a number")
    return bytes(field).decode("utf-8", "replace")


def message(field: Field) -> memoryview:
    """The bytes of a message. Raises `BrokenError` for a number."""
    if isinstance(field, int):
        raise BrokenError("expected a message, not a number")
    return field
