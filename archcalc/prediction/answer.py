"""All that `archcalc predict` answers about one network on one device, and what is to be said about it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from archcalc.cost import DTYPE_BYTES, Costs
from archcalc.devices import Device
from archcalc.diagnostics import RequestError
from archcalc.network.graph import Node
from archcalc.network.load import Graph
from archcalc.prediction.estimate import Estimate
from archcalc.prediction.generation import Decoding, decode
from archcalc.prediction.predict import MODES, OPTIMIZERS, Prediction, predict

# Copies of the parameters that training keeps at least: the weights, their gradients, and averages.
_KEPT = {"sgd": 2, "adam": 4, "adamw": 4}


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
        forward, backward, steps = self.of(node)
        for child in node.children:
            further = self.inside(child)
            forward, backward, steps = forward + further[0], backward + further[1], steps + further[2]
        return forward, backward, steps

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
    def warnings(self) -> list[str]:
        """What stands against the prediction."""
        one = self.prediction
        stored = "fp32" if one.dtype == "tf32" else one.dtype
        weights = one.costs.totals.params * DTYPE_BYTES[stored]
        what, needed = "its weights", weights
        if one.mode == "train":
            what, needed = f"weights, gradients and averages of {one.optimizer}", weights * _KEPT[one.optimizer]
        elif self.decoding is not None:
            what, needed = "weights and the cache", self.decoding.memory.peak_bytes
        if needed <= one.device.memory_bytes:
            return []
        return [
            f"{one.graph.model} does not fit on {one.device.title}: {what} take {needed / 1e9:.1f} GB of "
            f"{one.device.memory_bytes / 1e9:.1f} GB"
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
