"""The two ends of `scan`: a tensor is split into steps, and their outputs are stacked. Not layers of the language."""

from __future__ import annotations

from archcalc.layers.base import ShapeError
from archcalc.layers.code import Code, expression
from archcalc.layers.entries import Entries, Stacked
from archcalc.layers.layout import SCAN
from archcalc.layers.saved import Saving
from archcalc.layers.strides import Strides, contiguous
from archcalc.layers.tensor import Shape, Tensor


class Unbound(Entries):
    """The entry of one step: a view of the tensor iterated over. Backward stacks the gradients of all steps."""

    op = "entry"
    loop = SCAN
    apart = False
    written = False
    called: str
    hands_on = False

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """One axis fewer. Raises `ShapeError` for a tensor without entries."""
        y = self.cut(x)
        y.batched, y.entries = x.batched, x.entries
        return y

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """The same memory without the axis of steps."""
        return how.strides[0].selected(1)

    def shares(self, how: Saving, y: Tensor, *inputs: Tensor) -> bool:
        """Always."""
        return True

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The entries of all steps."""
        return expression("{0}.unbind(1)")


class Collected(Stacked):
    """The outputs of all steps, stacked along a new first axis: a copy."""

    op = "stack"
    view = False
    backwards: bool
    called: str
    # The shapes of the states, by name.
    states: dict[str, Shape]

    @property
    def sees_ahead(self) -> bool:  # type: ignore[override]
        """True if steps run from the end to the start."""
        return self.backwards

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """One more axis. Raises `ShapeError` for a tensor that is the same at every step."""
        if not x.batched:
            raise ShapeError(
                "SHP101",
                f"the output of `scan` at a step, {x}, depends only on parameters",
                help="go through something that depends on the input, or let a state start from it",
            )
        y = self.stacked(x)
        y.entries = x.entries
        return y

    def kept(self, y: Tensor, *inputs: Tensor) -> dict[str, Shape]:
        """The states, each as one row."""
        return {name: (1, *shape) for name, shape in self.states.items()}

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """In the order of its axes."""
        return contiguous((how.batch, *y.shape))

    def shares(self, how: Saving, y: Tensor, *inputs: Tensor) -> bool:
        """Never."""
        return False

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The list of the outputs of all steps, stacked."""
        return expression(f"torch.stack({{0}}{'[::-1]' if self.backwards else ''}, 1)")
