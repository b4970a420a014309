"""Windows of an image as columns, and columns summed into an image."""

from __future__ import annotations

from archcalc.layers.arguments import Size, arg
from archcalc.layers.base import Layer, ShapeError, layer
from archcalc.layers.change import Change
from archcalc.layers.code import Code, given, module, sized
from archcalc.layers.field import Field
from archcalc.layers.layout import CHANNELS_FIRST
from archcalc.layers.saved import Saving
from archcalc.layers.tensor import Tensor
from archcalc.quantity import plain, product
from archcalc.terms import work


class _Windows(Layer):
    """What unfold and fold share: the windows of two axes."""

    one_pass = True
    bare = True
    keeps_nothing = True
    nonnegative = True
    layout = CHANNELS_FIRST
    kernel: tuple[int, ...] = arg(Size, "window size", aliases=("kernel_size", "k"))
    stride: tuple[int, ...] = arg(Size, "step between two windows", default=(1,), aliases=("strides",))
    padding: tuple[int, ...] = arg(Size, "zeros on both sides", default=(0,), min=0)
    dilation: tuple[int, ...] = arg(Size, "step between the elements of a window", default=(1,))

    def windows(self, space: tuple[int, ...], x: Tensor) -> tuple[int, ...]:
        """The number of windows along each axis of an image. Raises `ShapeError` if none fits."""
        counts = []
        keys = (self.per_axis(key, 2, x) for key in ("kernel", "stride", "padding", "dilation"))
        for size, k, s, p, d in zip(space, *keys):
            reach = d * (k - 1) + 1
            if size + 2 * p < reach:
                raise ShapeError(
                    "SHP103",
                    f"a window of {reach} is larger than the padded {size} of {x}",
                    "kernel",
                    changes=[Change({"padding": (plain(reach - size + 1) // 2,)})],
                )
            counts.append((size + 2 * p - reach) // s + 1)
        return tuple(counts)

    def field(self, y: Tensor, x: Tensor) -> list[Field] | None:
        """None: windows form one axis, so the field cannot be given axis by axis."""
        return None

    def passing(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, int]:
        """A copy of an input that is not contiguous."""
        copy = 0 if how.strides[0].is_contiguous else how.batch * plain(inputs[0].elements) * how.width
        return copy, 0

    def _window(self) -> dict[str, object]:
        one = (1,)
        options = (("dilation", self.dilation, one), ("padding", self.padding, (0,)), ("stride", self.stride, one))
        return given(**{name: (sized(value), sized(default)) for name, value, default in options})


@layer("unfold", first="kernel", aliases=("im2col",), family="resizing")
class Unfold(_Windows):
    """The elements of each window as one column. [C, H, W] -> [C·kernel, windows]. Source: torch.nn.Unfold."""

    computes_nothing = True
    notation = "y[:, l] = the elements of window l of x"

    ranks = (3, 3)
    wants = "an image [channels, height, width]"

    def output_rank(self, *inputs: Tensor) -> int:
        """Two axes: the elements of a window, and the windows."""
        return 2

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """[C·kernel, windows], row by row. Raises `ShapeError` if no window fits."""
        return Tensor((x.shape[0] * product(self.per_axis("kernel", 2, x)), product(self.windows(x.shape[1:], x))))

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return module("nn.Unfold", sized(self.kernel), **self._window())


@layer("fold", first="output", aliases=("col2im",), family="resizing")
class Fold(_Windows):
    """Sums columns into an image, each at its window. [C·kernel, windows] -> [C, *output].

    Source: torch.nn.Fold.
    """

    notation = "y[s, t] = sum of the elements of x whose windows lie over (s, t)"

    ranks = (2, 2)
    wants = "columns [channels·kernel, windows]"

    output: tuple[int, ...] = arg(Size, "height and width of the image", aliases=("output_size",))

    def output_rank(self, *inputs: Tensor) -> int:
        """An image."""
        return 3

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for columns that do not match such windows."""
        space, taps = self.per_axis("output", 2, x), product(self.per_axis("kernel", 2, x))
        count = product(self.windows(space, x))
        if x.shape[0] % taps:
            help = f"the first axis must be a multiple of {taps}, as in the output of `unfold` with the same kernel"
            message = f"{x.shape[0]} elements are not columns of {taps} for each channel"
            raise ShapeError("SHP108", message, "kernel", help)
        if x.shape[1] != count:
            said = "x".join(str(int(size)) for size in space)
            raise ShapeError(
                "SHP108",
                f"{said} has {count} such windows, the input {x} has {x.shape[1]} columns",
                "output",
                "`output` is the size of the image that `unfold` took apart, with the same windows",
            )
        return Tensor((x.shape[0] // taps, *space))

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """One addition for each element of a column."""
        return work(inputs[0].elements, "input element", ("addition", 1))

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return module("nn.Fold", sized(self.output), sized(self.kernel), **self._window())
