"""Safetensors: eight bytes with the length of a header in JSON, which names every tensor; then the weights.

Source: the format's page at huggingface.co/docs/safetensors.
"""

from __future__ import annotations

import json
from typing import Any

from archcalc.weights.tensor import MOST_ELEMENTS, MOST_TENSORS, Header, Tensor, product

# The format's limit on the header.
_MOST_BYTES = 100_000_000
_BITS = {
    "F64": 64, "F32": 32, "F16": 16, "BF16": 16, "I64": 64, "I32": 32, "I16": 16, "I8": 8, "U64": 64, "U32": 32,
    "U16": 16, "U8": 8, "BOOL": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "C64": 64, "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4,
}  # fmt: skip


def recognises(start: bytes) -> bool:
    """Whether a file that begins like this is a safetensors file."""
    return start[8:9] == b"{" and 2 <= int.from_bytes(start[:8], "little") <= _MOST_BYTES


def tensors(path: str) -> list[Tensor]:
    """The tensors of a file. Raises `RequestError` for a header that contradicts itself or the file's size."""
    with Header(path, 8 + _MOST_BYTES) as header:
        length = header.number("<Q")
        try:
            document = json.loads(header.bytes(length), object_pairs_hook=_once)
        except (ValueError, RecursionError):
            raise header.wrong("its header is not valid JSON, or names a tensor twice") from None
        if not isinstance(document, dict) or len(document) > MOST_TENSORS:
            raise header.wrong("its header is not a list of tensors")
        document.pop("__metadata__", None)
        found = [_tensor(header, name, entry) for name, entry in document.items()]
        room = header.size - header.at
        end = 0
        for begin, tensor in sorted(found, key=lambda one: one[0]):
            if begin != end:
                raise header.wrong(f"the bytes of `{tensor.name}` do not follow those before it")
            end = begin + tensor.bytes
        if end != room:
            raise header.wrong(f"its tensors take {end:,} bytes, but the file has {room:,}: it is incomplete")
    return [tensor for _, tensor in found]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _tensor(header: Header, name: str, entry: Any) -> tuple[int, Tensor]:
    """The offset of a tensor's bytes, and the tensor."""
    values = entry if isinstance(entry, dict) else {}
    dtype, shape, offsets = values.get("dtype"), values.get("shape"), values.get("data_offsets")
    sizes = _wholes(shape)
    places = _wholes(offsets)
    if dtype not in _BITS or sizes is None or places is None or len(places) != 2 or len(sizes) > 64:
        raise header.wrong(f"its header has no valid entry for `{name[:80]}`")
    elements = product(sizes)
    wanted = -(-elements * _BITS[dtype] // 8)
    if elements > MOST_ELEMENTS or places[1] - places[0] != wanted:
        raise header.wrong(f"`{name[:80]}` has {elements:,} numbers of {dtype}, and {places[1] - places[0]:,} bytes")
    return places[0], Tensor(name, dtype, sizes, wanted)


def _wholes(value: Any) -> tuple[int, ...] | None:
    if not isinstance(value, list):
        return None
    fits = all(isinstance(one, int) and not isinstance(one, bool) and 0 <= one <= MOST_ELEMENTS for one in value)
    return tuple(value) if fits else None
