"""Finds the config.json of a .keras archive by walking the zip's local headers, with limits."""

from __future__ import annotations

import struct
import zlib

from archcalc.diagnostics import RequestError
from archcalc.source import MAX_BYTES

_HEADER = struct.Struct("<IHHHHHIIIHH")
_SIGNATURE = 0x04034B50
# Limit on the unpacked size of config.json.
_MOST = 4 * MAX_BYTES
_MOST_FILES = 64


def config_of(path: str, data: bytes) -> bytes:
    """The contents of config.json; `data` is the beginning of the archive. Raises `RequestError` if it is missing."""
    at = 0
    for _ in range(_MOST_FILES):
        if at + _HEADER.size > len(data):
            break
        signature, _, flags, method, _, _, _, packed, size, name_size, more = _HEADER.unpack_from(data, at)
        if signature != _SIGNATURE:
            break
        start = at + _HEADER.size
        name = data[start : start + name_size]
        start += name_size + more
        streamed = bool(flags & 8) and not packed
        if name == b"config.json":
            if flags & 1:
                raise RequestError(f"cannot read {path!r}: its config.json is encrypted")
            return _unpacked(path, data[start:] if streamed else data[start : start + packed], method, size)
        if streamed:
            break  # its end is known only after unpacking
        at = start + packed
    ends = ": is the file complete?" if at + _HEADER.size > len(data) else ""
    raise RequestError(
        f"cannot read {path!r}: the archive does not begin with a config.json, unlike Keras 3 archives{ends}"
    )


def _unpacked(path: str, data: bytes, method: int, size: int) -> bytes:
    if size > _MOST:
        raise RequestError(f"cannot read {path!r}: its config.json is too large: {size:,} bytes")
    if method == 0:
        return data
    if method != 8:
        raise RequestError(f"cannot read {path!r}: its config.json uses an unsupported compression method")
    engine = zlib.decompressobj(-15)
    try:
        text = engine.decompress(data, _MOST + 1)
    except zlib.error:
        raise RequestError(f"cannot read {path!r}: its config.json is broken") from None
    if len(text) > _MOST or not engine.eof:
        raise RequestError(f"cannot read {path!r}: its config.json is longer than declared, or truncated")
    return text
