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

    def is_wide(self, gpu: bool, *inputs: Tensor) -> bool:
        """The power on a GPU; on the CPU the mean over channels, if it is that of volumes: PyTorch's for images."""
        return gpu or inputs[0].rank > 2

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The input, its padded squares, the energy and its power."""
        elements = how.batch * y.numel * how.width
        extra = {"squares": self._padded(how, y), "energy": elements, "divisor": elements}
        return how.first(Saved((0,), extra=extra))

    def _padded(self, how: Saving, y: Tensor) -> int:
        """Bytes of the squares, with zeros for the channels beyond the first and the last."""
        channels = plain(y.shape[0])
        return how.batch * y.numel * how.width // channels * (channels + plain(self.size) - 1)

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """Like an elementwise operation on the input and the energy."""
        x = how.strides[0]
        x = contiguous(x.sizes) if inputs[0].rank == 4 and not x.is_contiguous else x
        return iterated(x, contiguous(x.sizes))

    def passing(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, int]:
        """Forward the wide copy of a narrow input that is divided, or at inference the mean of squares, scaled and shifted.

        Backward the quotient, that over the divisor once more, the gradient with its sign changed, and the divisor's.
        """
        elements = how.batch * y.numel
        given = how.given[0] if how.given else how.width
        narrow = given < how.width
        padded = self._padded(how, y)
        before = padded + (padded // how.width * given if narrow else 0)
        forward = elements * how.width * narrow if how.keeps else max(before, 2 * elements * how.width)
        return forward, elements * (4 * how.width - given) * how.needs[0]

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        plain = given(alpha=(self.alpha, 1e-4), beta=(self.beta, 0.75), k=(self.k, 1.0))
        code = module("nn.LocalResponseNorm", self.size, **plain)
        if x.rank == 4:  # PyTorch treats height and width as one axis
            code.call = "{self}({0}.contiguous())"
        return code
