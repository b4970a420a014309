"""What one mode of running a network needs at one size, and what that implies for other sizes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import floor, inf, sqrt

from archcalc.memory.allocator import Blocks
from archcalc.memory.footprint import Footprint, tensors, weights
from archcalc.memory.generation import Generation, generate
from archcalc.memory.run import Run
from archcalc.memory.simulation import simulate
from archcalc.memory.structure import Structure
from archcalc.network.load import Graph

# No larger size is ever asked for.
_MOST = 2**41


class Need(ABC):
    """What is needed, in the bytes that are compared with the available memory."""

    def __init__(self, bytes: int) -> None:
        self.bytes = bytes

    def _is_far(self, room: int, others: Mapping[int, Need]) -> bool:
        """Whether the room is far above, or far below, all that is needed at these sizes: growth may change there."""
        return all(3 * abs(one.bytes - room) > room for one in (self, *others.values()))

    @abstractmethod
    def likely(self, room: int, size: int, others: Mapping[int, Need]) -> int | None:
        """The largest size that needs no more than `room`, extrapolated from a few sizes; None if there is no limit.

        Args:
            size: the size at which this is needed.
            others: what is needed at up to two other sizes, the most informative first.
        """


class RunNeed(Need):
    """What a run needs.

    Args:
        bytes: by default the run's peak.
        most: how many bytes may be alive for the need to stay within a given room; by default the room itself.
    """

    def __init__(self, run: Run, bytes: int | None = None, most: Callable[[int], int] = int) -> None:
        stays = run.parameters + run.buffers + run.optimizer
        self.alive: Sequence[int] = [moment.live for moment in run.moments] or [run.base]
        self.stays: Sequence[int] = [
            stays + moment.gradients + (moment.passing if moment.phase == "step" else 0) for moment in run.moments
        ] or [stays]
        self.most = most
        super().__init__(run.peak if bytes is None else bytes)

    def likely(self, room: int, size: int, others: Mapping[int, Need]) -> int | None:
        """The size at which the first moment fills the room, if every moment keeps growing as it did.

        Growth is a line through two sizes or a parabola through three: what attention saves may grow with the square.
        """
        most = self.most(room)
        known = {
            other: need.alive
            for other, need in others.items()
            if isinstance(need, RunNeed) and len(need.alive) == len(self.alive)
        }
        if not known or (len(known) == 1 and self._is_far(room, others)):
            known[0] = self.stays  # about what a size of zero would need
        (first, there), *further = known.items()
        ends: Iterable[float]
        if further:
            second, elsewhere = further[0]
            points, high = zip(elsewhere, there, self.alive), max(self.alive) // 2
            ends = (_reach(most, (second, z), (first, y), (size, x)) for z, y, x in points if x > high)
        else:
            slopes = ((now - then) / (size - first) for then, now in zip(there, self.alive))
            ends = ((most - now) / slope for now, slope in zip(self.alive, slopes) if slope > 0)
        end = min(ends, default=inf)
        return None if end == inf else size + floor(end)


def _through(last: tuple[int, int], first: tuple[int, int], *second: tuple[int, int]) -> Callable[[int], float]:
    """The line through two points (size, bytes), or the parabola through three."""
    (size, x), slope, bend = last, *_growth(last, first, *second)
    return lambda other: x + (slope + bend * (other - size)) * (other - size)


def _growth(last: tuple[int, int], first: tuple[int, int], *second: tuple[int, int]) -> tuple[float, float]:
    """The slope at the last point, and half its change. If growth seems to slow down, it is taken to be linear."""
    (size, x), (before, y) = last, first
    slope, bend = (x - y) / (size - before), 0.0
    for earlier, z in second:
        bend = max(0, (slope - (y - z) / (before - earlier)) / (size - earlier))
    return slope + bend * (size - before), bend


def _reach(most: int, *points: tuple[int, int]) -> float:
    """How far beyond the last of three points (size, bytes) the parabola through them reaches `most`."""
    second, first, (size, x) = points
    slope, bend = _growth((size, x), first, second)
    root = slope * slope + 4 * bend * (most - x)
    below = slope + sqrt(root) if root >= 0 else 0
    return 2 * (most - x) / below if below > 0 else inf


class GeneratingNeed(Need):
    """What generation needs.

    Args:
        blocks: how a device's allocator holds the weights; None if only bytes count.
    """

    def __init__(self, found: Generation, blocks: Blocks | None = None) -> None:
        self.blocks = blocks
        self.weights = found.parameter_bytes + found.buffer_bytes
        self.peak = found.peak_bytes
        prompt = found.peak_in_prompt
        pieces = [(cache.bytes // cache.pieces, cache.pieces) for cache in found.caches]
        self.caches = prompt.pieces if prompt is not None else pieces
        super().__init__(self._bytes(self.peak, self.caches))

    def _bytes(self, peak: int, caches: Iterable[tuple[int, int]]) -> int:
        return peak if self.blocks is None else self.blocks.plus(caches).taken(peak).shown

    def likely(self, room: int, size: int, others: Mapping[int, Need]) -> int | None:
        """The size at which the room is full, if every cache grows linearly, and the peak as it did.

        The peak grows along a line through two sizes or a parabola through three, as in a run.
        """
        known = {other: need for other, need in others.items() if isinstance(need, GeneratingNeed)}
        peaks = [(other, need.peak) for other, need in known.items()]
        if not peaks or (len(peaks) == 1 and self._is_far(room, others)):
            peaks.append((0, self.weights))  # about what a size of zero would need
        peak_at = _through((size, self.peak), *peaks[:2])
        alike = ((other, need.caches) for other, need in known.items() if len(need.caches) == len(self.caches))
        earlier, then = next(alike, (0, [(0, count) for _, count in self.caches]))
        lines: Counter[tuple[int, int]] = Counter()
        for (old, _), (bytes, count) in zip(then, self.caches):
            lines[old, bytes] += count

        def at(other: int, old: int, now: int) -> int:
            return max(0, now + (now - old) * (other - size) // (size - earlier))

        def fits(other: int) -> bool:
            caches = [(at(other, *line), count) for line, count in lines.items()]
            return self._bytes(floor(peak_at(other)), caches) <= room

        low, high = 0, 1
        while fits(high):
            if high > _MOST:
                return None
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if fits(middle) else (low, middle)
        return low


class Needs:
    """What a network needs in one mode, as nvidia-smi shows it if there is a device.

    Args:
        found: the network's memory at one size.
        structure: its structure at that size, for `simulate`.
    """

    def __init__(self, found: Footprint, structure: Structure) -> None:
        self.found, self.running, self.device, self.structure = found, found.running, found.running.chip, structure
        self._blocks: dict[bool, Blocks] = {}

    @property
    def first(self) -> Need:
        """What the network needs at the size of `found`."""
        if self.found.run is not None:
            return self._of(self.found.run)
        assert self.found.generation is not None
        return self._of_generation(self.found.generation)

    def __call__(self, graph: Graph) -> Need:
        """What the network needs at the size of `graph`."""
        if self.found.generation is not None:
            known = self.found.generation if graph.nodes is self.found.graph.nodes else None
            return self._of_generation(
                generate(graph, self.running, int(graph.settings.values[self.found.generation.dim]), known)
            )
        same = graph.nodes is self.structure.graph.nodes
        return self._of(simulate(graph, self.running, self.structure if same else None))

    def _of_generation(self, found: Generation) -> Need:
        if self.device is None:
            return GeneratingNeed(found)
        if False not in self._blocks:
            self._blocks[False] = Blocks(weights(found.graph, self.running), self.device)
        return GeneratingNeed(found, self._blocks[False])

    def _of(self, run: Run) -> Need:
        if self.device is None:
            return RunNeed(run)
        if run.all_gradients not in self._blocks:  # they do not depend on the size
            known = self.found.run is not None and self.found.run.all_gradients == run.all_gradients
            stays: Iterable[tuple[int, int]] = self.found.tensors
            if not known:
                stays = tensors(self.found.graph, self.running, run.all_gradients, self.structure)
            self._blocks[run.all_gradients] = Blocks(stays, self.device)
        blocks = self._blocks[run.all_gradients]
        return RunNeed(run, blocks.taken(run.peak).shown, blocks.largest_peak)
