"""One of two networks as far as a comparison needs it."""

from __future__ import annotations

from dataclasses import dataclass

from archcalc.cost import Costs
from archcalc.language.document import parse_amount
from archcalc.memory.plan import Plan
from archcalc.memory.simulation import simulate
from archcalc.network.graph import walk
from archcalc.network.load import Graph
from archcalc.network.paths import depth

COSTS = ("params", "buffers", "macs", "other_flops", "activation_bytes")
# The peaks of a training step with Adam and of a forward pass, in fp32.
PEAKS = ("training_memory_bytes", "inference_memory_bytes")
MEASURES = (*COSTS, *PEAKS)


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
    totals = {name: int(getattr(costs.totals, name)) for name in COSTS}
    totals |= {name: simulate(costs.graph, Plan(training="training" in name)).peak for name in PEAKS}
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
