"""Normalisation by stored numbers that are not trained."""

from __future__ import annotations

from archcalc.layers.arguments import Number, arg
from archcalc.layers.base import Layer, layer
from archcalc.layers.code import Code, given, module
from archcalc.layers.layout import CHANNELS_FIRST
from archcalc.layers.saved import NOTHING, Saved, Saving
from archcalc.layers.strides import Strides, contiguous, iterated
from archcalc.layers.tensor import Shape, Tensor
from archcalc.quantity import plain
from archcalc.terms import work


@layer("frozenbatchnorm", aliases=("frozenbn", "frozen_batch_norm"), family="normalization")
class FrozenBatchNorm(Layer):
    """Normalises each channel by a stored mean and variance, then scales and shifts it by stored numbers.

    [C, *S] -> the same shape. Used by detectors, which train on few images at a time; `batchnorm frozen=true` still
    uses statistics of the batch. Source: torchvision.ops.FrozenBatchNorm2d.
    """

    one_pass = True
    bare = True
    notation = "y = (x − μ) / √(σ² + ε) · γ + β        all four stored"
    symbols = {"ε": "eps"}

    layout = CHANNELS_FIRST
    elementwise = True
    wants = "a channels-first tensor [channels, ...]"

    eps: float = arg(Number, "added to the variance", default=1e-5, min=0)

    def buffers(self, x: Tensor) -> dict[str, Shape]:
        """Four numbers for each channel."""
        return dict.fromkeys(("weight", "bias", "running_mean", "running_var"), (x.shape[0],))

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """One product and one sum per element: the stored numbers fold into a factor and an addend."""
        return work(y.elements, "element", ("product", 1), ("addition", 1))

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """Like an elementwise operation on the input and a factor for each channel."""
        x = inputs[0]
        return iterated(how.strides[0], contiguous((x.shape[0], *[1] * (x.rank - 1))))

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The factors, for the gradient of the input."""
        return Saved(extra={"factors": plain(y.shape[0]) * how.width}) if how.needs[0] else NOTHING

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch, without torchvision."""
        return module("FrozenBatchNorm", x.shape[0], **given(eps=(float(self.eps), 1e-5), axes=(x.rank - 1, 2)))
