"""Facts about a layer as a function, which rules use in proofs instead of asking for layers by name."""

from __future__ import annotations

from typing import ClassVar

from archcalc.layers.tensor import Tensor

ANY = (float("-inf"), float("inf"))


class LayerFacts:
    """Facts of a layer class; the defaults prove nothing."""

    # True: it only moves or holds numbers; any other layer says in `macs` or `other_flops` what it computes.
    computes_nothing: ClassVar[bool] = False
    # What the notation calls its tensors, apart from those that keys name, if not by letters: `x`, `f(x)`.
    inputs_read: ClassVar[tuple[str, ...]] = ()
    # True: each output element depends only on the input element at the same position.
    elementwise: ClassVar[bool] = False
    # True: an output position may depend on positions of its own sequence that come after it.
    sees_ahead: ClassVar[bool] = False
    # True: along the axis that it mixes, a position sees itself and those before it, as their sum.
    adds_up: ClassVar[bool] = False
    # True: the output holds each number of the input exactly once, at other positions or in another shape.
    reorders: ClassVar[bool] = False
    # True: every number of the output is one of the input; some may be missing or repeated.
    selects: ClassVar[bool] = False
    # True: if its first input has no negative number, neither does its output; `span` says more.
    nonnegative: ClassVar[bool] = False
    # The smallest and largest number of the output for any input and any weights; None if unknown.
    span: tuple[float, float] | None = None
    # True: its output has the same shape for any order of its operands.
    any_order: ClassVar[bool] = False
    # True: its output has more positions than its input.
    enlarges: ClassVar[bool] = False
    # True: its arguments set the sizes of its output, so an axis of size 1 is intended.
    sets_sizes: ClassVar[bool] = False
    # The kind of its weight: layers with the same kind can share one, whatever their names.
    tied_as: ClassVar[str] = ""
    # True: a gradient can pass through it without being multiplied by its weights.
    has_shortcut: ClassVar[bool] = False
    # True: no gradient goes back through it, although its output depends on its input.
    ends_gradients: ClassVar[bool] = False
    # True: its output has no gradient, because it holds whole numbers or gradients end there.
    gives_constants: ClassVar[bool] = False

    @property
    def draws(self) -> bool:
        """Whether it draws random numbers in training."""
        return False

    @property
    def bound_keys(self) -> tuple[str, ...]:
        """Keys that state the size of another layer's output and so cannot be changed by themselves."""
        return ()

    def averaged(self, x: Tensor) -> int | None:
        """How many elements of one sample share a mean or a deviation; None for a layer without statistics."""
        return None

    def normalises_channels(self, y: Tensor) -> bool:
        """Whether it removes each channel's own mean and scale."""
        return False

    def letters(self, *inputs: Tensor) -> tuple[list[str], str] | None:
        """For a sum of products, a letter for each axis of its operands and of its result; others are summed over."""
        return None

    def moves(self, x: Tensor) -> tuple[int, ...]:
        """The axes along which it moves elements to other positions."""
        return ()

    def goes(self, axis: int, x: Tensor, y: Tensor) -> int | None:
        """Where an axis of the input ends up in the output of a layer that `reorders`; None if it is split or joined."""
        return None

    def blind_to_order(self, y: Tensor, *inputs: Tensor) -> bool:
        """Whether shuffling the positions of its input only shuffles those of its output."""
        return self.elementwise

    def passes_shift(self, read: Tensor, y: Tensor, *inputs: Tensor) -> bool:
        """Whether a number added to each channel of the input `read` adds a number to each channel of the output."""
        return False

    def counted(self, macs: int, y: Tensor, *inputs: Tensor) -> int:
        """The part of its `macs` that PyTorch's counter sees in the layer as `build` writes it."""
        return macs
