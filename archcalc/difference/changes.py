"""What changed in one layer: its kind, its keys, its inputs, its number of copies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from typing import Any

from archcalc.difference.flattening import POSITION
from archcalc.difference.matching import Matching, sources
from archcalc.difference.record import LayerRecord, Level, Read
from archcalc.layers.arguments import Argument, Size
from archcalc.layers.base import Layer
from archcalc.layers.code import Code
from archcalc.layers.feature_axis import FeatureAxis
from archcalc.layers.tensor import Tensor
from archcalc.network.codes import code_of

# Kinds of changes other than to a key of the layer.
KIND, COPIES, READS, ORDER, PLACE, TIE, COSTS = "kind", "copies", "reads", "order", "place", "tie", "costs"
FROZEN, CACHE = "frozen", "cache"

_BEFORE = "the copy before"


class Change:
    """One thing that changed in a layer.

    Attributes:
        key: a key of the layer, or one of the kinds above.
        before, after: as written in a spec; None for a key that is not given and has no default.
        subject: for a change of copies, the id of what is copied.
    """

    __slots__ = ("after", "before", "key", "subject")

    def __init__(self, key: str, before: str | None, after: str | None, subject: str = "") -> None:
        self.key = key
        self.before = before
        self.after = after
        self.subject = subject

    def __repr__(self) -> str:
        return f"Change({self.key!r}, {self.before!r}, {self.after!r})"


class Comparison:
    """The pairs of a matching, compared one by one."""

    def __init__(self, matching: Matching, wired: bool = True) -> None:
        self.matching = matching
        self.wired = wired  # whether it is known what each layer reads
        self.moved: set[tuple[int, int]] = set()
        self.branches_reordered = False
        self._see()
        off = matching.out_of_order()
        self.moved = {pair for pair in off if wired and self._rewired(*pair)}
        self.out_of_order = len(off) - len(self.moved)
        if self.moved:
            self._see()

    def _see(self) -> None:
        """Find what readers see of each layer, looking through layers that were added, removed or moved."""
        before, after = list(self.matching.to_head), list(self.matching.to_base)
        for x, y in self.moved:
            before[x] = after[y] = None
        self._before, self._after = sources(self.matching.base, before), sources(self.matching.head, after)

    def changes(self, x: int, y: int) -> list[Change]:
        """What changed from base[x] to head[y]."""
        old, new = self.matching.base[x], self.matching.head[y]
        found = []
        if old.content != new.content:
            if old.op != new.op or old.node is None or new.node is None:
                found.append(Change(KIND, old.label, new.label))
            else:
                found += _keys(old, new)
        elif (change := _along(old, new)) is not None:
            found.append(change)
        found += _copies(old, new)
        if (x, y) in self.moved:
            found.append(Change(PLACE, self.position(x, False), self.position(y, True)))
        elif self.wired and (change := self._rewired(x, y)) is not None:
            self.branches_reordered |= change.key == ORDER
            found.append(change)
        found += self._ties(old, new)
        if old.frozen != new.frozen and old.params and new.params:
            found.append(Change(FROZEN, str(old.frozen).lower(), str(new.frozen).lower()))
        if old.cached != new.cached:
            found.append(Change(CACHE, str(old.cached).lower(), str(new.cached).lower()))
        if not found and old.inputs == new.inputs and not new.costs_as(old):
            found.append(Change(COSTS, *_costs(old, new)))
        return found

    # -- what it reads ----------------------------------------------------------------------

    def _rewired(self, x: int, y: int) -> Change | None:
        """How its inputs changed, apart from layers that were added, removed or moved in between."""
        old, new = self.matching.base[x], self.matching.head[y]
        to_head = self.matching.to_head
        if len(old.reads) == len(new.reads) and all(
            part == other_part and again == other_again and (to_head[a] if isinstance(a, int) else a) == b
            for (a, part, again), (b, other_part, other_again) in zip(old.reads, new.reads)
        ):
            return None
        direct = [
            [
                (to_head[one[0]] if side is old and isinstance(one[0], int) else one[0], one[1])
                for one in side.reads
                if not one[2]
            ]
            for side in (old, new)
        ]
        for again in (False, True):
            before = [self._seen(read, False) for read in old.reads if read[2] == again]
            after = [self._seen(read, True) for read in new.reads if read[2] == again]
            if again and old.count != new.count:
                return None  # the number of copies changed
            if again and len(before) != len(after):
                if direct[0] != direct[1]:
                    return None  # what reads the copy before is another layer
                told = [
                    self._names(index, head) + (f", then {_BEFORE}" if reads else "")
                    for index, head, reads in ((x, False, before), (y, True, after))
                ]
                return Change(READS, told[0], told[1])
            if len(before) == len(after) and all(map(_agree, before, after)):
                continue
            if Counter(before) == Counter(after):
                return Change(ORDER, *_orders(before, after))
            names = self._names(x, False), self._names(y, True)
            if names[0] == names[1]:  # other layers of the same names
                names = self._names(x, False, labels=True), self._names(y, True, labels=True)
            return Change(READS, *names)
        # what the first copy reads and what later ones read: each in order, interleaved in any way
        reads = [self._seen(read, False) for read in old.reads], [self._seen(read, True) for read in new.reads]
        if reads[0] != reads[1] and Counter(reads[0]) == Counter(reads[1]):
            return Change(ORDER, *_orders(*reads))
        return None

    def _seen(self, read: Read, head: bool) -> tuple[frozenset[Any], str, bool]:
        """Reads in terms of the head: layers by their places there."""
        source, part, again = read
        if isinstance(source, str):
            return frozenset((source,)), part, again
        if head:
            return self._after[source], part, again
        to_head = self.matching.to_head
        return frozenset(to_head[one] if isinstance(one, int) else one for one in self._before[source]), part, again

    def _names(self, index: int, head: bool, labels: bool = False) -> str:
        records = self.matching.head if head else self.matching.base
        reads = records[index].reads
        first = [read for read in reads if not read[2]] or reads
        return ", ".join(dict.fromkeys(_name(records, read, labels) for read in first)) or "nothing"

    def position(self, index: int, head: bool) -> str:
        """The layers that a layer reads; empty if unknown."""
        return self._names(index, head) if self.wired else ""

    def outputs(
        self, base: Mapping[str, tuple[Read, ...]], head: Mapping[str, tuple[Read, ...]]
    ) -> dict[str, tuple[str, str]]:
        """The outputs whose name now belongs to another layer, with the names of both layers."""
        found = {}
        for name in base:
            if name not in head:
                continue
            before, after = (
                [self._seen(read, side) for read in reads] for side, reads in ((False, base[name]), (True, head[name]))
            )
            if len(before) != len(after) or not all(map(_agree, before, after)):
                found[name] = (
                    ", ".join(_name(self.matching.base, read, False) for read in base[name]),
                    ", ".join(_name(self.matching.head, read, False) for read in head[name]),
                )
        return found

    def _ties(self, old: LayerRecord, new: LayerRecord) -> Iterator[Change]:
        before, after = dict(old.ties), dict(new.ties)
        seen = set()
        for name in {**before, **after}:
            owners = [self.matching.to_head[before[name]] if name in before else None, after.get(name)]
            if owners[0] != owners[1] or (name in before) != (name in after):
                ids = (
                    self.matching.base[before[name]].id if name in before else None,
                    self.matching.head[after[name]].id if name in after else None,
                )
                if ids not in seen:
                    seen.add(ids)
                    yield Change(TIE, *ids)


def _agree(before: tuple[frozenset[Any], str, bool], after: tuple[frozenset[Any], str, bool]) -> bool:
    """Whether any of the previous inputs is still read in the same way."""
    return before[1:] == after[1:] and (before[0] == after[0] or bool(before[0] & after[0]))


def _orders(before: Sequence[Any], after: Sequence[Any]) -> tuple[str, str]:
    """`1, 2, 3`, and where each of the new inputs was before, e.g. `1, 3, 2`."""
    places: dict[Any, list[int]] = {}
    for number, one in enumerate(before, 1):
        places.setdefault(one, []).append(number)
    order = [str(places[one].pop(0)) for one in after]
    return ", ".join(map(str, range(1, len(before) + 1))), ", ".join(order)


def _name(records: Sequence[LayerRecord], read: Read, label: bool) -> str:
    source, part, _ = read
    if isinstance(source, str):
        return source
    record = records[source]
    part = part.removesuffix(POSITION).rstrip()
    return record.id + (f".{part}" if part else "") + (f" ({record.label})" if label else "")


def _copies(old: LayerRecord, new: LayerRecord) -> Iterator[Change]:
    """Changed numbers of copies; of nested ones, those that differ."""
    if old.count == new.count:
        return
    levels = _levels(old.levels, new.levels)
    if levels is None:
        yield Change(COPIES, f"×{old.count:,}", f"×{new.count:,}")
        return
    for subject, before, after in levels:
        yield Change(COPIES, f"×{before:,}", f"×{after:,}", subject)


def _levels(old: tuple[Level, ...], new: tuple[Level, ...]) -> list[tuple[str, int, int]] | None:
    """Levels that are copied a different number of times; None if the levels themselves differ."""
    if len(old) == len(new):
        return [(other[0], one[2], other[2]) for one, other in zip(old, new) if one[2] != other[2]] or None
    longer, shorter = (old, new) if len(old) > len(new) else (new, old)
    if len(longer) != len(shorter) + 1:
        return None
    for index, (subject, _, number) in enumerate(longer):
        rest = [level[2] for level in longer[:index] + longer[index + 1 :]]
        if rest == [level[2] for level in shorter]:
            return [(subject, number, 1) if longer is old else (subject, 1, number)]
    return None


# -- keys ---------------------------------------------------------------------------------------


def _keys(old: LayerRecord, new: LayerRecord) -> list[Change]:
    """The keys whose values differ, unless the layer computes the same with both."""
    before, after = _layer(old), _layer(new)
    found: list[Change] = []
    respelled: list[Change] = []
    names = dict.fromkeys([*before.arguments, *before.__dict__, *after.__dict__])
    for name in names:
        argument = before.arguments.get(name) or before.free_keys
        if argument is None:
            continue
        values = before.__dict__.get(name), after.__dict__.get(name)
        if any(isinstance(value, Tensor) for value in values):
            if not all(isinstance(value, Tensor) for value in values):
                words = ["given" if isinstance(value, Tensor) else None for value in values]
                found.append(Change(name, words[0], words[1]))
        elif values[0] != values[1]:
            change = Change(name, _show(argument, values[0]), _show(argument, values[1]))
            (respelled if _one_size(argument, values) else found).append(change)
    same = not before.declared and _same_code(old, new)  # declared costs are not in the code
    if not found or same:
        return [] if found or same else respelled
    return found


def _along(old: LayerRecord, new: LayerRecord) -> Change | None:
    """The axis of a layer that works along channels or features, if these are on another axis now."""
    axes = []
    for record in (old, new):
        node = record.node
        if node is None or not isinstance(node.layer, FeatureAxis) or node.layer.axis is not None or not node.inputs:
            return None
        axes.append((node.inputs[0].rank, node.layer.along(node.inputs[0])))
    (rank, before), (other, after) = axes
    return Change("axis", str(before), str(after)) if rank == other and before != after else None


def _show(argument: Argument, value: Any) -> str | None:
    return None if value is None else argument.show(value)


def _one_size(argument: Argument, values: tuple[Any, Any]) -> bool:
    """Whether the values are like `3` and `3x3`."""
    if not isinstance(argument, Size) or not argument.spreads or not all(isinstance(value, tuple) for value in values):
        return False
    return len({*values[0], *values[1]}) == 1


def _same_code(old: LayerRecord, new: LayerRecord) -> bool:
    """Whether the old keys would give the same PyTorch code in the new place."""
    assert new.node is not None
    if new.node.children or [len(shape) for shape, *_ in old.inputs] != [len(shape) for shape, *_ in new.inputs]:
        return False  # the inside of a layer is compared separately
    other = copy(new.node)
    other.layer = _layer(old)
    return _told(code_of(other)) == _told(code_of(new.node))


def _layer(record: LayerRecord) -> Layer:
    assert record.node is not None
    assert record.node.layer is not None
    return record.node.layer


def _told(code: Code) -> tuple[Any, ...]:
    return code.module, code.imported, code.around, code.args, code.kwargs, code.call, code.values, code.outputs


def _costs(old: LayerRecord, new: LayerRecord) -> tuple[str, str]:
    """The first cost that differs."""
    for name in ("params", "macs", "output"):
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            return f"{name} {before}", f"{name} {after}"
    return "", ""
