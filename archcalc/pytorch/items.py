"""What flows between the steps of a class: tensors, states of recurrent layers, lists of what all copies give."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Union

from archcalc.layers.algebra import MoE
from archcalc.layers.tensor import Tensor
from archcalc.network.graph import Node, steps_of
from archcalc.network.names import ALL

# A tensor, the state of a recurrent layer, or a list of what all copies give.
Item = Union[Tensor, "dict[str, Tensor]", "list[Any]"]


def entry_of(node: Node) -> Tensor | None:
    """What a group starts from."""
    return node.inputs[0] if node.inputs else None


def first_of(node: Node) -> Node:
    """The first of several unequal copies; else the node itself."""
    return node.children[0] if node.unfolded else node


def results(node: Node) -> dict[str, Item]:
    """What comes out of a group besides its output: further outputs, and lists of what all copies inside it give."""
    declared = {name: item for name, item in node.further.items() if item is not node.exit or not node.block}
    return {**declared, **{f"{path}{ALL}": tensors for path, tensors in node.gathered.items()}}


def is_layers(node: Node) -> bool:
    """Whether it consists of unequal copies of one layer, which need no class."""
    return node.unfolded and node.children[0].layer is not None


def is_loop(node: Node) -> bool:
    """Whether it consists of several copies."""
    return node.unfolded or node.copies > 1


def is_batched(item: Item) -> bool:
    """Whether an item has a batch axis."""
    if isinstance(item, list):
        return any(one.batched for one in item)
    return item.batched if isinstance(item, Tensor) else any(part.batched for part in item.values())


def layer_inputs(node: Node) -> list[Item]:
    """What a layer reads, with a recurrent layer's state in place of its further outputs."""
    given = node.layer.__dict__.get("state") if node.layer is not None else None
    if isinstance(node.layer, MoE):
        return list(node.inputs[:1])  # experts' outputs are not read by the enclosing layer
    if isinstance(given, Tensor) and given.state is not None and given.outputs:
        return [node.inputs[0], given.outputs]
    return list(node.inputs)


def beside(tensor: Tensor | None) -> dict[str, Item]:
    """What comes with a tensor: all further outputs of its layer as its state, under "", and each by its name."""
    outputs = None if tensor is None else tensor.outputs
    return {"": outputs, **outputs} if outputs else {}


def extra_read(entry: Tensor | None, layer: Node) -> dict[str, Item]:
    """Which of what comes with a tensor a layer reads, by name."""
    read = set(map(id, layer_inputs(layer)))
    return {name: item for name, item in beside(entry).items() if id(item) in read}


def family(tensor: Tensor) -> set[int]:
    """The ids of a tensor and of what comes with it."""
    return {id(tensor), *map(id, beside(tensor).values())}


def outputs_of(step: Node) -> Iterator[tuple[Any, Item]]:
    """Everything that a step gives, with a name for each."""
    for tensor in (step.exit, step.output):
        yield "", tensor
        if tensor.outputs:
            yield "state", tensor.outputs
            yield from tensor.outputs.items()
    for number, (_, every) in enumerate(step.listed):
        yield ("every", number), every
    for name, item in results(step).items():
        yield ("further", name), item
        if isinstance(item, list):
            yield from (((name, number), one) for number, one in enumerate(item))


def produced(step: Node) -> set[int]:
    """The ids of everything that a step gives."""
    return {id(item) for _, item in outputs_of(step)}


def producer(group: Node) -> Node | None:
    """The recurrent layer inside a group whose state the group returns."""
    for step in steps_of(group.children):
        if step.exit.outputs is not None and step.exit.outputs is group.exit.outputs:
            last = step.children[-1] if step.unfolded else step
            return last if last.layer is not None else producer(last)
    return None
