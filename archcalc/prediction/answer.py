"""The full answer of `archcalc predict` for one network on one device, with notes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from archcalc.cost import Costs
from archcalc.devices import Device
from archcalc.memory.allocator import Taken, taken
from archcalc.memory.footprint import Footprint, footprint, generating
from archcalc.memory.how import how, mode_of
from archcalc.network.graph import Node
from archcalc.network.load import Graph
from archcalc.prediction.estimate import NOTHING, Estimate
from archcalc.prediction.generation import Decoding, decode
from archcalc.prediction.predict import Prediction, predict
from archcalc.running import Running
from archcalc.running.declaration import GENERATE


@dataclass(frozen=True)
class Answer:
    """A prediction and, for generation, that of its steps.

    Attributes:
        prediction: of the forward pass (over the prompt), or of a training step.
        decoding: of generation, or None.
    """

    prediction: Prediction
    decoding: Decoding | None

    @property
    def total(self) -> Estimate:
        """The total time."""
        return self.decoding.total if self.decoding else self.prediction.total

    @property
    def costs(self) -> Costs:
        """The costs of the network."""
        return self.prediction.costs

    def of(self, node: Node) -> tuple[Estimate, Estimate, Estimate]:
        """The time of a node alone, over all its copies: forward, backward, and in all generation steps."""
        forward, backward = self._passes.get(id(node), (NOTHING, NOTHING))
        return forward, backward, self._steps.get(node.id, NOTHING)

    def inside(self, node: Node) -> tuple[Estimate, Estimate, Estimate]:
        """The same for a node with everything inside it."""
        known = self._inside.get(id(node))
        if known is None:
            forward, backward, steps = self.of(node)
            for child in node.children:
                further = self.inside(child)
                forward, backward, steps = forward + further[0], backward + further[1], steps + further[2]
            known = self._inside[id(node)] = forward, backward, steps
        return known

    @cached_property
    def _inside(self) -> dict[int, tuple[Estimate, Estimate, Estimate]]:
        return {}

    @cached_property
    def _passes(self) -> dict[int, tuple[Estimate, Estimate]]:
        return {id(layer.node): (layer.forward, layer.backward) for layer in self.prediction.layers}

    @cached_property
    def _steps(self) -> dict[str, Estimate]:
        if self.decoding is None:
            return {}
        # The step has a network of its own, with the same layers.
        return {layer.node.id: layer.forward.times(self.decoding.tokens) for layer in self.decoding.layers}

    @property
    def tokens_per_second(self) -> float:
        """Tokens per second over the batch: read or, in generation, written; 0 without tokens."""
        if self.decoding is not None:
            return self.decoding.tokens_per_second
        return self.prediction.samples_per_second * self.prediction.tokens

    @cached_property
    def footprint(self) -> Footprint:
        """Its peak memory, as in `archcalc memory`."""
        one = self.prediction
        if self.decoding is not None:
            return generating(self.decoding.memory, one.running)
        return footprint(one.graph, one.running, one.structure)

    @cached_property
    def memory(self) -> Taken:
        """What that peak takes of the device's memory."""
        return taken(self.footprint, self.prediction.device)

    @property
    def warnings(self) -> list[str]:
        """Warnings about the prediction."""
        one, needed = self.prediction, self.memory
        if needed.fits:
            return []
        return [
            f"{one.graph.model} does not fit on {one.device.title}: it needs {needed.shown / 1e9:.1f} GB of "
            f"{needed.room / 1e9:.1f} GB (`archcalc memory` shows where it goes)"
        ]


def answer(graph: Graph, said: Running, chip: Device | None = None) -> Answer:
    """Predict a forward pass, a training step or generation, by mode; by default a training step.

    A network without trained parameters runs at inference unless a mode is given.

    Args:
        chip: the device named in `said`, if already looked up.

    Raises:
        RequestError: no device, incompatible settings, or a network that cannot generate.
        SpecError: the network cannot have that many positions.
    """
    running = how(graph, said, mode_of(graph, said), chip)
    if running.mode != GENERATE:
        return Answer(predict(graph, running), None)
    decoding = decode(graph, running)
    return Answer(decoding.prefill, decoding)
