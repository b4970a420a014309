"""Storage types of frozen matrices: bytes of a row, including the constants of every block.

Sources: Dettmers et al. 2023 (nf4: blocks of 64, whose scales are bytes in blocks of 256), bitsandbytes (int8: a scale of
fp32 a row), AutoGPTQ and AutoAWQ (int4: groups of 128 with a scale of fp16 and a zero of 4 bits), ggml-common.h of
llama.cpp (GGUF), the OCP microscaling formats (mxfp4).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from archcalc.records import NamedTuple


class Quantised(NamedTuple):
    """How a type stores numbers.

    Attributes:
        numbers, bytes: of a block. per_row: bytes of each row beside. per_tensor: bytes of each tensor beside.
        by_row: whether blocks restart with every row.
        tables: whether embeddings and the output matrix are quantised too, as in GGUF.
        expands: whether products at inference read a dequantised copy; in training they always do.
    """

    numbers: int
    bytes: int
    per_row: int = 0
    per_tensor: int = 0
    by_row: bool = False
    tables: bool = False
    expands: bool = False

    def stored(self, shape: Sequence[int]) -> int:
        """Bytes of a matrix."""
        rows, columns = prod(shape[:-1]), shape[-1]
        blocks = rows * -(-columns // self.numbers) if self.by_row else -(-rows * columns // self.numbers)
        return blocks * self.bytes + rows * self.per_row + self.per_tensor


def _gguf(numbers: int, bytes: int) -> Quantised:
    return Quantised(numbers, bytes, by_row=True, tables=True)


# nf4: 256 blocks of 64 numbers take half a byte per number, a byte per block, and 4 bytes; the table of 16 is shared.
QUANTISED = {
    "int8": Quantised(1, 1, per_row=4),
    "fp8": Quantised(1, 1, per_tensor=4),
    "int4": Quantised(256, 256 // 2 + 2 * 2 + 1, by_row=True),
    "nf4": Quantised(256 * 64, 256 * 32 + 256 + 4, expands=True),
    "mxfp4": Quantised(32, 17, by_row=True),
    "q2_k": _gguf(256, 84),
    "q3_k": _gguf(256, 110),
    "q4_0": _gguf(32, 18),
    "q4_1": _gguf(32, 20),
    "q4_k": _gguf(256, 144),
    "q5_0": _gguf(32, 22),
    "q5_1": _gguf(32, 24),
    "q5_k": _gguf(256, 176),
    "q6_k": _gguf(256, 210),
    "q8_0": _gguf(32, 34),
    "iq4_nl": _gguf(32, 18),
    "iq4_xs": _gguf(256, 136),
}
