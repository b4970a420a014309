"""From a file to a graph: the one entry point for commands and the Python interface."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

from archcalc.diagnostics import Findings, RequestError, Source
from archcalc.language.document import Document, parse_document
from archcalc.language.settings import Settings, settle
from archcalc.layers.layout import Group, stated
from archcalc.layers.tensor import Tensor
from archcalc.network.build import LARGEST_TENSOR, Builder
from archcalc.network.graph import Graph as Graph
from archcalc.network.graph import assign_ids
from archcalc.network.resolve import resolve
from archcalc.network.steps import Ref, Step
from archcalc.opening import NAMED, read
from archcalc.source import Scalar

if TYPE_CHECKING:
    from archcalc.running import Running


def split_variant(spec: str) -> tuple[str, str | None]:
    """`spec.yaml@large` as path and variant; a file with that whole name takes precedence."""
    path, at, variant = spec.rpartition("@")
    if not at or not path or not variant or os.sep in variant or os.path.exists(spec) or spec in NAMED:
        return spec, None
    return path, variant


def load_graph(
    spec: str,
    given: Mapping[str, str] | None = None,
    batch: int | None = None,
    freeze: Sequence[str] = (),
    said: Running | None = None,
) -> Graph:
    """Read, check and shape the spec at `spec`, a path that may end in `@variant`.

    Args:
        batch: the batch size; by default that of the spec's `run:`, or 1.
        freeze: names of layers and groups that are not trained, whatever the spec says; `*` matches any letters.
        said: the run settings, for frozen parameters and adapters.

    Raises:
        SpecError: the spec is invalid; it has all findings of the phase that failed.
        RequestError: the file cannot be read, or a variant, a setting or a name in `freeze` does not exist.
    """
    path, variant = split_variant(spec)
    return build_graph(read(path), variant, given, batch, freeze, said)


def build_graph(
    source: Source,
    variant: str | None = None,
    given: Mapping[str, str] | None = None,
    batch: int | None = None,
    freeze: Sequence[str] = (),
    said: Running | None = None,
) -> Graph:
    """As `load_graph`, from a source already read."""
    check_batch(1 if batch is None else batch)
    findings = Findings()
    document = parsed(source, findings)
    if said is not None or freeze:
        from archcalc.running import Running

        document.said = Running(freeze=tuple(freeze)).over(said or Running())
    batch = batch or document.batch(variant)
    return document_graph(document, variant, given or {}, batch, findings)


def with_batch(graph: Graph, batch: int) -> Graph:
    """`graph` with another batch. Raises as `load_graph` does: not every batch is possible."""
    if batch < graph.batch or graph.largest_output * batch > LARGEST_TENSOR:
        return graph_at(graph.document, graph.steps, graph.variant, graph.given, batch)
    check_batch(batch)
    other = copy(graph)  # more samples change no shape, and no layer refuses them
    other.batch = batch
    return other


class Networks:
    """The networks of one spec and its variants; the spec is read and resolved once for all of them."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._findings = Findings()  # from reading it
        self._document: Document | None = None
        self._first: Graph | None = None

    def graph(self, variant: str | None, batch: int | None = None) -> Graph:
        """The network of a variant, or of the spec itself with None. Raises as `load_graph` does."""
        if self._first is not None:
            batch = batch or self._first.document.batch(variant)
            return graph_at(self._first.document, self._first.steps, variant, {}, batch)
        batch = batch or self.document().batch(variant)
        check_batch(batch)
        self._first = document_graph(self.document(), variant, {}, batch, self._findings.copy())
        return self._first

    def may_have(self, variant: str | None) -> bool:
        """Whether the spec has a variant, as far as it can be read. Raises `SpecError` if it cannot be read at all."""
        return variant is None or variant in self.document().variants or bool(self._findings)

    def document(self) -> Document:
        """The spec, as far as it can be read. Raises `SpecError` if it cannot be read at all."""
        if self._document is None:
            self._document = parsed(self.source, self._findings)
        return self._document


def check_batch(batch: int) -> None:
    """Raises `RequestError` for an invalid batch size."""
    if not 1 <= batch < 2**40:
        raise RequestError(f"the batch must be a whole number from 1 to {2**40 - 1:,}, not {batch}")


def parsed(source: Source, findings: Findings) -> Document:
    """The document in `source`. Raises `SpecError` if there is none at all."""
    document = parse_document(source, findings)
    if document is None:
        findings.raise_if_any()
        raise AssertionError("a document without findings")
    return document


def document_graph(
    document: Document, variant: str | None, given: Mapping[str, str], batch: int, findings: Findings
) -> Graph:
    """As `load_graph`, from a document; `findings` holds its errors so far."""
    settings = settle(document, variant, given, findings)
    steps = resolve(document, findings)
    return graph_of(document, steps, settings, batch, findings)


def graph_at(document: Document, steps: list[Step], variant: str | None, given: Mapping[str, str], batch: int) -> Graph:
    """As `document_graph`, from a document that is already resolved, with any settings."""
    check_batch(batch)
    findings = Findings()
    settings = settle(document, variant, given, findings)
    return graph_of(document, steps, settings, batch, findings)


def graph_of(
    document: Document,
    steps: list[Step],
    settings: Settings,
    batch: int,
    findings: Findings,
    builder_of: Callable[[Findings, Mapping[str, Any], int], Builder] = Builder,
) -> Graph:
    """The graph of a document whose steps and settings are known; `findings` holds its errors so far."""
    findings.raise_if_any()

    inputs = {name or "input": Tensor(shape, None, None) for name, shape in settings.inputs.items()}
    for input in document.inputs:
        if input.layout is not None and input.name is not None:
            inputs[input.name.text].group = Group(stated(input.layout.text), input.layout)
    builder = builder_of(findings, settings.values, batch)
    builder.states_inputs = all(input.sizes.source is document.source for input in document.inputs)
    scope, last = builder.start(steps, inputs)
    findings.raise_if_any()
    assert last is not None
    outputs: dict[str, Tensor] = {}
    for output in document.outputs:
        outputs[output.text] = builder.output(_ref(output), scope, last)
    findings.raise_if_any()
    assign_ids(builder.nodes)
    if not outputs:
        outputs = {builder.nodes[-1].id if builder.nodes else "input": last}
    graph = Graph(document, steps, settings, batch, inputs, outputs, builder.nodes)
    if (run := document.tuned(settings.variant)) is not None and (
        run.freeze or run.lora
    ):  # imported on demand: few runs ask
        from archcalc.network.freezing import freeze

        freeze(graph, run.freeze)
        if run.lora:
            from archcalc.network.adapting import adapt

            adapt(graph, run.lora, run.lora_on)
    return graph


def _ref(scalar: Scalar) -> Ref:
    name, _, output = scalar.text.partition(".")
    return Ref(scalar, name, output or None)
