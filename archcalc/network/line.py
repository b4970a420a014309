"""A graph of one line, for the calculator: no file needed."""

from __future__ import annotations

from archcalc.diagnostics import Findings, RequestError, Source
from archcalc.language.document import Document
from archcalc.language.items import parse_items
from archcalc.language.settings import settle
from archcalc.network.load import Graph, graph_of
from archcalc.source import Scalar, Sequence, parse


def line_graph(line: str, sizes: str, batch: int = 1) -> Graph:
    """The graph of a layer as it would stand in a spec, or of a list `[conv 8 kernel=3, relu]`.

    Args:
        line: the layer.
        sizes: the input's sizes without the batch, as `3x32x32`.
        batch: the batch size.

    Raises:
        SpecError: the line is not a valid layer, or does not fit the input.
        RequestError: the sizes are not sizes.
    """
    findings = Findings()
    source = Source("<line>", line)
    document = Document(source, Scalar(line, source, 1, 1, 1, len(line) + 1))
    document.inputs = [(None, _input(sizes))]
    document.items = parse_items(parse(source), findings)
    findings.raise_if_any()
    settings = settle(document, None, {}, findings)
    return graph_of(document, settings, None, {}, batch, findings)


def _input(sizes: str) -> Sequence:
    source = Source("--input", sizes)
    words = sizes.replace("×", "x").split("x")
    if not all(word.strip().isascii() and word.strip().isdigit() and int(word) > 0 for word in words) or len(words) > 8:
        raise RequestError(f"--input takes sizes without the batch, as 3x32x32, not {sizes!r}")
    node = Sequence(source, 1, 1, 1, len(sizes) + 1)
    node.items = [Scalar(word.strip(), source, 1, 1, 1, len(sizes) + 1) for word in words]
    return node
