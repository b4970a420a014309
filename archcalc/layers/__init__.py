"""Every layer of the language, one class each, one file a family."""

from archcalc.layers import (
    activation,
    algebra,
    attention,
    convolution,
    cutting,  # noqa: F401
    dense,
    elementwise,
    fixed_numbers,  # noqa: F401
    frozen_norm,  # noqa: F401
    gating,  # noqa: F401
    local_norm,  # noqa: F401
    lstm,  # noqa: F401
    merge,
    normalization,
    opaque,
    pooling,
    position,
    rearrange,  # noqa: F401
    recurrent,
    reduction,
    regularization,
    reordering,  # noqa: F401
    resizing,
    sdpa,  # noqa: F401
    selection,  # noqa: F401
    shape,
    shuffling,  # noqa: F401
    softmax,  # noqa: F401
    transposed,  # noqa: F401
    windows,  # noqa: F401
)
from archcalc.layers.base import REGISTRY, Layer, ShapeError
from archcalc.layers.layout import CHANNELS_FIRST, FEATURES_LAST
from archcalc.layers.tensor import Shape, Tensor

FAMILIES = (
    convolution,
    pooling,
    resizing,
    dense,
    normalization,
    activation,
    elementwise,
    reduction,
    regularization,
    recurrent,
    attention,
    position,
    shape,
    merge,
    algebra,
    opaque,
)

__all__ = ["CHANNELS_FIRST", "FAMILIES", "FEATURES_LAST", "REGISTRY", "Layer", "Shape", "ShapeError", "Tensor"]
