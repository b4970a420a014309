"""What a layer says about one way to run it. Most copies of a layer run alike, so it is asked once for all of them."""

from __future__ import annotations

from archcalc.layers.base import Layer
from archcalc.layers.saved import Saved, Saving
from archcalc.layers.strides import Strides
from archcalc.lazy import lazy
from archcalc.network.graph import Node


class Asked:
    """A layer, `how` it runs, and what it says about that.

    Args:
        experts: how many surrounding experts are simulated as one.
    """

    def __init__(self, node: Node, layer: Layer, how: Saving, experts: int = 1) -> None:
        self.node, self.layer, self.how, self._experts = node, layer, how, experts

    @lazy
    def each(self) -> Saving:
        """How it runs in one expert, if all have as many positions."""
        how = self.how
        if self._experts == 1:
            return how
        batch = -(-how.batch // self._experts)
        cut = [one.cut(0, batch) if one.rank and one.sizes[0] == how.batch else one for one in how.strides]
        return how._replace(batch=batch, strides=tuple(cut))

    @lazy
    def saved(self) -> Saved:
        """What it keeps for backward."""
        return self.layer.saved(self.how, self.node.exit, *self.node.inputs)

    @lazy
    def passing(self) -> tuple[int, int]:
        """Temporary bytes, forward and backward."""
        return self.layer.passing(self.each, self.node.exit, *self.node.inputs)

    @lazy
    def joining(self) -> int:
        """Bytes at the end of its backward pass, when gradients of parts of its parameters are concatenated."""
        return self.layer.joining(self.each, self.node.exit, *self.node.inputs)

    @lazy
    def copied(self) -> tuple[int, ...]:
        """The inputs that it copies."""
        return self.layer.copied(self.how, self.node.exit, *self.node.inputs)

    @lazy
    def shares(self) -> bool:
        """Whether its output shares memory with its first input."""
        return self.layer.shares(self.how, self.node.exit, *self.node.inputs)

    @lazy
    def hands_back(self) -> bool:
        """Whether its output is its first input itself."""
        return self.layer.hands_back(self.how, self.node.exit, *self.node.inputs)

    @lazy
    def stored(self) -> int:
        """The number of elements in the memory of its output."""
        return self.layer.stored(self.how, self.node.exit, *self.node.inputs)

    @lazy
    def strides(self) -> Strides:
        """The strides of its output."""
        return self.layer.strides(self.how, self.node.exit, *self.node.inputs)

    @lazy
    def further_strides(self) -> dict[str, Strides]:
        """The strides of its further outputs."""
        y = self.node.exit
        return {name: self.layer.further_strides(name, self.how, y, *self.node.inputs) for name in y.outputs or {}}
