"""Two networks compared: which layers were added, removed and changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from math import prod

from archcalc.difference.changes import Change, Comparison
from archcalc.difference.checkpoints import Checkpoints, checkpoints
from archcalc.difference.matching import match
from archcalc.difference.record import LayerRecord, Read
from archcalc.difference.renaming import Renaming, renamings
from archcalc.difference.settings import Facts, Setting, changed
from archcalc.difference.side import COSTS, MEASURES, Side
from archcalc.network.graph import Node
from archcalc.records import NamedTuple


class Pair:
    """A layer before and after; None on the side that does not have it.

    Attributes:
        changes: what changed in a layer that both have.
        place: what an added or removed layer reads.
        block: the outermost block or list around it that was added or removed as a whole.
    """

    __slots__ = ("base", "block", "changes", "head", "place")

    def __init__(
        self, base: LayerRecord | None, head: LayerRecord | None, changes: list[Change] | None = None, place: str = ""
    ) -> None:
        self.base = base
        self.head = head
        self.changes = changes or []
        self.place = place
        self.block: Block | None = None

    @property
    def record(self) -> LayerRecord:
        """The layer after the change; a removed one before it."""
        record = self.head or self.base
        assert record is not None
        return record


class Block(NamedTuple):
    """A block or list of layers: where it is, its label, and how often it occurs."""

    id: str
    label: str
    copies: int


class Difference:
    """What changed.

    Attributes:
        file: the name of the files if many are compared.
        entries: added, removed and changed layers, in the order of the network.
        inherited: unchanged layers whose costs differ because their input shapes do.
        unchanged: how many layers are unchanged, at the same costs.
        reordered: how many of these run at another point without any other change.
        renamed: changed names; settings: what changed besides the layers.
        checkpoints: what becomes of a state dict.
    """

    def __init__(self, base: Side, head: Side) -> None:
        self.base = base
        self.head = head
        self.file = ""
        self.entries: list[Pair] = []
        self.inherited: list[Pair] = []
        self.unchanged = 0
        self.reordered = 0
        self.renamed: list[Renaming] = []
        self.settings: list[Setting] = []
        self.checkpoints = Checkpoints()

    @property
    def changed(self) -> list[Pair]:
        """Layers that both have, with changes."""
        return [entry for entry in self.entries if entry.base is not None and entry.head is not None]

    @property
    def added(self) -> list[LayerRecord]:
        """Layers that only the head has."""
        return [entry.head for entry in self.entries if entry.base is None and entry.head is not None]

    @property
    def removed(self) -> list[LayerRecord]:
        """Layers that only the base has."""
        return [entry.base for entry in self.entries if entry.head is None and entry.base is not None]

    @property
    def is_empty(self) -> bool:
        """Whether both are the same network with the same settings."""
        told = self.entries or self.inherited or self.renamed or self.settings or self.reordered
        return not told and self.base.model == self.head.model

    @property
    def measures(self) -> list[str]:
        """The measures that are known for both."""
        return list(COSTS if self.base.saved or self.head.saved else MEASURES)

    def totals(self, measure: str) -> tuple[int, int]:
        """A measure before and after."""
        return self.base.total(measure) or 0, self.head.total(measure) or 0

    def growth(self, measure: str) -> float:
        """How much `measure` grew, relative to before; infinite if it was 0."""
        before, after = self.totals(measure)
        return (after - before) / before if before else (float("inf") if after else 0.0)

    def settle(self, measures: Collection[str], budget: bool) -> None:
        """Compute the totals that may be asked for, and release what is not needed to report the difference."""
        for side in (self.base, self.head):
            side.settle(measures, budget and side is self.head)
        for entry in (*self.entries, *self.inherited):
            for record in (entry.base, entry.head):
                if record is not None:
                    record.settle()


def difference(base: Side, head: Side) -> Difference:
    """Compare two networks, which are both read from specs or both reduced to what saved JSON holds."""
    found = Difference(base, head)
    while base.divide_as(head) or head.divide_as(base):  # once for each level of repeats inside repeats
        pass
    _same_inputs(base, head)
    matching = match(base.layers, head.layers)
    comparison = Comparison(matching, wired=not base.saved)
    placed: list[tuple[float, Pair]] = []
    after = -1.0
    for x, old in enumerate(matching.base):
        y = matching.to_head[x]
        if y is None:
            placed.append((after + 0.5, Pair(old, None, place=comparison.position(x, False))))
            continue
        after = y
        new = matching.head[y]
        changes = comparison.changes(x, y)
        pair = Pair(old, new, changes)
        if changes:
            placed.append((y, pair))
        elif not new.costs_as(old):
            found.inherited.append(pair)
        else:
            found.unchanged += 1
    for y, new in enumerate(matching.head):
        if matching.to_base[y] is None:
            placed.append((y, Pair(None, new, place=comparison.position(y, True))))
    found.entries = [entry for _, entry in sorted(placed, key=lambda one: one[0])]
    _blocks(found)
    found.reordered = 0 if comparison.branches_reordered else comparison.out_of_order
    found.renamed = renamings((matching.base[x], matching.head[y]) for x, y in matching.pairs())
    if base.facts is not None and head.facts is not None:
        was, now = _named_output(base, head, matching.to_head), _named_output(head, base, matching.to_base)
        found.settings = changed(was.facts, now.facts, comparison.outputs(was.outputs, now.outputs))
        found.checkpoints = checkpoints(matching)
    return found


def _same_inputs(base: Side, head: Side) -> None:
    """Give renamed inputs of the base the names that they have in the head."""
    if base.facts is None or head.facts is None:
        return
    gone = [name for name in base.facts.get("input", {}) if name not in head.facts.get("input", {})]
    new = [name for name in head.facts.get("input", {}) if name not in base.facts.get("input", {})]
    names = dict(zip((name or "input" for name in gone), (name or "input" for name in new)))
    if not names or len(gone) != len(new):
        return
    for record in base.layers:
        record.reads = tuple(
            (names.get(source, source) if isinstance(source, str) else source, part, again)
            for source, part, again in record.reads
        )


class _Told(NamedTuple):
    """What a spec says besides its layers, and what its outputs are."""

    facts: Facts
    outputs: dict[str, tuple[Read, ...]]


def _named_output(side: Side, other: Side, places: Sequence[int | None]) -> _Told:
    """What a side says, with its unnamed output under the name that the other side gives to the same layer."""
    assert side.facts is not None
    given = side.facts.get("output", {})
    if [*given] == [""] == [*side.outputs]:
        reads = tuple((places[a] if isinstance(a, int) else a, part, again) for a, part, again in side.outputs[""])
        for name, theirs in other.outputs.items():
            if reads == theirs:
                return _Told({**side.facts, "output": {name: given[""]}}, {name: side.outputs[""]})
    return _Told(side.facts, side.outputs)


def _blocks(found: Difference) -> None:
    """Mark the blocks that were added or removed as a whole, on their layers."""
    for some, of in ((found.added, found.head.layers), (found.removed, found.base.layers)):
        blocks = {id(node): Block(node.id, node.label, count) for record in some for node, count in _around(record)}
        there = Counter(id(node) for record in some for node, _ in _around(record))
        every = Counter(
            id(node) for record in (of if blocks else ()) for node, _ in _around(record) if id(node) in blocks
        )
        whole = {key: block for key, block in blocks.items() if 1 < there[key] == every[key]}
        inside = {id(record) for record in some}
        for entry in found.entries if whole else ():
            if id(entry.record) in inside:
                entry.block = next((whole[id(node)] for node, _ in _around(entry.record) if id(node) in whole), None)


def _around(record: LayerRecord) -> Iterator[tuple[Node, int]]:
    """What a layer is inside, outermost first, then itself if it contains layers; each with its number of copies."""
    for node, levels in record.groups:
        yield node, prod(number for _, _, number in record.levels[:levels])
    if record.node is not None and record.node.children:
        yield record.node, record.copies
