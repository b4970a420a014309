"""The inverse of max pooling."""

from __future__ import annotations

from archcalc.layers.arguments import Size, arg
from archcalc.layers.base import Layer, ShapeError, layer
from archcalc.layers.code import Code, given, module, sized
from archcalc.layers.field import Field
from archcalc.layers.layout import CHANNELS_FIRST
from archcalc.layers.operands import Reference
from archcalc.layers.saved import NOTHING, Saved, Saving
from archcalc.layers.strides import Strides, contiguous
from archcalc.layers.tensor import Tensor, Want
from archcalc.quantity import plain


@layer("maxunpool", first="kernel", family="pooling", aliases=("max_unpool", "unpool"))
class MaxUnpool(Layer):
    """Puts each element where a `maxpool` found it, and zeros elsewhere. [C, *S'] -> [C, *S].

    `indices` is NAME.indices of a `maxpool` with indices=true. Source: torch.nn.MaxUnpool1d to MaxUnpool3d; SegNet,
    Badrinarayanan et al. 2015, arXiv:1511.00561.
    """

    computes_nothing = True
    one_pass = True
    bare = True
    nonnegative = True
    enlarges = True
    sees_ahead = True
    notation = "y[c, indices[c, s]] = x[c, s], 0 elsewhere"

    layout = CHANNELS_FIRST
    ranks = (2, 4)
    wants = "a channels-first tensor [channels, ...] with one to three spatial axes"

    kernel: tuple[int, ...] = arg(Size, "window size of the pooling", aliases=("kernel_size", "pool_size"))
    indices: Tensor = arg(Reference, "the places, NAME.indices of a `maxpool`")
    stride: tuple[int, ...] | None = arg(Size, "step of the pooling; default: the kernel", default=None)
    padding: tuple[int, ...] = arg(Size, "border of the pooling", default=(0,), min=0)

    def wanted(self, *inputs: Tensor) -> tuple[Want, ...]:
        """Both have channels first."""
        return (inputs[0], CHANNELS_FIRST, None), (self.indices, CHANNELS_FIRST, "indices")

    def joined(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The input: the output has its channels."""
        return inputs[:1]

    def output_rank(self, *inputs: Tensor) -> int:
        """That of the input."""
        return inputs[0].rank

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """The size of the pooling's input, which differs from (S' - 1)·stride - 2·padding + kernel by less than a stride.

        Raises `ShapeError` for indices that are not from a pooling, have another shape, or come from other windows.
        """
        found = self.indices
        if found.places is None:
            raise ShapeError(
                "SHP101", f"`indices` {found} are not the places of a `maxpool`", "indices",
                "write `maxpool ... indices=true name=p` and here indices=p.indices",
            )  # fmt: skip
        if found.shape != x.shape:
            help = "the input has a place for each element: layers between the `maxpool` and here keep its shape"
            raise ShapeError("SHP107", f"`indices` {found} have another shape than the input {x}", "indices", help)
        for size, out, (k, s, p) in zip(x.shape[1:], found.places, self.windows(x)):
            middle = (size - 1) * s - 2 * p + k
            if not middle - s < out < middle + s:
                read = list(map(plain, found.places))
                raise ShapeError(
                    "SHP107", f"these windows do not come from the {read} that `indices` are places in", "kernel",
                    "kernel, stride and padding are those of the `maxpool`",
                )  # fmt: skip
        return Tensor((x.shape[0], *found.places))

    def windows(self, x: Tensor) -> list[tuple[int, int, int]]:
        """Kernel, stride and padding of each spatial axis."""
        strides = "kernel" if self.stride is None else "stride"
        return [*zip(*(self.per_axis(key, x.rank - 1, x) for key in ("kernel", strides, "padding")))]

    def mixes(self, x: Tensor) -> tuple[int, ...]:
        """The spatial axes: an element may be put anywhere."""
        return tuple(range(1, x.rank))

    def field(self, y: Tensor, x: Tensor) -> list[Field] | None:
        """None: positions are computed."""
        return None

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """In the order of the axes."""
        return contiguous((how.batch, *y.shape))

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The indices."""
        return Saved((1,)) if how.needs[0] else NOTHING

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        kernel, stride, padding = map(sized, zip(*self.windows(x)))
        code = module(
            f"nn.MaxUnpool{x.rank - 1}d", kernel_size=kernel, **given(stride=(stride, kernel), padding=(padding, 0))
        )
        # Given even where PyTorch would infer it: when traced, it would infer a tensor and refuse that.
        code.call = "{self}({0}, {1}, output_size={size})"
        code.values = {"size": tuple(map(plain, y.shape[1:]))}
        return code
