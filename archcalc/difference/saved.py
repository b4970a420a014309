"""A network from the JSON that `archcalc shapes` saved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from archcalc.cost import Costs
from archcalc.diagnostics import RequestError, cannot
from archcalc.difference.record import LayerRecord
from archcalc.difference.side import COSTS, Side, totals_of
from archcalc.network.graph import Node


def side_of_json(path: str) -> Side:
    """A network that `archcalc shapes --format json` saved. Raises `RequestError` for anything else.

    Of a layer's keys it holds those that its label shows, and it does not say which layer reads which.
    """
    try:
        with open(path, encoding="utf-8") as file:
            document: dict[str, Any] = json.loads(file.read())
        layers = [_record(layer) for layer in document["layers"]]
        totals = {name: int(document["totals"][name]) for name in COSTS}
        return Side(document["model"], totals, _in_line(layers), saved=True)
    except (OSError, UnicodeDecodeError) as error:
        raise cannot("read", path, error) from None
    except (ValueError, KeyError, TypeError):
        raise RequestError(f"{path!r} is not what `archcalc shapes --format json` prints for one spec") from None


def _record(layer: dict[str, Any]) -> LayerRecord:
    record = LayerRecord(layer["id"], layer["op"], (layer["op"], layer["label"]))
    record.words = layer["label"]
    record.inputs = tuple((tuple(shape), None) for shape in layer["input"])
    record.output = tuple(layer["output"])
    record.count = record.runs = layer["count"]
    record.params, record.macs = layer["params"], layer["macs"]
    return record


def _in_line(layers: list[LayerRecord]) -> list[LayerRecord]:
    """Layers that each read the one before, as far as is known."""
    for index, record in enumerate(layers):
        record.reads = ((index - 1, "", False),) if index else ()
    return layers


def as_saved(costs: Costs) -> Side:
    """A network with no more than saved JSON holds of it, to be compared with one that was saved."""
    layers = [_as_saved(node, copies, costs) for node, copies in _layers(costs.graph.nodes, 1)]
    return Side(costs.graph.model, totals_of(costs), _in_line(layers), saved=True, graph=costs.graph)


def _layers(nodes: list[Node], copies: int) -> Iterator[tuple[Node, int]]:
    for node in nodes:
        yield from _layers(node.children, copies * node.copies)
        if node.layer is not None:
            yield node, copies * node.copies


def _as_saved(node: Node, copies: int, costs: Costs) -> LayerRecord:
    record = LayerRecord(node.id, node.op, (node.op, node.label))
    record.words, record.inputs = node.label, tuple((x.shape, None) for x in node.inputs)
    record.output, record.count, record.runs = node.output.shape, copies, copies
    record.params, record.macs = costs.own(node).params, costs.own(node).macs
    return record
