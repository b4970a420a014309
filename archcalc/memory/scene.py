"""A network at run time: variables, the tensors they hold, and how much is alive at each moment."""

from __future__ import annotations

from archcalc.layers.tensor import Alias, Tensor
from archcalc.memory.run import Moment, Run
from archcalc.memory.structure import origins
from archcalc.memory.values import Heap, Storage, Value
from archcalc.network.graph import Node
from archcalc.running import Running
from archcalc.running.declaration import ACTIVATIONS, COMPILED


class Scene:
    """Variables, and the heap behind them.

    Attributes:
        env: the tensors that variables hold, by the ids of the graph's tensors; changed: keys added to it or removed.
        more, more_kept: bytes of copies that are not simulated. copies: how many are simulated as one.
        gradients: bytes of the parameter gradients that exist.
    """

    def __init__(self, running: Running, run: Run) -> None:
        self.running, self.run, self.gpu = running, run, running.gpu
        self.heap = Heap()
        self.env: dict[int, Value] = {}
        self.changed: list[tuple[int, bool]] = []
        self.base = run.base
        self.more = 0
        self.more_kept = 0
        self.copies = 1
        self.gradients = 0
        self.fetched = 0  # offloaded bytes that a layer's backward pass has brought back
        self.is_offloaded = running.trains and ACTIVATIONS in running.offload
        self.is_fused = running.execution == COMPILED

    def _value(self, tensor: Tensor) -> Value:
        found = self.env.get(id(tensor))
        while found is None and isinstance(tensor, Alias):
            tensor = tensor.origin
            found = self.env.get(id(tensor))
        return self.env[id(tensor)] if found is None else found

    def _there(self, tensor: Tensor) -> bool:
        return any(key in self.env for key in origins(tensor))

    def _bind(self, tensor: Tensor, value: Value) -> None:
        key = id(tensor)
        self.heap.hold(value.storage)
        if key in self.env:
            self.heap.drop(self.env[key].storage)
        else:
            self.changed.append((key, True))
        self.env[key] = value

    def _unbind(self, key: int) -> None:
        if key in self.env:
            self.heap.drop(self.env.pop(key).storage)
            self.changed.append((key, False))

    def _moment(self, phase: str, node: Node | None, passing: int, count: int = 1, pattern: int = 0) -> None:
        heap, gradients = self.heap, self.gradients
        kept = heap.kept + self.more_kept
        live = heap.kept + heap.other + self.more
        total = self.base + live + gradients + passing
        self.run.moments.append(Moment(phase, node, total, kept, live - kept, passing, gradients, count, pattern))

    def _keep(self, storage: Storage, node: Node) -> list[Storage]:
        """Save a tensor for backward; returns the storages saved for it, which are released after use.

        A compiled step does not save a tensor that it can recompute element by element from others, but saves those
        others. Offloaded tensors come back when they are used.
        """
        if storage.made_of:
            return [one for source in storage.made_of for one in self._keep(source, node)]
        if self.is_offloaded:
            self.fetched += storage.bytes
            return []
        if self.heap.keep(storage):
            self.run.layers[id(node)] = self.run.layers.get(id(node), 0) + storage.bytes * self.copies
        return [storage]
