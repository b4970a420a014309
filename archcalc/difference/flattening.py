"""A graph as a list of its layers, whose inputs are given as places in the list.

Copies of a `repeat` are one record. If the first copies had to be separated because their input shapes
differ, they are joined again unless something else differs too: a change of width must not look like a
change of structure. Two networks with as many copies of a `repeat` are both divided where one of them has to
be: a change of one copy must not look like a change of the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from archcalc.cost import Costs
from archcalc.difference.record import LayerRecord, Level, Read
from archcalc.layers.tensor import Alias, Tensor
from archcalc.network.edges import read_by
from archcalc.network.graph import Node
from archcalc.records import NamedTuple

# Marks in the place of an output, or after it, that single positions of it are read.
POSITION = "one position"
# Like `Read`, but the layer may be an entry.
_Reads = tuple[tuple[Any, str, bool], ...]
# A `repeat`: its path in a state dict, and the numbers of the copies around it.
Repeat = tuple[str, tuple[int, ...]]


class _Entry:
    """The input of copies: `before` for the first; for later ones `after`, the output of the copy before.

    Both by output name; "" is the first output.
    """

    __slots__ = ("after", "before")

    def __init__(self, before: dict[str, _Reads]) -> None:
        self.before = before
        self.after: dict[str, _Reads] = {}


class _Around(NamedTuple):
    """What is around a layer: its path in a state dict, and the rest as in `LayerRecord`.

    Only `kept` of the `of` copies of the nodes around it are described. `moved` pairs beginnings of ids, inner ones first,
    with the beginnings that replace them: those of the first described copies.
    """

    prefix: str = ""
    stem: str = ""
    levels: tuple[Level, ...] = ()
    groups: tuple[tuple[Node, int], ...] = ()
    copies: int = 1
    runs: int = 1
    kept: int = 1
    of: int = 1
    moved: tuple[tuple[str, str], ...] = ()

    def id(self, node: Node) -> str:
        """The id of the first described copy of a node inside."""
        found = f"{node.id}."
        for old, new in self.moved:
            found = new + found.removeprefix(old) if found.startswith(old) else found
        return found[:-1]


class Runs(NamedTuple):
    """Copies of a `repeat`: how many, and the numbers of those with which a record begins."""

    copies: int
    begin: frozenset[int]


class Flat(NamedTuple):
    """A flattened graph: its layers in order of execution, its outputs by name, and the copies behind its records."""

    layers: list[LayerRecord]
    outputs: dict[str, tuple[Read, ...]]
    repeats: dict[Repeat, Runs]


def flatten(costs: Costs, cuts: Mapping[Repeat, frozenset[int]] | None = None) -> Flat:
    """The layers of a graph; in `cuts` are numbers of copies with which a record has to begin."""
    walk = _Flattening(costs, cuts or {})
    for name, tensor in costs.graph.inputs.items():
        walk.reads[id(tensor)] = ((name, "", False),)
    walk.nodes(costs.graph.nodes, _Around())
    for record in walk.records:
        record.reads = _resolved(record.reads)
    outputs = {name: _resolved(walk.read(tensor)) for name, tensor in costs.graph.outputs.items()}
    return Flat(walk.records, outputs, walk.repeats)


class _Flattening:
    def __init__(self, costs: Costs, cuts: Mapping[Repeat, frozenset[int]]) -> None:
        self.costs = costs
        self.cuts = cuts
        self.repeats: dict[Repeat, Runs] = {}
        self.records: list[LayerRecord] = []
        self.reads: dict[int, Any] = {}  # by tensor identity
        self.places: dict[int, int] = {}  # by node identity

    def read(self, tensor: Tensor) -> _Reads:
        """A tensor as its readers record it; nothing if no layer computes it."""
        while id(tensor) not in self.reads:
            if not isinstance(tensor, Alias):
                return ()
            tensor = tensor.origin
        found: _Reads = self.reads[id(tensor)]
        return found

    def nodes(self, nodes: list[Node], around: _Around) -> None:
        """Add the records of `nodes`, in their order."""
        for node in nodes:
            name, stem = around.prefix + node.segment, around.stem + (node.name or f"{node.op}*")
            if node.unfolded:
                self._copies(node, node.children, f"{name}.#", f"{stem}.#", around)
            elif node.copies > 1:
                self._copies(node, [node], f"{name}.#", f"{stem}.#", around)
            elif node.is_expert:
                self._node(node, f"{name}.#", f"{stem}.#", (around.id(node), 0, node.weights), around)
            else:
                self._node(node, name, stem, None, around)

    def _copies(self, node: Node, copies: list[Node], name: str, stem: str, around: _Around) -> None:
        """Add copies in order; one that differs from the previous copy only in shapes is joined to it."""
        before = self._outputs(node.inputs[0]) if node.inputs else {}
        apart = bool(node.further or node.gathered)  # the output of one of them is also read separately
        repeat = (name, tuple([first for _, first, _ in around.levels]))
        cuts = frozenset() if apart else self.cuts.get(repeat, frozenset())
        begin: list[int] = []
        run = _Run()
        after = before
        for copy, first, number in _divided(node, copies, cuts):
            entry, mark = _Entry(before), len(self.records)
            tensors = _entered(copy)
            outside = [(id(tensor), self.reads.get(id(tensor))) for tensor in tensors.values()]
            self.reads.update((id(tensor), ((entry, part, False),)) for part, tensor in tensors.items())
            inside = around._replace(moved=(*_moved(node, copy, first), *around.moved))
            self._node(copy, name, stem, (around.id(node), first, number * copy.weights), inside, number)
            after = self._outputs(copy.exit)
            for key, reads in outside:
                if reads is None:
                    del self.reads[key]  # nothing outside reads it
                else:
                    self.reads[key] = reads
            level = len(around.levels)
            joins = not apart and first not in cuts and run.entry is not None
            if joins and self._alike(run, mark, entry, number, level):
                assert run.entry is not None
                after = {part: _shifted(reads, mark, run.start, entry, run.entry) for part, reads in after.items()}
                self._join(run.start, mark, level)
                run.copies += number
            else:
                begin.append(first)
                run = _Run(entry, mark, number)
            if run.copies > 1 and run.entry is not None:
                run.entry.after = after
            before = after
        self.repeats[repeat] = Runs(sum(copy.copies for copy in copies), frozenset(begin))
        for part, tensor in _parts(node.output).items():
            self.reads[id(tensor)] = after[part]

    def _node(
        self, node: Node, name: str, stem: str, level: Level | None, around: _Around, copies: int | None = None
    ) -> None:
        """Add what is inside a node, and the node itself if it is a layer; `name` and `stem` are its own paths.

        Only `copies` of its copies are described; by default all of them.
        """
        levels = (*around.levels, level) if level else around.levels
        copies = node.copies if copies is None else copies
        count, runs = around.copies * copies, around.runs * copies * node.work
        kept, of = around.kept * copies, around.of * node.copies
        if node.children:
            child = node.children[0]
            if child.is_expert and child.inputs:  # it reads one position of the mixture's input
                self.reads[id(child.inputs[0])] = tuple(
                    (source, f"{part} {POSITION}".lstrip(), again) for source, part, again in self.read(node.inputs[0])
                )
            states = [(self._state(state), node.further[name]) for name, state in node.states.items() if node.listed]
            groups = around.groups if node.inline and node.layer is None else (*around.groups, (node, len(levels)))
            paths = (around.prefix, around.stem) if node.inline else (f"{name}.", f"{stem}.")
            self.nodes(node.children, _Around(*paths, levels, groups, count, runs, kept, of, around.moved))
            for entry, tensor in states:
                entry.after = {"": self.read(tensor)}
            self.reads.update((id(every), self.read(one)) for one, every in node.listed)
        if node.layer is None:
            return
        record = LayerRecord(around.id(node), node.op, content(node))
        record.node, record.name, record.pattern, record.stem = node, node.name, name, stem
        record.levels, record.groups, record.count, record.runs = levels, around.groups, count, runs
        record.reads = tuple(read for tensor in read_by(node) for read in self.read(tensor))
        record.ties = tuple((param, self.places[id(owner)]) for param, owner in node.tied.items())
        record.inputs = tuple([(tensor.shape, tensor.layout, tensor.places) for tensor in node.inputs])
        record.output = node.output.shape
        if node.params or node.buffers:
            record.stored = ((levels, {**node.params, **node.buffers}),)
        record.cached = node.cached
        cost = self.costs.own(node)
        record.params, record.macs = cost.params * kept // of, cost.macs * kept // of
        record.frozen = bool(cost.frozen)
        place = self.places[id(node)] = len(self.records)
        self.records.append(record)
        for part, tensor in _parts(node.exit).items():
            self.reads[id(tensor)] = ((place, part, False),)

    def _state(self, state: Tensor) -> _Entry:
        """A state that is passed from step to step of a scan."""
        entry = _Entry({"": self.read(state)})
        self.reads[id(state)] = ((entry, "", False),)
        return entry

    def _outputs(self, tensor: Tensor) -> dict[str, _Reads]:
        return {name: self.read(part) for name, part in _parts(tensor).items()}

    # -- copies that differ only in shapes ---------------------------------------------------

    def _alike(self, run: _Run, mark: int, entry: _Entry, copies: int, level: int) -> bool:
        """Whether the records from `mark` on equal those of the previous run, except for shapes."""
        if len(self.records) - mark != mark - run.start:
            return False
        for old, new in zip(self.records[run.start : mark], self.records[mark:]):
            ties = tuple((name, _before(place, mark, run.start)) for name, place in new.ties)
            if (old.content, old.stem, old.ties, old.frozen, old.cached) != (
                new.content, new.stem, ties, new.frozen, new.cached,
            ):  # fmt: skip
                return False
            if old.count * copies != new.count * run.copies:
                return False
            if _form(old.reads, run.entry, mark, mark) != _form(new.reads, entry, mark, run.start):
                return False
            if any(one[1:] != other[1:] for one, other in zip(old.levels[level + 1 :], new.levels[level + 1 :])):
                return False
        return True

    def _join(self, start: int, mark: int, level: int) -> None:
        """Join the records from `mark` on to those from `start` on."""
        for old, new in zip(self.records[start:mark], self.records[mark:]):
            old.count += new.count
            old.runs += new.runs
            old.params += new.params
            old.macs += new.macs
            old.output = new.output
            old.inputs += new.inputs
            old.stored += new.stored
            group, first, number = old.levels[level]
            old.levels = (*old.levels[:level], (group, first, number + new.levels[level][2]), *old.levels[level + 1 :])
            assert new.node is not None
            self.places[id(new.node)] = self.places[id(old.node)]
        del self.records[mark:]


class _Run:
    """Copies that share their records: their input, where the records start, and how many copies there are."""

    def __init__(self, entry: _Entry | None = None, start: int = 0, copies: int = 0) -> None:
        self.entry = entry
        self.start = start
        self.copies = copies


def _divided(node: Node, copies: list[Node], cuts: frozenset[int]) -> Iterator[tuple[Node, int, int]]:
    """Each of the copies with the number of the first one and how many there are, divided at `cuts`."""
    for copy in copies:
        first = int(copy.segment) if copy is not node else 0
        end = first + copy.copies
        ends = [*sorted(cut for cut in cuts if first < cut < end), end] if cuts else [end]
        for one in ends:
            yield copy, first, one - first
            first = one


def _moved(node: Node, copy: Node, first: int) -> list[tuple[str, str]]:
    """How ids in `copy` of `node` begin, and how they have to begin if the first described copy is another one."""
    if first == (0 if copy is node else int(copy.segment)):
        return []
    numbered = copy is node and node.layer is None
    return [(f"{copy.id}.0." if numbered else f"{copy.id}.", f"{node.id}.{first}.")]


def _entered(node: Node) -> dict[str, Tensor]:
    """The tensor that each copy of `node` gets from the previous one, with its further outputs."""
    if not node.inputs or (node.layer is not None and not node.layer.takes_input):
        return {}
    return _parts(node.inputs[0])


def _parts(tensor: Tensor) -> dict[str, Tensor]:
    """A layer's output under the name "", then its further outputs."""
    return {"": tensor, **tensor.outputs} if tensor.outputs else {"": tensor}


def _before(place: Any, mark: int, start: int) -> Any:
    """The place among the records from `start` on that corresponds to one among those from `mark` on."""
    return place - mark + start if isinstance(place, int) and place >= mark else place


def _shifted(reads: Any, mark: int, start: int, entry: _Entry, other: _Entry) -> Any:
    """The reads of a copy, as the previous copy, which starts at `start` instead of `mark`, would have them."""
    return tuple(
        (other if source is entry else _before(source, mark, start), part, again) for source, part, again in reads
    )


def _form(reads: Any, entry: _Entry | None, mark: int, start: int, inside: tuple[_Entry, ...] = ()) -> Any:
    """The reads of a copy that starts at `mark`, in the same form as those of a copy that starts at `start`."""
    found: list[Any] = []
    for source, part, again in reads:
        if source is entry:
            found.append(("before", part, again))
        elif source in inside:
            found.append((inside.index(source), part, again))
        elif isinstance(source, _Entry):
            ends = (source.before, source.after)
            inner = tuple(_form(end.get(part, ()), entry, mark, start, (*inside, source)) for end in ends)
            found.append((inner, part, again))
        else:
            found.append((_before(source, mark, start), part, again))
    return tuple(found)


def _resolved(reads: Any, inside: tuple[_Entry, ...] = ()) -> tuple[Read, ...]:
    """Reads without entries: those of the first copy, and those of later ones."""
    if not any(isinstance(source, _Entry) for source, _, _ in reads):
        return tuple(reads)
    found: list[Read] = []
    for source, part, again in reads:
        if source in inside:
            continue  # a copy that passes on its input
        if isinstance(source, _Entry):
            output, position = (part.removesuffix(POSITION).rstrip(), True) if POSITION in part else (part, False)
            inner = [
                (*read[:2], again or read[2]) for read in _resolved(source.before.get(output, ()), (*inside, source))
            ]
            inner += [(*read[:2], True) for read in _resolved(source.after.get(output, ()), (*inside, source))]
            found += [(place, f"{name} {POSITION}".lstrip() if position else name, more) for place, name, more in inner]
        else:
            found.append((source, part, again))
    return tuple(found)


def content(node: Node) -> tuple[Any, ...]:
    """What a layer is, regardless of its inputs and name: its op and the values of its keys."""
    layer = node.layer
    assert layer is not None
    values = layer.__dict__
    given = [_GIVEN if isinstance(value := values.get(name), Tensor) else value for name in layer.arguments]
    if layer.free_keys is not None:
        given += sorted((name, value) for name, value in values.items() if name not in layer.arguments)
    return (node.op, *given)


_GIVEN = "the name of a layer"
