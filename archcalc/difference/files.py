"""Two files compared: their networks and those of their variants."""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from archcalc.cost import Costs
from archcalc.diagnostics import Diagnostic, Source, SpecError
from archcalc.difference.compare import Difference, difference
from archcalc.difference.saved import as_saved, side_of_json
from archcalc.difference.side import Side
from archcalc.difference.texts import same
from archcalc.network.load import Graph, build_graph, graph_at, split_variant
from archcalc.opening import imported, read
from archcalc.running import Running


@dataclass(frozen=True)
class Task:
    """Two files to compare.

    Attributes:
        name: the name of both if many are compared, else empty.
        base, head: their paths, which may end in `@variant`; None for a missing file.
        values: the values of `--set`; said: the given run settings.
        measures: the requested totals; budget: whether to check the head against its own budget.
        whole: whether to compare equal files too, for their totals.
    """

    name: str
    base: str | None
    head: str | None
    values: Mapping[str, str] = field(default_factory=dict)
    said: Running = field(default_factory=Running)
    measures: Collection[str] = ()
    budget: bool = False
    whole: bool = False


@dataclass
class Outcome:
    """The result of a task: differences, and errors in specs.

    Attributes:
        differences: that of the network, then that of each variant.
        base_invalid, head_invalid: findings about networks that could not be compared.
        equal: whether both files have the same text, so that nothing else was compared.
    """

    differences: list[Difference] = field(default_factory=list)
    base_invalid: list[Diagnostic] = field(default_factory=list)
    head_invalid: list[Diagnostic] = field(default_factory=list)
    equal: bool = False


def compare(task: Task) -> Outcome:
    """Compare two files. Raises `RequestError` for one that cannot be read."""
    # graphs contain reference cycles; collecting them again and again would dominate the run time
    collects = gc.isenabled()
    gc.disable()
    try:
        return _compare(task)
    finally:
        if collects:
            gc.enable()


def _compare(task: Task) -> Outcome:
    found = Outcome()
    base, head = _opened(task.base, task, found.base_invalid), _opened(task.head, task, found.head_invalid)
    if found.base_invalid or found.head_invalid:
        return found
    if base and head and not task.whole and not task.values and not base.variant and not head.variant:
        found.equal = base.source is not None and head.source is not None and same(base.source, head.source)
        if found.equal:
            if not task.name:  # in a folder of many, only changed files are compared
                found.head_invalid += _wrong(head)
            return found
    saved = any(file is not None and file.source is None for file in (base, head))
    for variant in _variants(base, head):
        before = _side(base, variant, saved, found.base_invalid)
        after = _side(head, variant, saved, found.head_invalid)
        if any(file is not None and file.has(variant) and not side for file, side in ((base, before), (head, after))):
            continue
        result = difference(before or Side.nothing(), after or Side.nothing())
        result.file = task.name
        result.settle(task.measures, task.budget)
        found.differences.append(result)
    return found


def _opened(spec: str | None, task: Task, invalid: list[Diagnostic]) -> _File | None:
    """A source file; None if it is missing or not text."""
    try:
        return _File(spec, task) if spec is not None else None
    except SpecError as error:
        invalid += error.diagnostics
        return None


def _wrong(file: _File) -> list[Diagnostic]:
    """The errors in the networks of a file."""
    found: list[Diagnostic] = []
    for variant in (None, *(file.variants() if _side(file, None, False, found) else ())):
        if variant is not None:
            _side(file, variant, False, found)
    return found


class _File:
    """A file on one side; saved JSON has no source."""

    def __init__(self, spec: str, task: Task) -> None:
        self.spec = spec
        self.task = task
        self.path, self.variant = split_variant(spec)
        # a .json was saved by `shapes`, unless it holds a model of another kind
        self.source: Source | None = (imported if spec.endswith(".json") else read)(self.path)
        self.graph: Graph | None = None

    def variants(self) -> list[str]:
        """The variants that are compared besides the named network."""
        return [] if self.variant or self.graph is None else list(self.graph.document.variants)

    def has(self, variant: str | None) -> bool:
        """Whether there is a network under this name."""
        return variant is None or variant in self.variants()

    def load(self, variant: str | None) -> Graph:
        """The network, or one of its variants. Raises `SpecError`."""
        task = self.task
        if variant is not None and self.graph is not None:
            return graph_at(
                self.graph.document,
                self.graph.steps,
                variant,
                task.values,
                task.said.batch or self.graph.document.batch(variant),
            )
        assert self.source is not None
        self.graph = build_graph(self.source, self.variant, task.values, task.said.batch or None, said=task.said)
        return self.graph


def _variants(base: _File | None, head: _File | None) -> Iterator[str | None]:
    """None for the network itself, then the names of variants; each is loaded before the next is requested."""
    yield None
    if not any(file is not None and file.variant for file in (base, head)):
        yield from dict.fromkeys(name for file in (head, base) if file is not None for name in file.variants())


def _side(file: _File | None, variant: str | None, saved: bool, invalid: list[Diagnostic]) -> Side | None:
    """A network of a file; None if it is missing or invalid."""
    if file is None or not file.has(variant):
        return None
    if file.source is None:
        return side_of_json(file.path)
    try:
        costs = Costs(file.load(variant))
    except SpecError as error:
        invalid += error.diagnostics
        return None
    return as_saved(costs) if saved else Side.of(costs, file.task.said)
