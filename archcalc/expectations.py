"""The `expect:` of a spec, compared with the results."""

from __future__ import annotations

from collections.abc import Mapping

from archcalc.cost import Costs
from archcalc.diagnostics import Diagnostic, RequestError
from archcalc.language.amounts import parse_amount
from archcalc.network.graph import Graph
from archcalc.network.paths import depth
from archcalc.records import NamedTuple
from archcalc.running import Running
from archcalc.running.declaration import INFERENCE, TRAIN
from archcalc.source import Node, Scalar, Sequence


def unmet(costs: Costs) -> list[Diagnostic]:
    """A warning for each expectation that does not hold.

    They are about the spec as it stands: with `--set` or a batch nothing is compared, and a variant has its own.
    Operations are compared as dense counts.
    """
    graph = costs.graph
    if graph.given or graph.batch != 1 or costs.useful:
        return []
    found = []
    for key, value in graph.document.expect.get(graph.variant or "", []):
        actual = _shapes(costs) if key.text == "output" else _number(costs, key.text)
        wanted = _sizes(value) if key.text == "output" else int(value.text) if isinstance(value, Scalar) else None
        if key.text == "output" and isinstance(wanted, list) and wanted and isinstance(wanted[0], int):
            wanted = [wanted]
        if actual != wanted:
            found.append(
                Diagnostic(
                    "SPC016",
                    f"`{key.text}` is {_show(actual)}, the spec expects {_show(wanted)}",
                    value,
                    "correct the spec, or the expectation",
                    severity="warning",
                )
            )
    return found


def confirmed(costs: Costs) -> list[str]:
    """What the spec expects, if all of it holds; nothing if something does not, or if nothing is compared."""
    graph = costs.graph
    if graph.given or graph.batch != 1 or costs.useful or unmet(costs):
        return []
    return [key.text for key, _ in graph.document.expect.get(graph.variant or "", [])]


class Used(NamedTuple):
    """How much of a budget is used: `share` of the `limit`, which the spec writes as `text`."""

    name: str
    share: float
    text: str


def used(costs: Costs) -> list[Used]:
    """How much of each budget is used: operations of one sample, memory when run as the spec's `run:` says."""
    totals = costs.totals if costs.batch == 1 else Costs(costs.graph, dtype=costs.dtype, batch=1).totals
    found = []
    for key, value in costs.graph.document.budget:
        actual: int | None
        if key.text in _MEMORY:
            actual = _peak(costs.graph, _MEMORY[key.text])
        else:
            actual = depth(costs.graph) if key.text == "depth" else int(getattr(totals, key.text))
        found += _share(key, value, actual)
    return found


class Met(NamedTuple):
    """What a spec expects of itself and holds, by name, and how much of its budgets is used."""

    expected: list[str]
    used: list[Used]


def used_memory(graph: Graph, peaks: Mapping[str, int]) -> list[Used]:
    """How much of the memory budgets these peaks use; peaks are in bytes, by mode."""
    budgets = [(key, value) for key, value in graph.document.budget if key.text in _MEMORY]
    return [one for key, value in budgets for one in _share(key, value, peaks.get(_MEMORY[key.text]))]


# The mode that a memory budget is about.
_MEMORY = {"memory": TRAIN, "inference_memory": INFERENCE}


def _share(key: Scalar, value: Scalar, actual: int | None) -> list[Used]:
    limit = parse_amount(value.text)
    return [Used(key.text, actual / limit, value.text)] if limit and actual is not None else []


def _peak(graph: Graph, mode: str) -> int | None:
    """Bytes at the peak of a mode; None if the network cannot be run so, which `archcalc memory` reports."""
    from archcalc.memory.footprint import footprint  # most specs have no such budget
    from archcalc.memory.how import how

    try:
        return footprint(graph, how(graph, Running(), mode)).peak
    except RequestError:
        return None


def written(costs: Costs) -> str:
    """The `expect:` that a spec with these costs meets: parameters, MACs and the sizes of its outputs."""
    shapes = _shapes(costs)
    output = shapes[0] if len(shapes) == 1 else shapes
    return f"expect: {{params: {costs.totals.params}, macs: {costs.totals.macs}, output: {output}}}\n"


def _number(costs: Costs, key: str) -> int:
    return depth(costs.graph) if key == "depth" else int(getattr(costs.totals, key))


def _shapes(costs: Costs) -> list[list[int]]:
    return [[int(size) for size in tensor.shape] for tensor in costs.graph.outputs.values()]


def _sizes(node: Node) -> list[object]:
    if not isinstance(node, Sequence):
        return []
    return [int(item.text) if isinstance(item, Scalar) else _sizes(item) for item in node.items]


def _show(value: object) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list) and len(value) == 1:
        return str(value[0])
    return str(value)
