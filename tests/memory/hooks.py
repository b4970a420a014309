"""What autograd really keeps for the backward pass: the tensors that PyTorch's hooks see, by storage."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any

import torch

from archcalc.network.load import Graph
from archcalc.pytorch.instance import example_inputs, instantiate


@dataclass
class Kept:
    """Storages kept for backward, without parameters and buffers: the bytes of each, and what it is."""

    storages: dict[int, tuple[int, str]]

    @property
    def bytes(self) -> int:
        return sum(size for size, _ in self.storages.values())


def kept(graph: Graph, grad: bool = True, seed: int = 0) -> Kept:
    """Run the written module forward in training; `grad`: inputs that are numbers need a gradient."""
    torch.default_generator.manual_seed(seed)
    module = instantiate(graph).train()
    inputs = [x.requires_grad_(grad) if x.is_floating_point() else x for x in example_inputs(graph)]
    own = {t.untyped_storage().data_ptr() for t in (*module.parameters(), *module.buffers())}
    names = {x.untyped_storage().data_ptr(): f"input {index}" for index, x in enumerate(inputs)}
    boxes: list[tuple[Any, int, int, str]] = []

    def pack(tensor: torch.Tensor) -> Box:
        storage = tensor.untyped_storage()
        box = Box(tensor.detach())  # an output itself would hold, by its history, the box that holds it
        if storage.data_ptr() not in own and storage.nbytes():
            what = names.get(storage.data_ptr(), f"{list(tensor.shape)} {tensor.dtype}")
            boxes.append((weakref.ref(box), storage.data_ptr(), storage.nbytes(), what))
        return box

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda box: box.tensor):
        outputs = module(*inputs)
    # What no output depends on has been let go.
    found = {key: (size, what) for box, key, size, what in boxes if box() is not None}
    del outputs
    return Kept(found)


class Box:
    """A tensor that autograd keeps."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor
