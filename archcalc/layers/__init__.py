"""Every layer of the language, one class per layer, one file per family; `index.py` maps layers to files."""

from archcalc.layers.base import REGISTRY, Layer, ShapeError
from archcalc.layers.layout import CHANNELS_FIRST, FEATURES_LAST
from archcalc.layers.tensor import Shape, Tensor

# The order in which families are listed.
FAMILIES = (
    "convolution", "pooling", "resizing", "dense", "normalization", "activation", "elementwise", "reduction",
    "regularization", "recurrent", "attention", "position", "shape", "merge", "algebra", "opaque",
)  # fmt: skip

__all__ = ["CHANNELS_FIRST", "FAMILIES", "FEATURES_LAST", "REGISTRY", "Layer", "Shape", "ShapeError", "Tensor"]
