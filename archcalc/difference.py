"""What changed between two networks: which layers, and what the change costs."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from archcalc.cost import Costs
from archcalc.diagnostics import RequestError
from archcalc.language.document import parse_amount
from archcalc.memory.plan import Plan
from archcalc.memory.simulation import simulate
from archcalc.network.graph import walk
from archcalc.network.load import Graph
from archcalc.network.paths import depth

_COSTS = ("params", "buffers", "macs", "other_flops", "activation_bytes")
# The peaks of a training step with Adam and of a forward pass, in fp32.
_PEAKS = ("training_memory_bytes", "inference_memory_bytes")
MEASURES = (*_COSTS, *_PEAKS)


@dataclass(frozen=True)
class LayerRecord:
    """A layer as far as a comparison needs it; the costs are those of all its copies."""

    id: str
    label: str
    output: str
    count: int
    params: int
    macs: int

    @property
    def what(self) -> tuple[str, str]:
        """What makes two layers the same, wherever they stand: what is said of them, and their last name."""
        return (self.label, _stem(self.id))

    @property
    def op(self) -> str:
        """The first word of the label."""
        return self.label.partition(" ")[0]


def _stem(id: str) -> str:
    """The last part of an id without the number that siblings give it."""
    return id.rpartition(".")[2].rstrip("0123456789")


@dataclass
class Side:
    """One of two networks: its name, totals and layers. Saved JSON does not hold all of `MEASURES`.

    `over` has the bounds of its `budget:` that it exceeds, as `params 25M`; None where it has no budget.
    """

    model: str
    totals: dict[str, int]
    layers: list[LayerRecord]
    over: list[str] | None = None


@dataclass
class Difference:
    """What changed, layer by layer.

    Attributes:
        changed: pairs of what a layer was and is; moved: layers as before whose costs differ
            because their input does.
    """

    base: Side
    head: Side
    added: list[LayerRecord] = field(default_factory=list)
    removed: list[LayerRecord] = field(default_factory=list)
    changed: list[tuple[LayerRecord, LayerRecord]] = field(default_factory=list)
    moved: list[tuple[LayerRecord, LayerRecord]] = field(default_factory=list)
    unchanged: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether both networks have the same layers at the same costs."""
        same = all(self.base.totals[name] == self.head.totals[name] for name in self.measures)
        return same and not (self.added or self.removed or self.changed or self.moved)

    @property
    def measures(self) -> list[str]:
        """The measures that are known of both."""
        return [name for name in MEASURES if name in self.base.totals and name in self.head.totals]

    def growth(self, measure: str) -> float:
        """How much `measure` grew, relative to before; infinite from nothing."""
        before, after = self.base.totals[measure], self.head.totals[measure]
        return (after - before) / before if before else (float("inf") if after else 0.0)


def side_of(costs: Costs) -> Side:
    """A network read from a spec."""
    counts = {id(node): work for node, _, work in walk(costs.graph.nodes)}
    layers = [
        LayerRecord(
            node.id,
            node.label,
            "×".join(str(int(size)) for size in node.output.shape),
            counts[id(node)],
            costs.own(node).params,
            costs.own(node).macs,
        )
        for node in costs.layers()
    ]
    totals = {name: int(getattr(costs.totals, name)) for name in _COSTS}
    totals |= {name: simulate(costs.graph, Plan(training="training" in name)).peak for name in _PEAKS}
    return Side(costs.graph.model, totals, layers, _over(costs.graph, totals))


def _over(graph: Graph, totals: dict[str, int]) -> list[str] | None:
    budget = [(key.text, value.text) for key, value in graph.document.budget]
    if not budget:
        return None
    needed = {
        "params": totals["params"],
        "macs": totals["macs"] // graph.batch,
        "depth": depth(graph),
        "memory": totals["training_memory_bytes"],
        "inference_memory": totals["inference_memory_bytes"],
    }
    return [f"{measure} {amount}" for measure, amount in budget if needed[measure] > (parse_amount(amount) or 0)]


def side_of_json(text: str, path: str) -> Side:
    """A network that `archcalc shapes --format json` saved. Raises `RequestError` for anything else."""
    try:
        document: dict[str, Any] = json.loads(text)
        layers = [
            LayerRecord(
                layer["id"],
                layer["label"],
                "×".join(str(size) for size in layer["output"]),
                layer["count"],
                layer["params"],
                layer["macs"],
            )
            for layer in document["layers"]
        ]
        return Side(document["model"], {name: int(document["totals"][name]) for name in _COSTS}, layers)
    except (ValueError, KeyError, TypeError):
        raise RequestError(f"{path!r} is not what `archcalc shapes --format json` prints for one spec") from None


def difference(base: Side, head: Side) -> Difference:
    """Match the layers of both, by what they are and in their order, so that an insertion shifts nothing."""
    result = Difference(base, head)
    matcher = difflib.SequenceMatcher(
        None, [one.what for one in base.layers], [one.what for one in head.layers], autojunk=False
    )
    for tag, i, j, k, m in matcher.get_opcodes():
        before, after = base.layers[i:j], head.layers[k:m]
        if tag == "equal":
            for old, new in zip(before, after):
                if old.count != new.count:
                    result.changed.append((old, new))
                elif (old.params, old.macs, old.output) == (new.params, new.macs, new.output):
                    result.unchanged += 1
                else:
                    result.moved.append((old, new))
        else:
            _pair(before, after, result)
    return result


def _pair(before: list[LayerRecord], after: list[LayerRecord], result: Difference) -> None:
    """Layers of one kind in one stretch are one layer changed; the rest came or went."""
    rest = list(after)
    for old in before:
        new = next((one for one in rest if one.op == old.op), None)
        if new is None:
            result.removed.append(old)
        else:
            rest.remove(new)
            result.changed.append((old, new))
    result.added += rest


def over_limit(found: Difference, limits: dict[str, float]) -> Iterator[str]:
    """A sentence for each measure that grew more than it may. Raises `RequestError` for one that is not known of both."""
    for measure, limit in limits.items():
        if measure not in found.measures:
            raise RequestError(f"saved JSON does not hold {measure}: compare with the spec instead")
        growth = found.growth(measure)
        if growth > limit:
            grown = "from nothing" if growth == float("inf") else f"by {100 * growth:.1f} %"
            yield f"{found.head.model}: {measure} grew {grown}, the limit is {100 * limit:g} %"
