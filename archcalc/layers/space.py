"""The spatial size of another tensor, for layers that resize their input to it."""

from __future__ import annotations

from archcalc.layers.base import Layer, ShapeError
from archcalc.layers.layout import CHANNELS_FIRST
from archcalc.layers.tensor import Tensor, Want


def space_of(layer: Layer, like: Tensor, x: Tensor) -> tuple[int, ...]:
    """The sizes of `like` without its channels. Raises `ShapeError` if its number of axes differs from that of `x`."""
    if like.rank != x.rank:
        message = f"`like` {like} has another number of axes than the input {x}"
        raise ShapeError("SHP101", message, "like", f"give the size itself, e.g. `{layer.op} size=...`")
    return like.shape[1:]


def alike(like: Tensor | None) -> tuple[Want, ...]:
    """The layout of a tensor whose size is taken: channels first."""
    return () if like is None else ((like, CHANNELS_FIRST, "like"),)
