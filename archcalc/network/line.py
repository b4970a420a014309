"""The graph of a single line, without a file."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from archcalc.diagnostics import Findings, RequestError, Source
from archcalc.language.document import Document
from archcalc.language.inputs import Input
from archcalc.language.items import parse_items
from archcalc.network.load import Graph, document_graph
from archcalc.source import Scalar, Sequence, parse


def line_graph(line: str, sizes: str, batch: int = 1) -> Graph:
    """The graph of a layer as it would stand in a spec, or of a list `[conv 8 kernel=3, relu]`.

    Args:
        line: the layer.
        sizes: the input's sizes without the batch, as `3x32x32`.
        batch: the batch size.

    Raises:
        SpecError: the line is not a valid layer, or does not fit the input.
        RequestError: the sizes are invalid.
    """
    findings = Findings()
    document = line_document(line, sizes, {}, findings)
    return document_graph(document, None, {}, batch, findings)


def line_document(line: str, sizes: str, names: Mapping[str, int], findings: Findings) -> Document:
    """A line as a document whose hparams are `names`; they may be used in the sizes and in the line."""
    source = Source("<line>", line)
    document = Document(source, Scalar(line, source, 1, 1, 1, len(line) + 1))
    for name, value in names.items():
        text = Source(f"--set {name}", str(value))
        key, number = (Scalar(word, text, 1, 1, 1, len(word) + 1) for word in (name, str(value)))
        document.hparams.append((key, number))
    document.inputs = [Input(None, _input(sizes, names))]
    document.items = parse_items(parse(source), findings)
    findings.raise_if_any()
    return document


def split_sizes(sizes: str, names: Collection[str] = ()) -> list[str]:
    """The parts of `3xHxW`; those in `names` may be names."""
    words = [word.strip() for word in sizes.replace("×", "x").split("x")]
    good = all(word in names or (word.isascii() and word.isdigit() and int(word) > 0) for word in words)
    if not good or len(words) > 8:
        raise RequestError(f"--input takes sizes without the batch, e.g. 3x32x32, not {sizes!r}")
    return words


def _input(sizes: str, names: Collection[str]) -> Sequence:
    source = Source("--input", sizes)
    words = split_sizes(sizes, names)
    node = Sequence(source, 1, 1, 1, len(sizes) + 1)
    node.items = [Scalar(word, source, 1, 1, 1, len(sizes) + 1) for word in words]
    return node
