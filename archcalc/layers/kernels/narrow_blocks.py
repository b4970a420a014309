"""The blocks in which oneDNN multiplies 16-bit matrices on a processor with AVX-512's bf16 instructions.

oneDNN tries the blocks that divide the work among the threads and takes those that keep the threads equally busy.
Source: compute_blocking_heuristic_avx512 in brgemm_matmul_utils.cpp of oneDNN 3.12; compared with what PyTorch 2.13 allocates.
"""

from __future__ import annotations

from functools import cache

from archcalc.layers.kernels.onednn_threads import up
from archcalc.records import NamedTuple

# Columns of a block; its most and fewest rows, and the fewest if there are too few blocks for the threads.
COLUMNS, _MOST, _LEAST, _FEWER = 64, 256, 32, 16
# Depth of a block, and its depth for long sums.
_DEEP, _DEEPER = 512, 1024
# Blocks of columns that one copy of a turned matrix serves; the depth from which threads share a sum, and how many do.
_SERVED, _LONG, _SHARING = 16, 2048, 4
# From this many tasks per thread on, it does not matter that some threads have one more.
_PLENTY = 3


class Blocks(NamedTuple):
    """What one thread works on: rows, blocks of columns, depth of the sum, and how many threads share a sum."""

    rows: int
    columns: int
    deep: int
    sharing: int


@cache
def blocks(rows: int, depth: int, columns: int, threads: int, turned: bool) -> Blocks:
    """The blocks of a product [rows, depth] × [depth, columns]; `turned`: the first matrix is stored column by column."""
    across = -(-columns // COLUMNS)
    deep = min(depth, _DEEPER if depth > _DEEPER and not turned else _DEEP)
    most, least, shares = min(_MOST, rows), min(_LEAST, rows), 1
    if threads > across:
        least = min(_FEWER, rows)
        if turned and depth >= _LONG and depth & (depth - 1) == 0:
            shares = min(threads, _SHARING)
    found, worst = Blocks(most, 1, deep, 1), 1.0
    for sharing in range(shares, 0, -1):
        busy, known = threads // sharing, worst
        idle = (threads - busy * sharing) / threads + _uneven(depth, sharing * deep)
        for served in range(min(_SERVED if turned else 1, across), 0, -1):
            groups = -(-across // served)
            spare = (groups * served - across) / across + idle
            for size in range(most, least - 1, -1):
                parts = -(-rows // size)
                tasks = parts * groups
                if shares == 1 and tasks < _PLENTY * busy and tasks % busy:
                    continue
                score = (_uneven(tasks, busy) + size * parts % rows / rows + spare) / 5
                if score < worst:
                    found, worst = Blocks(size, served, deep, sharing), score
                if score == idle / 5:  # no other size is better with these
                    break
            if worst == idle / 5:
                break
        if worst == known:
            tasks = -(-rows // least) * across
            score = (_uneven(tasks, busy) + least * -(-rows // least) % rows / rows + idle) / 5
            if score < worst:
                found, worst = Blocks(least, 1, deep, sharing), score
    return found


def _uneven(work: int, size: int) -> float:
    """How far `work` is from a multiple of `size`, as a fraction of `size`."""
    left = work % size
    return (size - left if work < size else min(size - left, left)) / size


def room(rows: int, depth: int, columns: int, threads: int, turned: bool) -> int:
    """Bytes of the blocks of all threads: of the second matrix, of the sums in fp32, and of the first if it is turned."""
    one = blocks(rows, depth, columns, threads, turned)
    deep = up(one.deep, 32)
    summed = min(columns, COLUMNS) * 4 * (rows if one.sharing > 1 else one.rows)
    if one.sharing == 1 and one.deep < depth:
        summed *= one.columns
    copied = 0
    if turned:
        copied = 2 * one.rows * (deep + 32 if deep >= _DEEP and deep & (deep - 1) == 0 else deep)
    return threads * (summed + deep * COLUMNS * 2 + copied)
