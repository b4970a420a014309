"""Pooling over windows that are chosen so that the output has a given size."""

from __future__ import annotations

from typing import ClassVar

from archcalc.layers.arguments import Size, arg
from archcalc.layers.base import layer
from archcalc.layers.code import Code, module, sized
from archcalc.layers.correlation import indices
from archcalc.layers.field import Field, made, whole
from archcalc.layers.neighbours import LONGEST
from archcalc.layers.pooling import POSITION, Windowed, formatted
from archcalc.layers.saved import INPUT, NOTHING, Saved, Saving
from archcalc.layers.strides import Strides
from archcalc.layers.tensor import Tensor
from archcalc.quantity import ceil_div, gcd, plain, product
from archcalc.terms import called, work


def _over_shares(word: str, axes: int) -> str:
    """The equation for windows that divide the input among the outputs."""
    out, _, read = indices(axes)
    alike = ("", "; j alike", "; j and l alike")[axes - 1]
    return (
        f"y[c, {out}] = {word} x[c, {read}]        over ⌊s·S / S′⌋ ≤ i < ⌈(s + 1)·S / S′⌉, S inputs, S′ outputs{alike}"
    )


class AdaptivePooling(Windowed):
    """Windows chosen so that the output has a given size."""

    reorders_volumes = True

    output: tuple[int, ...] = arg(
        Size, "output size; -1 keeps that of an axis, e.g. 1x-1", aliases=("output_size",), also=-1
    )

    @property
    def computes(self) -> str:
        """Over all elements if there is a single output."""
        if not self.is_global:
            return _over_shares(self.word, self.spatial_axes)
        _, _, read = indices(self.spatial_axes)
        return f"y[c{', 0' * self.spatial_axes}] = {self.word} x[c, {read}]        over all {read}"

    def sizes(self, x: Tensor) -> tuple[int, ...]:
        """The output size of each spatial axis."""
        given = self.per_axis("output", x.rank - 1, x)
        return tuple(size if out == -1 else out for size, out in zip(x.shape[1:], given))

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """[C, *S] -> [C, *output]; any output size is possible."""
        self.spatial_axes = x.rank - 1
        return Tensor((x.shape[0], *self.sizes(x)))

    def passes_shift(self, read: Tensor, y: Tensor, *inputs: Tensor) -> bool:
        """The result of every window is shifted too."""
        return True

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """One operation for each element of each window.

        Along an axis of S inputs and S' outputs the windows hold S + S' - gcd(S, S') elements:
        neighbouring windows share an element wherever their border falls inside it, which all but gcd(S, S') borders do.
        """
        axes = zip(inputs[0].shape[1:], y.shape[1:])
        read = y.shape[0] * product(a + called(b - gcd(a, b), "read again", a) for a, b in axes)
        return work(read, "element of a window", (self.step, 1))

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """In the format of the input."""
        return formatted(self.reorders_volumes, how, y)

    @property
    def is_global(self) -> bool:
        """Whether a single output sees all of the input."""
        return set(self.output) == {1}

    def field(self, y: Tensor, x: Tensor) -> list[Field] | None:
        """Windows of different sizes if the output size does not divide the input size."""
        fields = [_windows(plain(a), plain(b)) for a, b in zip(x.shape[1:], y.shape[1:])]
        known = [field for field in fields if field is not None]
        return known if len(known) == len(fields) else None


def _windows(size: int, output: int) -> Field | None:
    """From ⌊o·size / output⌋ up to but excluding ⌈(o + 1)·size / output⌉; None if there is no short rule."""
    if output == 1:
        return whole(size)
    shared = gcd(size, output)
    if output // shared > LONGEST:
        return None
    return made(
        output // shared,
        size // shared,
        lambda one: (one * size // output, ceil_div((one + 1) * size, output) - 1),
    )


@layer("adaptiveavgpool", first="output", family="pooling", aliases=("adaptive_avg_pool",))
class AdaptiveAvgPool(AdaptivePooling):
    """Mean over windows that give the output size. Source: torch.nn.AdaptiveAvgPool1d to AdaptiveAvgPool3d."""

    notation = _over_shares("mean", 2)
    word, step = "mean", "addition"

    @property
    def reorders_volumes(self) -> bool:  # type: ignore[override]
        """A single output is a plain mean."""
        return not self.is_global

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The input; a single output is a plain mean, which keeps nothing."""
        return NOTHING if set(y.shape[1:]) == {1} else how.first(INPUT)

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return module(f"nn.AdaptiveAvgPool{x.rank - 1}d", sized(self.sizes(x)))


@layer("adaptivemaxpool", first="output", family="pooling", aliases=("adaptive_max_pool",))
class AdaptiveMaxPool(AdaptivePooling):
    """Maximum over windows that give the output size. Source: torch.nn.AdaptiveMaxPool1d to AdaptiveMaxPool3d."""

    selects = True
    notation = _over_shares("max", 2)
    word, step = "max", "comparison"

    refused: ClassVar[dict[str, str]] = {"return_indices": "only `maxpool` has an output for the places: leave it out"}

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The input, and the place of each maximum."""
        return how.first(Saved((0,), extra={"positions": POSITION * how.batch * y.numel}))

    def passing(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, int]:
        """The places, which are computed at inference too."""
        return 0 if how.keeps else POSITION * how.batch * y.numel, 0

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return module(f"nn.AdaptiveMaxPool{x.rank - 1}d", sized(self.sizes(x)))
