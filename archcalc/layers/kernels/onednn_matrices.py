"""Convolutions that oneDNN runs as products of matrices, and how many windows it writes out as rows for them.

Source: gemm_convolution_utils.cpp of oneDNN 3.12.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from archcalc.layers.kernels.onednn_seen import Seen
from archcalc.layers.kernels.onednn_threads import ALIGNED, BLOCK, up
from archcalc.records import NamedTuple

_FLOAT = 4
# Bytes of a core's second-level cache, which a block should fit into: an assumption about the processor.
SECOND_CACHE = 2**20
# With fewer multiplications per thread, threads divide samples rather than one product.
_FEW = 2**16
# The same holds with fewer results per thread, or fewer taps.
_FEW_RESULTS, _FEW_TAPS = 512, 64
# Limits of its workspace: bytes, and times the bytes of all tensors for each thread.
_ROOM, _ROOM_TIMES = 2**30, 15
# Share of the limit that is used if windows are written out a few at a time.
_SHARE = 0.1
# How many times slower uncached numbers and strided windows are.
_FAR, _STEPS = 20, 8
# Fewest output channels of a block, and a number of positions that suits the product.
_CHANNELS, _SUITED = 8, 48


def limit(seen: Seen) -> int:
    """The most bytes that the workspace may take."""
    return min(_ROOM, _ROOM_TIMES * seen.threads * (seen.source + seen.weights + seen.result))


def forward_rows(seen: Seen) -> int:
    """Bytes of the windows that the forward pass writes out."""
    if seen.keeps_sizes:
        return 0
    steps, columns = seen.strides[2], seen.inputs * seen.taps
    planes = seen.samples * seen.groups
    shared = planes * seen.windows >= seen.threads * BLOCK or seen.windows < planes
    if not seen.deep and (shared or (steps == 1 and 20 * columns <= seen.outputs)):
        positions, inputs = _Search(seen).best()
        return seen.threads * inputs * seen.taps * positions * _FLOAT + ALIGNED
    several = seen.after[0] > 1 or seen.samples > 1 or seen.groups > 2
    products = seen.windows * seen.inputs * seen.outputs
    apart = seen.windows // seen.threads < _FEW_RESULTS and several
    apart = apart and _shares(seen, planes * seen.after[0], seen.windows, seen.outputs, products)
    return _rows(seen, seen.threads if apart else 1, seen.windows)


def backward_rows(seen: Seen) -> int:
    """Bytes of the windows that are written out for the gradient of the input; in 16 bits, with sums in fp32."""
    if seen.keeps_sizes:
        return 0
    pixels = seen.before[1] * seen.before[2]
    few = seen.windows // seen.threads < _FEW_RESULTS or seen.taps < _FEW_TAPS
    several = seen.samples > 1 or seen.groups > 2
    products = pixels * seen.inputs * seen.outputs
    apart = few and several and _shares(seen, seen.samples * seen.groups, pixels, seen.inputs, products)
    threads = seen.threads if apart else 1
    at_once = limit(seen) // (_FLOAT * threads * seen.inputs * seen.taps)
    sums = threads * up(prod(seen.before) * seen.inputs) * _FLOAT + ALIGNED if seen.width < _FLOAT else 0
    return sums + _rows(seen, threads, seen.windows if seen.windows <= at_once else max(BLOCK, int(at_once * _SHARE)))


def _rows(seen: Seen, threads: int, windows: int) -> int:
    return threads * seen.inputs * seen.taps * windows * _FLOAT + ALIGNED


def _shares(seen: Seen, parts: int, positions: int, channels: int, products: int) -> bool:
    """Whether threads with separate products are as busy as threads that share one product."""
    inner = -(-positions // BLOCK) * -(-channels // BLOCK)
    busy, together = parts / up(parts, seen.threads), inner / up(inner, seen.threads)
    return busy >= together or products // seen.threads < _FEW


class _Block(NamedTuple):
    """Output channels, positions and input channels of a block."""

    outputs: int
    positions: int
    inputs: int


class _Search:
    """The search for the block that keeps threads and caches busiest; each thread has its own positions."""

    def __init__(self, seen: Seen) -> None:
        self.seen, self.cached = seen, SECOND_CACHE // _FLOAT
        self.positions = seen.samples * seen.groups * seen.windows
        self.most, self.found = 0.0, _Block(1, 1, seen.inputs)

    def best(self) -> tuple[int, int]:
        """Positions and input channels that are written out at a time."""
        seen = self.seen
        for teams in range(1, seen.threads + 1):
            outputs, positions = -(-seen.outputs // teams), -(-self.positions // (seen.threads // teams))
            self._try(teams, outputs, positions)
            if self.found == (outputs, positions, seen.inputs):
                continue
            for block in self._blocks(outputs, positions):
                self._explore(teams, *block)
        return self.found.positions, self.found.inputs

    def _blocks(self, outputs: int, positions: int) -> Iterator[tuple[int, int]]:
        """Output channels and positions that fill the cache: with all input channels, with fewer, with all output channels."""
        seen = self.seen
        whole, read, kept = seen.inputs, seen.strides[1] * seen.strides[2] + seen.taps, seen.taps * outputs

        def positions_with(channels: int, inputs: int) -> int:
            return (self.cached - kept * inputs) // (read * inputs + channels)

        channels = max(_CHANNELS, min(outputs, (self.cached - (read * BLOCK + kept) * whole) // BLOCK))
        yield channels, max(BLOCK, min(positions, positions_with(channels, whole)))
        most = max(1, self.cached // (2 * _CHANNELS * read + 2 * kept))
        if most < whole:
            inputs = whole // max(1, whole // most)
            places = max(1, (self.cached - 2 * kept * inputs) // (2 * inputs * read))
            channels = self.cached // 2 // places
            if channels > outputs:
                channels, places = outputs, max(BLOCK, min(positions, positions_with(outputs, inputs)))
            elif places > positions:
                places = positions
                channels = max(_CHANNELS, min(outputs, (self.cached - (read * places + kept) * inputs) // places))
            yield channels, places
        yield outputs, max(BLOCK, positions_with(outputs, whole) // BLOCK * BLOCK)

    def _explore(self, teams: int, outputs: int, positions: int) -> None:
        self._try(teams, outputs, positions)
        down, over = outputs // 8 * 8, up(outputs, 8)
        for channels, places in (
            (down, positions // _SUITED * _SUITED),
            (over, positions // _SUITED * _SUITED),
            (over, up(positions, BLOCK)),
            (over, up(positions, _SUITED)),
        ):
            self._try(teams, channels, places)

    def _try(self, teams: int, outputs: int, positions: int) -> None:
        seen = self.seen
        of_outputs, members = -(-seen.outputs // teams), seen.threads // teams
        of_positions = -(-self.positions // members)
        outputs = min(of_outputs, max(_CHANNELS, min(of_outputs, outputs)))
        places = min(seen.windows, of_positions)
        positions = min(places, max(BLOCK, min(of_positions, positions)))
        inputs = self._inputs(outputs, positions, of_outputs, of_positions)
        cost = 1 if inputs else _FAR
        inputs = max(1, seen.inputs // -(-seen.inputs // max(1, inputs)))
        parts = -(-seen.inputs // inputs)
        depth, columns = inputs * seen.taps, seen.inputs * seen.taps
        step = seen.strides[1] * seen.strides[2]
        written = cost * of_outputs * up(of_positions) * (1 if inputs == seen.inputs else 2 * parts - 1)
        read = cost * seen.taps * seen.inputs * up(of_positions * step)
        copied = int(2 * read * up(positions) / positions) * (_STEPS if seen.strides[2] != 1 else 1)
        weights = cost * of_outputs * up(columns)
        busy = of_positions / BLOCK * of_outputs * columns / (read + copied + weights + written)
        even = of_outputs / up(of_outputs, outputs) * places / up(places, positions)
        even *= seen.inputs / up(seen.inputs, inputs) * positions / up(positions, 3 * BLOCK)
        share = positions * outputs * depth / (of_outputs * of_positions * columns)
        suited = positions / BLOCK * outputs * depth
        suited /= up(positions) * depth + outputs * up(depth) + outputs * up(positions)
        found = self._balance(teams) ** 8 * even * busy * share**0.5 * suited
        if found > self.most:
            self.most, self.found = found, _Block(outputs, positions, inputs)

    def _balance(self, teams: int) -> float:
        """The smallest share of work of a thread, divided by the largest."""
        seen = self.seen
        largest, smallest = -(-seen.outputs // teams), max(1, seen.outputs // teams)
        slowest, fastest = self.positions // (seen.threads // teams), -(-seen.threads // teams)
        most = -(-self.positions // (seen.threads // teams))
        over, left = seen.outputs % teams, seen.threads % teams
        top = largest * most
        if over <= left:
            top = max(largest * -(-self.positions // fastest), smallest * most)
        least = max(1, self.positions // fastest)
        bottom = smallest * least if left > over else min(largest * least, smallest * slowest)
        return bottom / top

    def _inputs(self, outputs: int, positions: int, of_outputs: int, of_positions: int) -> int:
        """The number of input channels that the cache holds."""
        seen = self.seen
        read, rows = seen.strides[1] * seen.strides[2] * positions, seen.taps * positions
        if positions < of_positions:
            return (self.cached - outputs * positions) // (read + rows + seen.taps * of_outputs)
        found = self.cached // (read + rows)
        if outputs < of_outputs:
            found = min(found, (self.cached - outputs * positions) // (rows + seen.taps * outputs))
        if found < seen.inputs:
            found = (self.cached - outputs * positions) // (read + rows + seen.taps * of_outputs)
        return found
