"""Zeros as the initial value of a state: not a layer of the language, but a step of the built network."""

from __future__ import annotations

from archcalc.layers.base import Layer
from archcalc.layers.code import Code, expression
from archcalc.layers.layout import ENDS
from archcalc.layers.saved import Saving
from archcalc.layers.strides import Strides, contiguous
from archcalc.layers.tensor import Shape, Tensor


class Zeros(Layer):
    """A tensor of zeros for every sample. It reads only the number of samples of its input."""

    computes_nothing = True
    op = "zeros"
    notation = "y = 0        for every sample"
    one_pass = True
    bare = True
    keeps_nothing = True
    family = "shape"
    layout = ENDS
    shape: Shape

    @property
    def label(self) -> str:
        """E.g. `zeros 64×32×32`."""
        return f"zeros {'×'.join(str(int(size)) for size in self.shape)}"

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """The given shape."""
        return Tensor(self.shape)

    def output_rank(self, *inputs: Tensor) -> int:
        """That of the shape."""
        return len(self.shape)

    def sources(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """No element of the input matters."""
        return ()

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """Contiguous."""
        return contiguous((how.batch, *y.shape))

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        sizes = ", ".join(str(int(size)) for size in y.shape)
        if x.integer:  # ids are whole numbers, so zeros cannot be made like them
            return expression(f"torch.zeros({{batch}}, {sizes}, device={{0}}.device)")
        return expression(f"{{0}}.new_zeros({{batch}}, {sizes})")
