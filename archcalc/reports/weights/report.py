"""The data from which all forms are made: tensors by type and by the module they belong to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from archcalc.weights.tensor import Tensor


class Part:
    """Tensors counted together under a name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.tensors = 0
        self.elements = 0
        self.bytes = 0

    def add(self, tensor: Tensor) -> None:
        """Count a tensor."""
        self.tensors += 1
        self.elements += tensor.elements
        self.bytes += tensor.bytes


class Report:
    """The tensors of one source.

    Attributes:
        path: the source as named by the user.
        total, buffers: all tensors, and those that are buffers judging by their names.
        by_type: the largest first; by_module: in the order of the file, by the first `depth` parts of their names.
    """

    def __init__(self, path: str, tensors: Sequence[Tensor], depth: int = 2) -> None:
        self.path = path
        self.total = _counted("all", tensors)
        self.buffers = _counted("buffers", (tensor for tensor in tensors if tensor.is_buffer))
        types: dict[str, Part] = {}
        modules: dict[str, Part] = {}
        for tensor in tensors:
            types.setdefault(tensor.dtype, Part(tensor.dtype)).add(tensor)
            name = ".".join(tensor.name.split(".")[:-1][:depth]) or tensor.name
            modules.setdefault(name, Part(name)).add(tensor)
        self.by_type = sorted(types.values(), key=lambda part: -part.bytes)
        self.by_module = list(modules.values())

    @property
    def params(self) -> int:
        """The number of elements outside buffers."""
        return self.total.elements - self.buffers.elements


def _counted(name: str, tensors: Iterable[Tensor]) -> Part:
    part = Part(name)
    for tensor in tensors:
        part.add(tensor)
    return part
