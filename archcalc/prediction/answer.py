"""All that `archcalc predict` answers about one network on one device, and what is to be said about it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from archcalc.cost import Costs
from archcalc.devices import Device
from archcalc.diagnostics import RequestError
from archcalc.memory.allocator import Taken, taken
from archcalc.memory.footprint import GENERATION, INFERENCE, TRAINING, footprint
from archcalc.memory.plan import WIDTHS, Plan
from archcalc.network.graph import Node
from archcalc.network.load import Graph
from archcalc.prediction.estimate import Estimate
from archcalc.prediction.generation import Decoding, decode
from archcalc.prediction.predict import MODES, OPTIMIZERS, Prediction, predict


@dataclass(frozen=True)
class Answer:
    """A prediction, and where generating was asked for that of its steps.

    Attributes:
        prediction: of the forward pass, which is that over the prompt, or of a training step.
        decoding: of generating, or None.
    """

    prediction: Prediction
    decoding: Decoding | None

    @property
    def total(self) -> Estimate:
        """All of it."""
        return self.decoding.total if self.decoding else self.prediction.total

    @property
    def costs(self) -> Costs:
        """Of the network."""
        return self.prediction.costs

    def of(self, node: Node) -> tuple[Estimate, Estimate, Estimate]:
        """What a node alone takes, over all its copies: forward, backward, and in all steps of generating."""
        forward, backward = self._passes.get(id(node), (Estimate(), Estimate()))
        return forward, backward, self._steps.get(node.id, Estimate())

    def inside(self, node: Node) -> tuple[Estimate, Estimate, Estimate]:
        """The same with all that is inside it."""
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
        # The step's network is another one of the same layers.
        return {layer.node.id: layer.forward.times(self.decoding.tokens) for layer in self.decoding.layers}

    @property
    def tokens_per_second(self) -> float:
        """Tokens of the batch that are read in a second, or where it generates, written; 0 without tokens."""
        if self.decoding is not None:
            return self.decoding.tokens_per_second
        return self.prediction.samples_per_second * self.prediction.tokens

    @cached_property
    def memory(self) -> Taken | None:
        """What it takes of the device's memory at its peak; None in a type that `archcalc memory` does not know."""
        one = self.prediction
        if one.costs.dtype not in WIDTHS:
            return None
        training = one.mode == "train"
        plan = Plan(training, one.costs.dtype, one.optimizer, gpu=one.device.kind == "gpu")
        if self.decoding is not None:
            return taken(footprint(one.graph, plan, GENERATION, self.decoding.memory.length), one.device)
        return taken(footprint(one.graph, plan, TRAINING if training else INFERENCE), one.device)

    @property
    def warnings(self) -> list[str]:
        """What stands against the prediction."""
        one, needed = self.prediction, self.memory
        if needed is None or needed.fits:
            return []
        return [
            f"{one.graph.model} does not fit on {one.device.title}: it takes {needed.shown / 1e9:.1f} GB of "
            f"{needed.room / 1e9:.1f} GB (`archcalc memory` says what for)"
        ]


def answer(
    graph: Graph,
    device: Device,
    dtype: str | None = None,
    mode: str = "forward",
    optimizer: str = "adamw",
    tokens: int | None = None,
) -> Answer:
    """Predict a forward pass, a training step (`mode="train"`), or generating `tokens` after the graph's sequence.

    Raises:
        RequestError: the device does not compute in `dtype`, the network cannot generate, or the two do not go together.
        SpecError: the network cannot have so many positions.
    """
    if mode not in MODES:
        raise RequestError(f"the mode is {' or '.join(MODES)}, not {mode!r}")
    if optimizer not in OPTIMIZERS:
        raise RequestError(f"the optimizer is {', '.join(OPTIMIZERS[:-1])} or {OPTIMIZERS[-1]}, not {optimizer!r}")
    if tokens is None:
        return Answer(predict(graph, device, dtype, mode, optimizer), None)
    if mode == "train":
        raise RequestError("generating is a matter of inference: leave out --mode train or --generate")
    decoding = decode(graph, device, tokens, dtype)
    return Answer(decoding.prefill, decoding)
