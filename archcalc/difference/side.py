"""What a comparison needs to know about one of its two networks."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from archcalc.cost import Costs
from archcalc.difference.flattening import Repeat, Runs, flatten
from archcalc.difference.record import LayerRecord, Read
from archcalc.difference.settings import Facts, facts
from archcalc.language.amounts import parse_amount
from archcalc.memory.footprint import footprint
from archcalc.memory.how import how
from archcalc.network.freezing import untrainable
from archcalc.network.load import Graph
from archcalc.network.paths import depth
from archcalc.running import Running
from archcalc.running.declaration import INFERENCE, TRAIN

COSTS = ("params", "trainable", "buffers", "macs", "other_flops", "activation_bytes")
# The peaks of a training step and of a forward pass, run as given by options, settings and the spec.
PEAKS = ("training_memory_bytes", "inference_memory_bytes")
MEASURES = (*COSTS, *PEAKS)
# Measures by their names in `budget:`.
BUDGETED = {"memory": "training_memory_bytes", "inference_memory": "inference_memory_bytes"}


class Side:
    """One of two networks.

    Attributes:
        model: its name; None if there is no such network.
        layers: its layers, in order of execution.
        outputs: its outputs, by name.
        facts: what its spec says besides the layers; None for saved JSON, which does not hold it.
        saved: whether it was read from saved JSON, which does not hold all of `MEASURES`.
    """

    def __init__(
        self,
        model: str | None,
        totals: dict[str, int],
        layers: list[LayerRecord],
        saved: bool = False,
        graph: Graph | None = None,
        said: Running | None = None,
    ) -> None:
        self.model = model
        self.layers = layers
        self.outputs: dict[str, tuple[Read, ...]] = {}
        self.facts: Facts | None = None
        self.saved = saved
        self._totals = totals
        self._graph = graph
        self._said = said or Running()
        self._costs: Costs | None = None
        self._repeats: dict[Repeat, Runs] = {}
        self._over: list[str] | None = None

    @classmethod
    def of(cls, costs: Costs, said: Running | None = None) -> Side:
        """A network read from a spec; `said` has the given run settings."""
        graph = costs.graph
        side = cls(graph.model, totals_of(costs), [], graph=graph, said=said)
        side.facts = facts(graph)
        side._costs = costs
        side._flatten({})
        return side

    def divide_as(self, other: Side) -> bool:
        """Whether copies of a `repeat` were divided into records in more places, since `other` divides them there."""
        if self._costs is None or other._costs is None:
            return False
        cuts = {
            repeat: theirs.begin
            for repeat, runs in self._repeats.items()
            if (theirs := other._repeats.get(repeat)) and theirs.copies == runs.copies and theirs.begin > {0}
        }
        if all(begin <= self._repeats[repeat].begin for repeat, begin in cuts.items()):
            return False
        before = self._repeats
        self._flatten(cuts)
        return self._repeats != before

    def _flatten(self, cuts: Mapping[Repeat, frozenset[int]]) -> None:
        assert self._graph is not None
        assert self._costs is not None
        self.layers, outputs, self._repeats = flatten(self._costs, cuts)
        self.outputs = outputs if self._graph.document.outputs else {"": next(iter(outputs.values()))}

    @classmethod
    def nothing(cls) -> Side:
        """The other side of a network that is new or removed."""
        side = cls(None, dict.fromkeys(MEASURES, 0), [])
        side.facts = {}
        return side

    def total(self, measure: str) -> int | None:
        """One of `MEASURES`; None if unknown. A peak is computed when it is requested."""
        if measure not in self._totals and self._graph is not None:
            mode = TRAIN if "training" in measure and not untrainable(self._graph) else INFERENCE
            self._totals[measure] = footprint(self._graph, how(self._graph, self._said, mode)).peak
        return self._totals.get(measure)

    def over_budget(self) -> list[str] | None:
        """The bounds of its `budget:` that it exceeds, e.g. `params 25M`; None if it has no budget."""
        graph = self._graph
        if graph is not None and graph.document.budget:
            self._over = [
                f"{key.text} {bound.text}"
                for key, bound in graph.document.budget
                if self._needed(graph, key.text) > (parse_amount(bound.text) or 0)
            ]
        return self._over

    def settle(self, measures: Collection[str], budget: bool) -> None:
        """Compute what may be requested, and release the graph and the layers."""
        for measure in measures:
            if measure in COSTS or not self.saved:
                self.total(measure)
        if budget:
            self.over_budget()
        self._graph, self._costs, self._repeats, self.layers, self.outputs = None, None, {}, [], {}

    def _needed(self, graph: Graph, key: str) -> int:
        if key == "depth":
            return depth(graph)
        if key == "macs":  # those of one sample
            return Costs(graph, batch=1).totals.macs
        return self.total(BUDGETED.get(key, key)) or 0


def totals_of(costs: Costs) -> dict[str, int]:
    """The totals except memory."""
    return {name: int(getattr(costs.totals, name)) for name in COSTS}
