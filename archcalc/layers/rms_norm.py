"""Normalisation by the root mean square, without subtracting a mean."""

from __future__ import annotations

from archcalc.layers.arguments import Flag, Number, Whole, arg
from archcalc.layers.base import layer
from archcalc.layers.code import Code, given, module
from archcalc.layers.facts import ANY
from archcalc.layers.feature_axis import Normalizing
from archcalc.layers.saved import NOTHING, Saved, Saving
from archcalc.layers.strides import Strides, contiguous, iterated
from archcalc.layers.tensor import Shape, Tensor
from archcalc.quantity import plain
from archcalc.terms import work

# Bytes of a root, which is fp32 whatever the input is.
_STATISTIC = 4


def root_normed(x: Strides, scaled: bool) -> Strides:
    """How torch.nn.RMSNorm lays out its output: like the input divided by one number per vector, then in the input's format."""
    result = iterated(x, contiguous((*x.sizes[:-1], 1)))
    if scaled:
        result = iterated(result, contiguous(x.sizes[-1:]))
    kept = result.is_channels_last if x.suggests_channels_last else result.is_contiguous
    return result if kept else x.formatted(x.sizes)


@layer("rmsnorm", aliases=("rmsnormalization",), family="normalization")
class RMSNorm(Normalizing):
    """Divides each vector of channels or features by its root mean square. [...] -> the same shape.

    Source: torch.nn.RMSNorm, which takes features last; Zhang and Sennrich 2019.
    """

    span = ANY
    example = ("rmsnorm axis=-1", "20x64")
    notation = "y = x / √(mean(x²) + ε) · γ"
    symbols = {"ε": "eps"}

    eps: float = arg(
        Number, "added to the mean square; PyTorch's default is the least step of the type", default=1e-6, min=0
    )
    affine: bool = arg(Flag, "learn a scale for each feature", default=True, aliases=("elementwise_affine",))
    axis: int | None = arg(
        Whole, "axis of the vectors; default: channels or features", default=None, min=-8, aliases=("dim",)
    )

    def outcome(self, axis: int, *inputs: Tensor) -> str:
        """The vectors, each with its own mean."""
        return f"vectors of {inputs[0].shape[axis]}" + (" and as many scales" if self.affine else "")

    def params(self, x: Tensor) -> dict[str, Shape]:
        """A scale for each feature."""
        return {"weight": (x.shape[self.along(x)],)} if self.affine else {}

    def averaged(self, x: Tensor) -> int:
        """The elements of a vector."""
        return x.shape[self.along(x)]

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """Squares (1), their sum (1), division (1) and scale (1)."""
        scale = ("scale γ", int(self.affine))
        return work(y.elements, "element", ("square", 1), ("their sum", 1), ("division by the root", 1), scale)

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """In the format of the input, once its vectors are put last."""
        axis = self.along(inputs[0]) + 1
        return root_normed(how.strides[0].moved(axis, -1), self.affine).moved(y.rank, axis)

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """Input and root mean square for the input's gradient; the CPU also keeps the normalised input for that of the scales.

        With 16-bit numbers, the CPU computes in fp32 and keeps both in fp32.
        """
        elements = how.batch * y.numel
        rows = elements // plain(y.shape[self.along(inputs[0])])
        scaled = self.affine and how.learns
        extra = {"statistics": _STATISTIC * rows} if how.needs[0] or (how.gpu and scaled) else {}
        if scaled and not how.gpu:
            extra["normalised"] = elements * max(_STATISTIC, how.width)
        if how.needs[0] and not how.gpu and how.width < _STATISTIC:
            return Saved((), extra={**extra, "input in fp32": elements * _STATISTIC})
        return Saved((0,) if how.needs[0] or (how.gpu and scaled) else (), extra=extra) if extra else NOTHING

    def passing(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, int]:
        """On the CPU: forward, the normalised input next to the scaled one; backward, the gradients of both and of the squares.

        With 16-bit numbers, all of them and the input are in fp32.
        """
        if how.gpu:
            return 0, 0
        width, elements = max(_STATISTIC, how.width), how.batch * y.numel
        scaled, narrow = elements * width * (self.affine and not (how.keeps and how.learns)), how.width < width
        if not narrow:
            return scaled, 2 * elements * width
        input = 0 if how.keeps and how.needs[0] else elements * width
        beside = scaled + elements * (width - how.width) * self.affine
        return input + max(elements * width, beside), elements * (4 * width - how.width)

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        axis = self.along(x)
        code = module("nn.RMSNorm", x.shape[axis], eps=self.eps, **given(elementwise_affine=(self.affine, True)))
        if axis != x.rank - 1:
            code.call = f"{{self}}({{0}}.movedim({axis + 1}, -1)).movedim(-1, {axis + 1})"
        return code
