"""Normalisation by neighbouring channels."""

from __future__ import annotations

from archcalc.layers.arguments import Number, Whole, arg
from archcalc.layers.base import Layer, layer
from archcalc.layers.code import Code, given, module
from archcalc.layers.layout import CHANNELS_FIRST
from archcalc.layers.saved import Saved, Saving
from archcalc.layers.strides import Strides, contiguous, iterated
from archcalc.layers.tensor import Tensor
from archcalc.quantity import plain
from archcalc.terms import work


@layer("localresponsenorm", first="size", aliases=("lrn", "localresponsenormalization"), family="normalization")
class LocalResponseNorm(Layer):
    """Divides by the energy of neighbouring channels. [C, *S] -> the same shape.

    Source: torch.nn.LocalResponseNorm; Krizhevsky et al. 2012, section 3.3.
    """

    one_pass = True
    nonnegative = True
    notation = "y[c] = x[c] / (k + α/n · Σ x[j]²)^β        j: the n channels around c"
    symbols = {"n": "size", "k": "k", "α": "alpha", "β": "beta"}

    layout = CHANNELS_FIRST
    ranks = (2, 8)
    wants = "a channels-first tensor [channels, ...]"

    size: int = arg(Whole, "neighbouring channels", min=1)
    alpha: float = arg(Number, "factor of the energy", default=1e-4)
    beta: float = arg(Number, "exponent", default=0.75)
    k: float = arg(Number, "added to the energy", default=1.0)

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """Square, a sum over `size` channels, factor, addition, power, division."""
        around = ("sum over the channels around", self.size)
        rest = ("factor α/n", 1), ("addition of k", 1), ("power β", 1), ("division", 1)
        return work(y.elements, "element", ("square", 1), around, *rest)

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The input, its padded squares, the energy and its power."""
        elements = how.batch * y.numel * how.width
        padded = elements // plain(y.shape[0]) * (plain(y.shape[0]) + plain(self.size) - 1)
        return how.first(Saved((0,), extra={"squares": padded, "energy": elements, "divisor": elements}))

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """Like an elementwise operation on the input and the energy."""
        x = how.strides[0]
        x = contiguous(x.sizes) if inputs[0].rank == 4 and not x.is_contiguous else x
        return iterated(x, contiguous(x.sizes))

    def passing(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, int]:
        """What training would keep: the mean of the squares, scaled and shifted."""
        return (0 if how.keeps else 2 * how.batch * y.numel * how.width), 0

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        plain = given(alpha=(self.alpha, 1e-4), beta=(self.beta, 0.75), k=(self.k, 1.0))
        code = module("nn.LocalResponseNorm", self.size, **plain)
        if x.rank == 4:  # PyTorch treats height and width as one axis
            code.call = "{self}({0}.contiguous())"
        return code
