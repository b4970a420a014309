"""The model's outputs and its loss, as the rules about both look at them."""

from __future__ import annotations

from archcalc.diagnostics import Edit, Fix, Note
from archcalc.layers.base import Layer
from archcalc.layers.shape import Rearranging
from archcalc.layers.softmax import SoftmaxLike
from archcalc.network.graph import Node
from archcalc.rules.model import Model, Through


def unchanged(layer: Layer) -> bool:
    """Whether it gives on each number as it is."""
    return layer.reorders


def taken(layer: Layer) -> bool:
    """Whether it gives on numbers as they are, and may leave some out."""
    return layer.reorders or isinstance(layer, Rearranging)


def loss(model: Model) -> str:
    """The name of the loss, or nothing."""
    scalar = model.graph.document.loss
    return scalar.text if scalar else ""


def loss_note(model: Model) -> tuple[Note, ...]:
    """Where the loss stands."""
    scalar = model.graph.document.loss
    return (Note("the loss", scalar),) if scalar else ()


def with_loss(model: Model, name: str, safe: bool) -> Fix | None:
    """A fix that writes another loss. In a spec with variants it is not safe: they may have other last layers."""
    scalar = model.graph.document.loss
    if scalar is None or scalar.quoted:
        return None
    alone = not (model.graph.document.variants or model.graph.given)
    return Fix(f"write `loss: {name}`", (Edit(scalar, name),), safe=safe and alone)


def last_layers(model: Model, through: Through = unchanged) -> list[Node]:
    """The layer that computes each output, seen through layers that only move its values.

    Empty when one of them is not known for certain.
    """
    found = []
    for tensor in model.graph.outputs.values():
        node = model.maker(tensor, through)
        if node is None:
            return []
        found.append(node)
    return found


def classes(node: Node) -> int | None:
    """Over how many classes a softmax goes; None when it is not over channels or features."""
    assert isinstance(node.layer, SoftmaxLike)
    x = node.inputs[0]
    if node.layer.axis is not None and x.axis(node.layer.axis) != x.feature_axis:
        return None
    return int(x.shape[x.feature_axis])
