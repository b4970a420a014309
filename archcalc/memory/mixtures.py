"""The backward pass of mixtures of experts, which are simulated as one but run one after the other.

The last expert runs back first, while all that the others have kept is still there; the first runs back last, beside the
gradients of all parameters and the sum of the gradients of the mixture's input. Compared with PyTorch's allocator.
"""

from __future__ import annotations

from abc import abstractmethod

from archcalc.memory.parameters import Gradients
from archcalc.memory.scans import ScanForward
from archcalc.memory.tape import Ran, Sent
from archcalc.memory.values import Storage, Value
from archcalc.network.graph import Node


class Mixtures(ScanForward):
    """A run whose graph may have mixtures of experts.

    Attributes:
        learned: the gradients of parameters. leaves: whether a gradient of a parameter is freed as soon as it exists.
        left: bytes kept for the experts that have not run back yet; later: those of the gradients that they will give.
    """

    learned: Gradients
    leaves: bool
    left = 0
    later = 0

    @abstractmethod
    def _give(self, gradients: dict[Value, Storage], value: Value, storage: Storage, node: Node | None = None) -> None:
        """Pass on a gradient, of `node`."""

    def _release(self, storage: Storage) -> None:
        """Release what a layer saved, of experts only that of the first to run back."""
        self.heap.release(storage)
        if storage.held < storage.bytes and not storage.keepers:
            rest = storage.bytes - storage.held
            self.more += rest
            self.more_kept += rest
            self.left += rest

    def _learn(self, ran: Ran, learned: int) -> int:
        """Note the gradients that the other experts will give; returns those that the first gives."""
        own = learned // ran.experts
        self.later += learned - own
        return own

    def _back_mixture(self, ran: Ran, sent: Sent, given: Storage, gradients: dict[Value, Storage]) -> None:
        """Up to where its experts run back; the gradient of its output is read by each of them."""
        self._moment("backward", ran.node, ran.passing)
        sent.began, sent.given = len(self.run.moments), given
        for storage in ran.kept:
            if storage in sent.parts:
                self._release(storage)
        output = ran.inputs[1]
        if ran.needs[1]:
            self._give(gradients, output, Storage(output.gradient))

    def _back_sent(self, sent: Sent, gradients: dict[Value, Storage]) -> None:
        """Where its experts begin: each adds its gradient of the input to the sum; the router's comes last."""
        entry, ran, node, several = gradients.pop(sent.entry, None), sent.ran, sent.node, sent.entry.parts - 1
        if entry is not None:
            self._moment("backward", node, sent.whole)
            self.heap.drop(entry)
        if ran is None:
            return
        if several and self.peaks:
            self._last(sent, several, sent.whole if entry is not None else 0)
        self.more -= self.left
        self.more_kept -= self.left
        self.gradients += self.later
        self.left = self.later = 0
        if ran.needs[0]:
            self._give(gradients, ran.inputs[0], Storage(ran.inputs[0].gradient))
        first, more, _, waits, whole = self.learned.give(node, ran.at)
        passes = self.adds_up or self.leaves
        self.gradients += waits if passes else first
        self._moment("backward", node, ran.joining + more)
        if passes:
            self.gradients -= whole
        if sent.given is not None:
            self.heap.drop(sent.given)
        for storage in ran.kept:
            if storage not in sent.parts:
                self.heap.release(storage)

    def _last(self, sent: Sent, several: int, summed: int) -> None:
        """Let the moments of an expert be those of the second or the last one to run back, where more is alive then."""
        freed, learned = self.left, self.later
        if learned < freed:
            freed, learned = freed // several, learned // several
        if summed + learned <= freed:
            return
        for moment in self.run.moments[sent.began :]:
            moment.kept -= freed
            moment.gradients += learned
            moment.activations += summed
            moment.live += summed + learned - freed
