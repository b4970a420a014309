"""Changes as rows: equal changes share a row, and so do the layers of a block added or removed as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from archcalc.difference.changes import COPIES, COSTS, KIND, ORDER, PLACE, READS, TIE, Change
from archcalc.difference.compare import Difference, Pair
from archcalc.difference.record import LayerRecord
from archcalc.difference.renaming import Renaming
from archcalc.difference.settings import KEYS, Setting
from archcalc.reports import numbers
from archcalc.reports.difference.headline import signed

ADDED, REMOVED, CHANGED = "+", "−", "~"


class Row:
    """One line: `sign`, what changed, and where and at what cost."""

    __slots__ = ("details", "sign", "what")

    def __init__(self, sign: str, what: str, *details: str) -> None:
        self.sign = sign
        self.what = what
        self.details = [detail for detail in details if detail]


def rows(found: Difference) -> list[Row]:
    """Everything that changed except costs."""
    return [*_layers(found), *map(_renamed, found.renamed), *_order(found), *settings(found.settings)]


# -- layers -------------------------------------------------------------------------------------


class _Group:
    """Layers with the same change."""

    def __init__(self) -> None:
        self.entries: list[Pair] = []
        self.costs: list[Pair] = []
        self.blocks: dict[str, int] = {}  # the number of copies of each

    @property
    def records(self) -> list[LayerRecord]:
        """The layers after the change; removed ones before it."""
        return [entry.record for entry in self.entries]

    def where(self) -> str:
        """`×35, features.0.2 to features.18.2`; empty for a single layer."""
        count = sum(record.copies for record in self.records)
        if count == 1:
            return ""
        first, last = self.records[0].id, _last(self.records[-1])
        return _between(count, first, last)


def _between(count: int, first: str, last: str) -> str:
    """`×6, enc.0.linear to enc.5.linear`; one id if no number distinguishes the copies."""
    return f"×{count:,}, {first} {'to' if count > 2 else 'and'} {last}" if first != last else f"×{count:,}, {first}"


def effect(pairs: Iterable[Pair]) -> str:
    """How much the costs of these layers changed in total."""
    known = list(pairs)
    for measure, word in (("params", "parameters"), ("macs", "MACs"), ("trainable", "trainable parameters")):
        change = sum(getattr(one.head, measure, 0) - getattr(one.base, measure, 0) for one in known)
        if change:
            return f"{signed(change)} {word}"
    return ""


def _layers(found: Difference) -> list[Row]:
    """A row for each kind of change, at the place of its first layer."""
    groups: dict[tuple[str, ...], _Group] = {}

    def add(entry: Pair, *key: str) -> _Group:
        group = groups.setdefault(key, _Group())
        group.entries.append(entry)
        return group

    for entry in found.entries:
        old, new = entry.base, entry.head
        if old is not None and new is not None:
            own = [change for change in entry.changes if change.key != COPIES or not change.subject]
            of_blocks = [change for change in entry.changes if change.key == COPIES and change.subject]
            added = [add(entry, CHANGED, _subject(old, new, own), ", ".join(map(_words, own)))] if own else []
            added += [add(entry, CHANGED, f"{one.subject}  {one.before} → {one.after}") for one in of_blocks]
            added[0].costs.append(entry)
            continue
        sign = ADDED if old is None else REMOVED
        block = entry.block
        group = add(entry, sign, "block", block.label) if block else add(entry, sign, entry.record.label)
        group.costs.append(entry)
        if block is not None:
            group.blocks[block.id] = block.copies
    return [_row(key, group) for key, group in groups.items()]


def _row(key: tuple[str, ...], group: _Group) -> Row:
    sign, costs = key[0], effect(group.costs)
    records = group.records
    if sign != CHANGED and len(key) == 3:
        first, last, copies = next(iter(group.blocks)), _last_block(group), sum(group.blocks.values())
        where = first if copies == 1 else _between(copies, first, last)
        layers = sum(record.copies for record in records)
        return Row(sign, key[2], where, f"{layers:,} layers", costs)
    if sign != CHANGED:
        where = group.where()
        if where:
            return Row(sign, key[1], where, costs)
        place = group.entries[0].place
        return Row(sign, _named(records[0]), f"after {place}" if place else "", costs)
    if len(key) == 2:  # the copies of a repeated block or list
        return Row(sign, key[1], f"{len(records):,} layers" if len(records) > 1 else "", costs)
    where = group.where()
    subject = key[1] if where else _single(group.entries[0])
    return Row(sign, f"{subject}  {key[2]}" if subject else key[2], where, costs)


def _subject(old: LayerRecord, new: LayerRecord, changes: list[Change]) -> str:
    """The subject of a row of several layers; a changed kind already names it."""
    return "" if any(change.key == KIND for change in changes) else new.op


def _single(entry: Pair) -> str:
    """A single layer by its name, with its kind if neither the name nor the change shows it."""
    record = entry.record
    shown = record.id.rpartition(".")[2].startswith(record.op) or any(one.key == KIND for one in entry.changes)
    return record.id if shown else f"{record.id} ({record.op})"


def _named(record: LayerRecord) -> str:
    """A single layer by its name and kind."""
    last = record.id.rpartition(".")[2]
    return record.id if last == record.label else f"{record.id}  {record.label}"


def _words(change: Change) -> str:
    """`bias true → false`."""
    nothing = "none" if change.key == TIE else "default"
    before, after = change.before or nothing, change.after or nothing
    if change.key in (KIND, COSTS):
        return f"{before} → {after}"
    if change.key == PLACE:
        return f"moved: after {before} → after {after}"
    if change.key == COPIES:
        return f"{before} → {after}"
    if change.key == ORDER:
        return f"inputs in another order: {before} → {after}"
    if change.key == READS:
        return f"reads {before} → {after}"
    return f"{change.key} {before} → {after}"


def _last_block(group: _Group) -> str:
    """The id of the last copy of the last block."""
    last, record = [*group.blocks][-1], group.records[-1]
    names = last.split(".")
    return ".".join(_last(record).split(".")[: len(names)]) if record.id.split(".")[: len(names)] == names else last


def _last(record: LayerRecord) -> str:
    """The id of the last copy."""
    parts = record.pattern.split("#")
    numbers = [str(first + number - 1) for _, first, number in record.levels]
    return "".join(part + number for part, number in zip(parts, [*numbers, ""]))


# -- names, order, settings ---------------------------------------------------------------------


def _renamed(one: Renaming) -> Row:
    pairs, copies = list(one.pairs), sum(one.pairs.values())
    before, after = pairs[0]
    layers = f"{one.layers:,} layers" if one.layers > 1 else ""
    if not one.before or not one.after:
        where = after if one.after else before
        places = _between(copies, where, pairs[-1][1 if one.after else 0]) if copies > 1 else ""
        name = _plain(where) if places else where
        return Row(CHANGED, f"now inside {name}" if one.after else f"no longer inside {name}", places, layers)
    if copies == 1:
        return Row(CHANGED, f"{before} → {after}", "renamed", layers)
    places = _between(copies, after, pairs[-1][1])
    return Row(CHANGED, f"{_plain(before)} → {_plain(after)}", "renamed", places, layers)


def _plain(path: str) -> str:
    """The last name of a path, without the number that distinguishes equal names."""
    return path.rpartition(".")[2].rstrip("0123456789").rstrip("_")


def _order(found: Difference) -> Iterator[Row]:
    if found.reordered:
        word = "layer runs" if found.reordered == 1 else "layers run"
        yield Row(CHANGED, f"{found.reordered:,} {word} earlier or later", "with the same inputs and outputs")


def settings(found: Iterable[Setting]) -> Iterator[Row]:
    """A row for each key of the spec, without a sign."""
    by_key: dict[str, list[str]] = {}
    for one in found:
        by_key.setdefault(one.key, []).append(_setting(one))
    for key in KEYS:
        if key in by_key:
            yield Row("", f"{key:<8} {', '.join(by_key[key])}")


def _setting(one: Setting) -> str:
    name = f"{one.name} " if one.name else ""
    before, after = (_amount(one.key, value) for value in (one.before, one.after))
    if not one.name:
        return f"{before or 'none'} → {after or 'none'}"
    if after is None:
        return f"− {name}{before}"
    return f"{name}{before} → {after}" if before is not None else f"+ {name}{after}"


def _amount(key: str, value: str | None) -> str | None:
    """A long number as people write it."""
    if value is not None and value.isdigit() and key in ("budget", "expect"):
        return numbers.exact(int(value))
    if key == "variants" and value is not None:
        return f"({value})"
    return value
