"""The model's outputs and its loss, for the rules about both."""

from __future__ import annotations

from archcalc.diagnostics import Edit, Fix, Note
from archcalc.layers.base import Layer
from archcalc.layers.shape import Rearranging
from archcalc.layers.softmax import SoftmaxLike
from archcalc.network.graph import Node
from archcalc.rules.model import Model, Through


def unchanged(layer: Layer) -> bool:
    """Whether it passes on every number unchanged."""
    return layer.reorders


def taken(layer: Layer) -> bool:
    """Whether it passes on numbers unchanged, but may leave some out."""
    return layer.reorders or isinstance(layer, Rearranging)


def loss(model: Model) -> str:
    """The name of the loss, or nothing."""
    scalar = model.graph.document.loss
    return scalar.text if scalar else ""


def loss_note(model: Model) -> tuple[Note, ...]:
    """A note on where the loss is set."""
    scalar = model.graph.document.loss
    return (Note("the loss", scalar),) if scalar else ()


def with_loss(model: Model, name: str, safe: bool) -> Fix | None:
    """A fix that sets another loss. It is unsafe in a spec with variants, whose last layers may differ."""
    scalar = model.graph.document.loss
    if scalar is None or scalar.quoted:
        return None
    alone = not (model.graph.document.variants or model.graph.given)
    return Fix(f"write `loss: {name}`", (Edit(scalar, name),), safe=safe and alone)


def last_layers(model: Model, through: Through = unchanged) -> list[Node]:
    """The layer that computes each output, seen through layers that only move its values.

    Empty if one of them is uncertain.
    """
    found = []
    for tensor in model.graph.outputs.values():
        node = model.maker(tensor, through)
        if node is None:
            return []
        found.append(node)
    return found


def classes(node: Node) -> int | None:
    """The number of classes of a softmax; None if it is not over channels or features."""
    assert isinstance(node.layer, SoftmaxLike)
    x = node.inputs[0]
    if node.layer.axis is not None and x.axis(node.layer.axis) != x.feature_axis:
        return None
    return int(x.shape[x.feature_axis])
