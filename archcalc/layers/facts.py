"""What is true of a layer as a function: the rules prove with it, and ask nobody by name."""

from __future__ import annotations

from typing import ClassVar

from archcalc.layers.tensor import Tensor

ANY = (float("-inf"), float("inf"))


class LayerFacts:
    """Facts of a layer class; the default is the one that proves nothing."""

    # True: it moves or holds numbers; any other layer says with `macs` or `other_flops` what it computes.
    computes_nothing: ClassVar[bool] = False
    # True: each output element depends only on the input element at its place.
    elementwise: ClassVar[bool] = False
    # True: an output position may depend on positions of its own sequence that come after it.
    sees_ahead: ClassVar[bool] = False
    # True: the output holds the numbers of the input, each once, in other places or another shape.
    reorders: ClassVar[bool] = False
    # True: every number of the output is one of the input; some may be missing, or there several times.
    selects: ClassVar[bool] = False
    # True: where its first input holds no negative number, neither does its output; `span` says more.
    nonnegative: ClassVar[bool] = False
    # The least and the largest number of the output, whatever goes in and whatever is learned; None where that is not known.
    span: tuple[float, float] | None = None
    # True: its output has the same shape in whatever order it reads its operands.
    any_order: ClassVar[bool] = False
    # True: it makes more positions than there were.
    enlarges: ClassVar[bool] = False
    # True: its arguments set the sizes of its output, so that an axis of size 1 is meant.
    sets_sizes: ClassVar[bool] = False
    # True: a gradient can pass it without being multiplied by its weights.
    has_shortcut: ClassVar[bool] = False

    @property
    def draws(self) -> bool:
        """Whether it draws random numbers in training."""
        return False

    @property
    def bound_keys(self) -> tuple[str, ...]:
        """Keys that say how large a tensor is that another layer gives: they cannot change alone."""
        return ()

    def averaged(self, x: Tensor) -> int | None:
        """How many elements of one sample share a mean or a deviation; None for a layer that takes none."""
        return None

    def normalises_channels(self, y: Tensor) -> bool:
        """Whether it takes off each channel's own mean and scale."""
        return False

    def letters(self, *inputs: Tensor) -> tuple[list[str], str] | None:
        """Of a sum of products a letter for each axis of its operands and of its result; those not in it are summed over."""
        return None

    def goes(self, axis: int, x: Tensor, y: Tensor) -> int | None:
        """Where an axis of the input is in the output of a layer that `reorders`; None where it is split or joined."""
        return None

    def blind_to_order(self, y: Tensor, *inputs: Tensor) -> bool:
        """Whether shuffling the positions of its input only shuffles those of its output."""
        return self.elementwise

    def passes_shift(self, read: Tensor, y: Tensor, *inputs: Tensor) -> bool:
        """Whether a number added to each channel of the input `read` adds a number to each channel of the output."""
        return False
