"""A network from JSON that `archcalc shapes` saved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from archcalc.cost import Costs
from archcalc.diagnostics import RequestError
from archcalc.difference.record import LayerRecord
from archcalc.difference.side import COSTS, Side, totals_of
from archcalc.network.graph import Node
from archcalc.project import read_file

# The maximum size of a saved network; the largest specs give a few MiB.
_MOST_BYTES = 64 * 2**20
_MOST = 2**120
# Measures with another key in JSON.
_KEYS = {"trainable": "trainable_params"}


def side_of_json(path: str) -> Side:
    """A network saved by `archcalc shapes --format json`. Raises `RequestError` for anything else.

    It holds only those keys of a layer that its label shows, and not which layer reads which.
    """
    data = read_file(path, _MOST_BYTES)
    try:
        document: dict[str, Any] = json.loads(data)
        layers = [_record(layer) for layer in document["layers"]]
        totals = {name: _whole(document["totals"][_KEYS.get(name, name)]) for name in COSTS}
        return Side(_text(document["model"]), totals, _in_line(layers), saved=True)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise RequestError(f"{path!r} is not what `archcalc shapes --format json` prints for one spec") from None


def _record(layer: dict[str, Any]) -> LayerRecord:
    op, words = _text(layer["op"]), _text(layer["label"])
    record = LayerRecord(_text(layer["id"]), op, (op, words))
    record.words = words
    record.inputs = tuple((_sizes(shape), None, None) for shape in layer["input"])
    record.output = _sizes(layer["output"])
    record.count = record.runs = max(1, _whole(layer["count"]))
    record.params, record.macs = _whole(layer["params"]), _whole(layer["macs"])
    record.frozen = bool(_whole(layer.get("frozen_params", 0)))
    return record


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError
    return value


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _MOST:
        raise ValueError
    return value


def _sizes(values: Any) -> tuple[int, ...]:
    return tuple(map(_whole, values))


def _in_line(layers: list[LayerRecord]) -> list[LayerRecord]:
    """Layers that each read the previous one, as far as is known."""
    for index, record in enumerate(layers):
        record.reads = ((index - 1, "", False),) if index else ()
    return layers


def as_saved(costs: Costs) -> Side:
    """A network reduced to what saved JSON holds, for comparison with a saved one."""
    layers = [_as_saved(node, copies, costs) for node, copies in _layers(costs.graph.nodes, 1)]
    return Side(costs.graph.model, totals_of(costs), _in_line(layers), saved=True, graph=costs.graph)


def _layers(nodes: list[Node], copies: int) -> Iterator[tuple[Node, int]]:
    for node in nodes:
        yield from _layers(node.children, copies * node.copies)
        if node.layer is not None:
            yield node, copies * node.copies


def _as_saved(node: Node, copies: int, costs: Costs) -> LayerRecord:
    record = LayerRecord(node.id, node.op, (node.op, node.label))
    record.words, record.inputs = node.label, tuple((x.shape, None, None) for x in node.inputs)
    record.output, record.count, record.runs = node.output.shape, copies, copies
    own = costs.own(node)
    record.params, record.macs, record.frozen = own.params, own.macs, bool(own.frozen)
    return record
