"""The closed form of a network: its graph on traced numbers, and their formulas."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from archcalc.advice import suggest
from archcalc.cost import Costs
from archcalc.diagnostics import Findings, RequestError, Span, SpecError
from archcalc.language.document import Document
from archcalc.language.expressions import describe
from archcalc.language.settings import settle
from archcalc.layers.tensor import Tensor
from archcalc.network.build import Builder
from archcalc.network.graph import Node
from archcalc.network.load import Graph, document_graph, graph_of, parsed, split_variant
from archcalc.network.loops import Turns
from archcalc.network.scope import Scope
from archcalc.network.steps import Step
from archcalc.opening import read
from archcalc.symbolic.algebra import Algebra
from archcalc.symbolic.check import check
from archcalc.symbolic.conditions import written
from archcalc.symbolic.domain import Domain, PinnedError, sides
from archcalc.symbolic.memory import Bytes, cache, kept
from archcalc.symbolic.writing import Labels, Writer
from archcalc.traced import InexactError, Trace, Traced

BATCH = "batch"
# Stands for the batch and all dims.
ALL = "*"


class ClosedForm:
    """A network whose numbers carry formulas of some names.

    Attributes:
        costs: shapes and costs at the spec's values, on traced numbers.
        plain: the same on plain ones.
        names: the chosen names with those values, batch first.
        algebra: gives the expression of any of the numbers.
        domain: the values for which the formulas hold.
        trace: the decisions made while the graph was built.
        build: the graph on plain numbers, at other values of the names.
    """

    def __init__(
        self,
        costs: Costs,
        plain: Graph,
        names: dict[str, int],
        trace: Trace,
        build: Callable[[Mapping[str, int]], Graph],
    ) -> None:
        self.costs = costs
        self.plain = plain
        self.trace = trace
        self.build = build
        self.names = names
        trace.open = False
        self.algebra = Algebra(trace.decisions)
        self.text, self.python = Writer(list(names)), Writer(list(names), python=True)
        try:
            self.domain = Domain(trace, self.algebra, names)
        except PinnedError as error:
            raise RequestError(self._pinned(error)) from None

    def formula(self, number: int) -> str:
        """The formula of a number, for people: `batch·seq·768`."""
        return self.text.write(self.algebra.of(number))

    def code(self, number: int) -> str:
        """The formula as Python: `768*batch*seq`."""
        return self.python.write(self.algebra.of(number))

    def size(self, number: int) -> str:
        """One size of a shape: `⌈height/2⌉`, `768`."""
        return self.formula(number) if isinstance(number, Traced) else str(int(number))

    def factor(self, number: int) -> str:
        """A formula as written after a `×`: a sum gets parentheses."""
        text = self.formula(number)
        return f"({text})" if " " in text and not text.startswith(("⌊", "⌈")) else text

    @property
    def has_batch(self) -> bool:
        """Whether the batch size is one of the names."""
        return isinstance(self.costs.graph.batch, Traced)

    def kept(self) -> Bytes | None:
        """What a training step keeps for backward; None if it has no formula."""
        return kept(self.costs.graph, self.trace, self.names, self.costs.dtype, self.build)

    def cache(self) -> Bytes | None:
        """What layers keep after generating the whole sequence; None for a network that cannot generate."""
        return cache(self.costs.graph, self.plain, self.trace, self.names, self.costs.dtype, self.build)

    def further(self, found: Bytes) -> list[str]:
        """Conditions of a memory formula that this form does not already have."""
        own = self.conditions()
        return [condition for condition in written(found.domain, self.text, found.fixed) if condition not in own]

    def conditions(self, python: bool = False) -> list[str]:
        """The values for which it holds, apart from names being positive whole numbers: `12 divides width`."""
        return written(self.domain, self.python if python else self.text)

    def _pinned(self, error: PinnedError) -> str:
        left, right = (self.text.write(side) for side in sides(error.relation))
        what = " and ".join(f"`{name}`" for name in error.names)
        cannot = "cannot be chosen" if len(error.names) == 1 else "cannot be chosen both"
        return f"{what} {cannot}: {_at(error.relation.place)} needs {left} = {right}"


def _at(place: Span | None) -> str:
    return f"`{place.text}` at {place}" if place is not None and hasattr(place, "text") else f"{place or 'the spec'}"


class TracingBuilder(Builder):
    """Tells the trace which step is being run. Sizes have already been checked on plain numbers."""

    def __init__(self, findings: Findings, globals: Mapping[str, Any], batch: int, trace: Trace) -> None:
        super().__init__(findings, globals, batch)
        self.trace = trace

    def _step(self, step: Step, scope: Scope, x: Tensor | None) -> Tensor:
        around, self.trace.place = self.trace.place, step.op
        try:
            return super()._step(step, scope, x)
        except InexactError as reason:
            raise RequestError(f"no closed form in the chosen names: {_at(self.trace.place)} {reason}") from None
        finally:
            self.trace.place = around

    def _repeated(
        self, step: Step, scope: Scope, x: Tensor | None, copies: int, turns: Turns | None = None
    ) -> tuple[Tensor, Node | None]:
        y, node = super()._repeated(step, scope, x, copies, turns)
        if isinstance(copies, Traced) and int(copies) > 1 and node is not None:
            last = node.children[-1] if node.unfolded else node
            if not isinstance(last.copies, Traced):
                raise RequestError(
                    f"no closed form in the number of copies of {_at(step.op)}, {copies}: each copy has a different shape"
                )
        return y, node

    def _check_sizes(self, step: Step, node: Node) -> None:
        pass


def load_closed_form(
    spec: str,
    names: Sequence[str],
    given: Mapping[str, str] | None = None,
    batch: int = 1,
    useful: bool = False,
    dtype: str = "fp32",
) -> ClosedForm:
    """The closed form of the spec at `spec`, a path that may end in `@variant`; raises as `closed_form`."""
    path, variant = split_variant(spec)
    findings = Findings()
    document = parsed(read(path), findings)
    findings.raise_if_any()
    return closed_form(document, names, variant, given, batch, useful, dtype)


def closed_form(
    document: Document,
    names: Sequence[str],
    variant: str | None = None,
    given: Mapping[str, str] | None = None,
    batch: int = 1,
    useful: bool = False,
    dtype: str = "fp32",
) -> ClosedForm:
    """The closed form of a network in some of its hparams and dims, and in `batch`.

    Args:
        document: the spec.
        names: what the formulas are of; `ALL` for the batch and all dims.
        variant, given: as for `load_graph`; chosen names have these values when a decision must be made.
        batch, useful, dtype: as for `Costs`.

    Raises:
        SpecError: the spec is invalid.
        RequestError: a name that cannot be chosen, and why.
    """
    given = dict(given or {})
    plain = document_graph(document, variant, given, batch, Findings())
    if ALL in names:
        names = [*names, BATCH, *plain.settings.dims]
    chosen = [name for name in names if name != ALL]
    values = _values(document, plain.settings.values, chosen, batch)
    trace = Trace(Labels())
    symbols = {name: trace.name(name, value) for name, value in values.items()}
    findings = Findings()
    try:
        settings = settle(document, variant, given, findings, lambda name, value: symbols.get(name, value))
        size = symbols.get(BATCH, batch) if BATCH not in settings.values else batch
        graph = graph_of(
            document,
            plain.steps,
            settings,
            size,
            findings,
            lambda found, known, batch: TracingBuilder(found, known, batch, trace),
        )
    except InexactError as reason:
        raise RequestError(f"{document.source.path}: no closed form in the chosen names: an hparam {reason}") from None
    except SpecError as error:  # sizes that are equal here, and are not another's formula
        message = error.diagnostics[0].message
        raise RequestError(f"no closed form in the chosen names: if sizes may change, {message}") from None

    def build(drawn: Mapping[str, int]) -> Graph:
        texts = {name: str(size) for name, size in drawn.items() if name in plain.settings.values}
        size = batch if BATCH in texts else drawn.get(BATCH, batch)
        return document_graph(document, variant, {**given, **texts}, size, Findings())

    form = ClosedForm(Costs(graph, useful, dtype), plain, values, trace, build)
    check(form.costs, form.algebra.of, form.domain, lambda drawn: Costs(build(drawn), useful, dtype))
    return form


def _values(document: Document, known: Mapping[str, Any], names: Sequence[str], batch: int) -> dict[str, int]:
    """The chosen names with their values, batch first. Raises `RequestError`."""
    values: dict[str, int] = {}
    path = document.source.path
    for name in sorted(dict.fromkeys(names), key=lambda name: name != BATCH):
        if name == BATCH and name not in known:
            values[name] = batch
            continue
        if name not in known:
            there = [*known, BATCH]
            meant = suggest(name, there)
            help = f"did you mean `{meant}`?" if meant else f"expected one of {', '.join(there)}{_unnamed(document)}"
            raise RequestError(f"{path}: no hparam or dim is named `{name}`: {help}")
        value = known[name]
        if isinstance(value, bool) or not isinstance(value, int):
            raise RequestError(f"{path}: `{name}` is {describe(value)}; a formula takes names of whole numbers")
        if value < 1:
            raise RequestError(
                f"{path}: `{name}` is {int(value)}; a formula takes numbers of at least 1: give one, e.g. --set {name}=1"
            )
        values[name] = int(value)
    return values


def _unnamed(document: Document) -> str:
    """Advice on naming input sizes that are written as numbers."""
    for given in document.inputs:
        texts = [getattr(size, "text", "") for size in given.sizes.items]
        if texts and all(text.isdigit() for text in texts):
            called = ["height", "width"] if len(texts) == 3 else ["length"]
            first = len(texts) - len(called)
            dims = ", ".join(f"{name}: {text}" for name, text in zip(called, texts[first:]))
            sizes = ", ".join([*texts[:first], *called])
            return (
                f"\n  help: the input [{', '.join(texts)}] is written in numbers; to choose its sizes, name them: "
                f"`dims: {{{dims}}}` and `input: [{sizes}]`"
            )
    return ""
