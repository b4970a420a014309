"""Storage types of frozen matrices: bytes of a row, including the constants of every block.

Sources: Dettmers et al. 2023 (nf4: blocks of 64, whose scales are bytes in blocks of 256), bitsandbytes (int8: an fp32 scale
per row), AutoGPTQ and AutoAWQ (int4: groups of 128 with an fp16 scale and a 4-bit zero point), ggml-common.h of
llama.cpp (GGUF), the OCP microscaling formats (mxfp4).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from archcalc.records import NamedTuple


class Quantised(NamedTuple):
    """How a type stores numbers.

    Attributes:
        numbers, bytes: of a block. per_row, per_tensor: additional bytes of each row, of each tensor.
        by_row: whether blocks and groups restart with every row.
        scales: (numbers, groups, bytes): groups of so many numbers, the last of which may be smaller, and the
            additional bytes of so many groups.
        tables: whether embeddings and the output matrix are quantised too, as in GGUF.
        expands: whether products at inference read a dequantised copy; in training they always do.
    """

    numbers: int
    bytes: int
    per_row: int = 0
    per_tensor: int = 0
    by_row: bool = False
    scales: tuple[tuple[int, int, int], ...] = ()
    tables: bool = False
    expands: bool = False

    def stored(self, shape: Sequence[int]) -> int:
        """Bytes of a matrix."""
        rows, columns = prod(shape[:-1]), shape[-1]

        def parts(numbers: int) -> int:
            return rows * -(-columns // numbers) if self.by_row else -(-rows * columns // numbers)

        scales = sum(-(-parts(numbers) * bytes // groups) for numbers, groups, bytes in self.scales)
        return parts(self.numbers) * self.bytes + scales + rows * self.per_row + self.per_tensor


def _gguf(numbers: int, bytes: int) -> Quantised:
    return Quantised(numbers, bytes, by_row=True, tables=True)


# nf4: half a byte per number, a byte per block of 64, and 4 bytes per 256 blocks; the table of 16 is shared.
QUANTISED = {
    "int8": Quantised(1, 1, per_row=4),
    "fp8": Quantised(1, 1, per_tensor=4),
    "int4": Quantised(2, 1, by_row=True, scales=((128, 2, 2 * 2 + 1),)),
    "nf4": Quantised(2, 1, scales=((64, 1, 1), (64 * 256, 1, 4)), expands=True),
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
