"""The memory of a run: totals, and what is alive at each moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from archcalc.network.graph import Node
from archcalc.running import Running


@dataclass(slots=True)
class Moment:
    """The maximum bytes alive while one layer or step runs.

    Attributes:
        phase: "forward", "loss", "backward" or "step".
        node: the layer that runs; None for loss and step.
        count: how many copies it stands for; `live` is that of the last one. pattern: how many moments
        before it belong to the copy that all of these repeat.
        kept: saved for backward; activations: other tensors and gradients of tensors; passing: temporaries
            of a kernel; gradients: of the parameters so far.
    """

    phase: str
    node: Node | None
    live: int
    kept: int
    activations: int
    passing: int
    gradients: int
    count: int = 1
    pattern: int = 0


@dataclass
class Run:
    """The memory of a run, in bytes.

    Attributes:
        parameters, buffers: of the model; with mixed precision, parameters count in their own type, and the fp32
            copy belongs to `optimizer`.
        inputs: the batch and, in training, its targets.
        gradients: of all parameters; optimizer: its states.
        saved: saved for backward after forward and loss.
        forward_end: everything alive then; peak: the maximum ever alive.
        layers: bytes saved by each layer over all its copies, by node id; by one copy if the layer is recomputed.
    """

    running: Running
    parameters: int = 0
    buffers: int = 0
    inputs: int = 0
    gradients: int = 0
    optimizer: int = 0
    saved: int = 0
    forward_end: int = 0
    moments: list[Moment] = field(default_factory=list)
    layers: dict[int, int] = field(default_factory=dict)

    @property
    def base(self) -> int:
        """What exists before and after every step."""
        return self.parameters + self.buffers + self.inputs + self.optimizer

    @property
    def all_gradients(self) -> bool:
        """Whether the gradients of all parameters exist at the peak."""
        return bool(self.moments) and self.peak_moment.gradients == self.gradients

    @cached_property
    def peak_moment(self) -> Moment:
        """The moment of the peak, after the whole run."""
        return max(self.moments, key=lambda moment: moment.live)

    @property
    def peak(self) -> int:
        """The maximum ever alive."""
        return self.peak_moment.live if self.moments else self.base
