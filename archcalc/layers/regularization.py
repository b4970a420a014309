"""Layers that drop values in training and do nothing at inference."""

from __future__ import annotations

from archcalc.layers.arguments import Number, arg
from archcalc.layers.base import Layer, layer
from archcalc.layers.code import Code, module
from archcalc.layers.layout import KEEPS
from archcalc.layers.saved import NOTHING, Saved, Saving
from archcalc.layers.strides import NUMBER, Strides, contiguous, iterated
from archcalc.layers.tensor import Tensor


class Dropping(Layer):
    """Sets numbers to 0 at random in training, and does nothing at inference."""

    computes_nothing = True
    one_pass = True
    bare = True
    nonnegative = True
    layout = KEEPS
    elementwise = True
    reads_stretched = True

    p: float

    @property
    def draws(self) -> bool:
        """The elements it sets to 0."""
        return True


@layer("dropout", first="p")
class Dropout(Dropping):
    """Zeroes elements with probability p in training. Any shape. Source: torch.nn.Dropout."""

    notation = "training: y = x / (1 − p) with probability 1 − p, 0 otherwise\ninference: y = x"
    symbols = {"p": "p"}

    p: float = arg(Number, "probability of zero", default=0.5, min=0, max=1, aliases=("rate",))

    def hands_back(self, how: Saving, y: Tensor, *inputs: Tensor) -> bool:
        """True if nothing is dropped."""
        return not self.p or not how.training

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """Like an elementwise operation on the input and its mask, or with p=1 the number 0."""
        x = how.strides[0]
        return x if self.hands_back(how, y) else iterated(x, NUMBER if self.p == 1 else x.like())

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The mask; with p=1, only the number 0."""
        if not self.p or not how.needs[0]:
            return NOTHING
        if self.p == 1:
            return Saved(extra={"mask": how.width})
        return Saved(extra={"mask": how.batch * y.numel * how.mask})

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return module("nn.Dropout", self.p)


@layer("droppath", first="p", aliases=("stochasticdepth", "drop_path"))
class DropPath(Dropping):
    """Zeroes a whole sample's branch with probability p in training. Any shape.

    Source: Huang et al. 2016 (stochastic depth).
    """

    notation = "training: y = x / (1 − p) for a whole sample with probability 1 − p, 0 otherwise\ninference: y = x"
    symbols = {"p": "p"}

    p: float = arg(Number, "probability of zero", default=0.1, min=0, max=1, aliases=("drop_prob",))

    def hands_back(self, how: Saving, y: Tensor, *inputs: Tensor) -> bool:
        """True at inference."""
        return not how.training

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """Like an elementwise operation on the input and a factor for each sample."""
        x = how.strides[0]
        return iterated(x, contiguous((how.batch, *[1] * inputs[0].rank))) if how.training else x

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """A factor for each sample."""
        return how.first(Saved(extra={"mask": how.batch * how.width}))

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return module("DropPath", self.p)
