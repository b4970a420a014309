"""GGUF: counts, then metadata by key, then the name, sizes, type and offset of each tensor, then the weights.

Quantised types hold blocks of numbers with scales of their own. Source: the specification in the documentation of ggml.
"""

from __future__ import annotations

from archcalc.weights.tensor import MOST_ELEMENTS, MOST_TENSORS, Header, Tensor, product

# A header holds the words of a tokenizer, about ten MB of them; anything larger is not a header.
_MOST_BYTES = 2**28
_MOST_KEYS = 100_000
# The bytes of a value by its type; 8 is a string, 9 a list.
_VALUES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_TEXT, _LIST = 8, 9
# The default alignment of tensors, in bytes, if no key gives one.
_ALIGNMENT, _MOST_ALIGNMENT = 32, 2**20
# Types of tensors: name, numbers in a block, bytes of a block.
_TYPES = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 36), 10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110), 22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1), 25: ("I16", 1, 2), 26: ("I32", 1, 4), 27: ("I64", 1, 8), 28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56), 30: ("BF16", 1, 2), 34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66), 39: ("MXFP4", 32, 17),
    40: ("NVFP4", 64, 36), 41: ("Q1_0", 128, 18), 42: ("Q2_0", 64, 18),
}  # fmt: skip


def recognises(start: bytes) -> bool:
    """Whether a file that begins like this is a GGUF file."""
    return start.startswith(b"GGUF")


def tensors(path: str) -> list[Tensor]:
    """The tensors of a file. Raises `RequestError` for a header that contradicts itself or the file's size."""
    with Header(path, _MOST_BYTES) as header:
        header.skip(4)
        version = header.number("<I")
        if version in (2 << 24, 3 << 24):
            raise header.wrong("it is big-endian, which is not supported")
        if version not in (2, 3):
            raise header.wrong(f"it is GGUF version {version}; only versions 2 and 3 are supported")
        count, keys = header.number("<Q"), header.number("<Q")
        if count > MOST_TENSORS or keys > _MOST_KEYS:
            raise header.wrong("its header claims more tensors or keys than any real file has")
        alignment = _ALIGNMENT
        for _ in range(keys):
            key, kind = _text(header), header.number("<I")
            if key == "general.alignment" and kind == 4:
                alignment = header.number("<I")
            else:
                _pass(header, kind)
        if not 1 <= alignment <= _MOST_ALIGNMENT or alignment & (alignment - 1):
            raise header.wrong(
                f"its alignment of {alignment:,} bytes is not a power of two, or is larger than any file's"
            )
        found: dict[str, Tensor] = {}
        places: list[tuple[int, Tensor]] = []
        for _ in range(count):
            tensor, begin = _tensor(header)
            if tensor.name in found:
                raise header.wrong(f"it names `{tensor.name[:80]}` twice")
            if begin % alignment:
                raise header.wrong(f"`{tensor.name[:80]}` does not begin at a multiple of {alignment} bytes")
            found[tensor.name] = tensor
            places.append((begin, tensor))
        end = 0
        for begin, tensor in sorted(places, key=lambda place: place[0]):
            if begin < end:
                raise header.wrong(f"the bytes of `{tensor.name[:80]}` overlap those before it")
            end = begin + tensor.bytes
        if end and -(-header.at // alignment) * alignment + end > header.size:
            raise header.wrong(
                f"its tensors take {end:,} bytes after its header, but the file ends before that: it is incomplete"
            )
    return list(found.values())


def _text(header: Header) -> str:
    return header.bytes(header.number("<Q")).decode("utf-8", "replace")


def _pass(header: Header, kind: int) -> None:
    """Skip a value."""
    if kind in _VALUES:
        header.skip(_VALUES[kind])
    elif kind == _TEXT:
        header.skip(header.number("<Q"))
    elif kind == _LIST:
        inner, count = header.number("<I"), header.number("<Q")
        if inner in _VALUES:
            header.skip(_VALUES[inner] * count)
        elif inner == _TEXT:
            for _ in range(count):  # each takes eight bytes at least, so that the end of the header ends this
                header.skip(header.number("<Q"))
        else:
            raise header.wrong("its metadata has lists of lists, which are not supported")
    else:
        raise header.wrong(f"its metadata has a value of the unknown type {kind}")


def _tensor(header: Header) -> tuple[Tensor, int]:
    """A tensor, and the offset of its bytes after the header."""
    name, axes = _text(header), header.number("<I")
    if axes > 8:
        raise header.wrong(f"`{name[:80]}` has {axes} axes")
    sizes = tuple(header.number("<Q") for _ in range(axes))[::-1]  # the innermost axis comes first
    kind, begin = header.number("<I"), header.number("<Q")
    if kind not in _TYPES:
        raise header.wrong(f"`{name[:80]}` is of the unknown type {kind}")
    dtype, block, size = _TYPES[kind]
    elements = product(sizes)
    if elements > MOST_ELEMENTS or (sizes and sizes[-1] % block) or begin > MOST_ELEMENTS:
        raise header.wrong(f"`{name[:80]}` has {elements:,} numbers, in blocks of {block} along its last axis")
    return Tensor(name, dtype, sizes, elements // block * size), begin
