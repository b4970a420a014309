"""Transposed convolution over one to three spatial axes."""

from __future__ import annotations

from typing import Any, ClassVar

from archcalc.layers.arguments import Size, arg
from archcalc.layers.base import ShapeError, layer
from archcalc.layers.change import Change
from archcalc.layers.code import Code, given, module, sized
from archcalc.layers.correlation import ALIKE, indices, one_size
from archcalc.layers.field import Field, made
from archcalc.layers.filters import Filtering
from archcalc.layers.neighbours import LONGEST
from archcalc.layers.saved import NOTHING, Saved, Saving
from archcalc.layers.tensor import Shape, Tensor
from archcalc.quantity import larger, plain, product


@layer(
    "convtranspose",
    first="channels",
    aliases=("deconv", "deconvolution", "transposedconv", "transposeconv", "convtransposed", "upconv", "upconvolution"),
    family="convolution",
)
class ConvTranspose(Filtering):
    """Transposed convolution: each input element adds a weighted kernel to the output.

    [C, *S] -> [channels, *S'] with S' = (S - 1)·stride - 2·padding + dilation·(kernel - 1) + output_padding + 1.
    weight=NAME reads its filters, [input channels, channels / groups, *kernel], from another layer.
    Source: torch.nn.ConvTranspose1d, ConvTranspose2d, ConvTranspose3d.
    """

    enlarges = True
    outputs_axis = 1
    example = ("convtranspose 8 kernel=2 stride=2", "16x8x8")

    refused: ClassVar[dict[str, str]] = {"padding_mode": "this layer has no border to fill: leave the key out"}

    padding: Any = arg(Size, "border removed on both sides", default=(0,), min=0, foreign=("same", "valid"))
    output_padding: tuple[int, ...] = arg(
        Size, "size added at the end; less than stride or dilation", default=(0,), min=0
    )

    @staticmethod
    def equation_over(axes: int, channels: str) -> str:
        """A window of the output for each element of the input."""
        read, taps, out = indices(axes)
        return (
            f"y[c, {out}] = b[c] + Σ h[k, c, {taps}] · x[k, {read}]        over {channels} and all {read}, {taps} that lead to {out}\n"
            f"i = s·stride + τ·dilation − padding{ALIKE[axes - 1]}"
        )

    notation = equation_over(2, "input channels k")

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for an empty output or an output padding that PyTorch refuses."""
        n = x.rank - 1
        self.spatial_axes = n
        self.check_groups(x)
        self.check_filters(x)
        self._check_word(x)
        arguments = [
            self.per_axis(name, n, x) for name in ("kernel", "stride", "padding", "dilation", "output_padding")
        ]
        spatial = []
        for size, k, s, p, d, extra in zip(x.shape[1:], *arguments):
            if extra >= s and extra >= d:
                raise ShapeError(
                    "SHP109",
                    f"output_padding={extra} is not less than stride {s} or dilation {d}",
                    "output_padding",
                    "it only makes up for what a stride rounds away",
                    changes=[Change({"output_padding": (max(plain(s), plain(d)) - 1,)})],
                )
            out = (size - 1) * s - 2 * p + d * (k - 1) + extra + 1
            if out < 1:
                less = tuple(plain(min(p, p + (out - 1) // 2)) for p in self.per_axis("padding", n, x))
                raise ShapeError(
                    "SHP104",
                    f"the output would have size {out} for the input {x}",
                    "padding",
                    changes=[Change({"padding": one_size(less)})],
                )
            spatial.append(out)
        return Tensor((self.channels, *spatial))

    def _check_word(self, x: Tensor) -> None:
        """Raises `ShapeError` for a word; `same` makes each axis `stride` times as long, as in Keras."""
        if not isinstance(self.padding, str):
            return
        keys: dict[str, Any] = {"padding": (0,)}
        if self.padding == "same":
            extra = [s - reach if reach < s else (reach - s) % 2 for reach, s in self.windows(x)]
            padding = [max(0, reach - s + more) // 2 for (reach, s), more in zip(self.windows(x), extra)]
            keys = {"padding": one_size(tuple(padding))}
            if any(extra):
                keys["output_padding"] = one_size(tuple(extra))
        raise ShapeError("SHP109", f"`padding` must be a size, not `{self.padding}`", "padding", changes=[Change(keys)])

    def passing(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, int]:
        """Copies in the kernels' own layout."""
        x = inputs[0]
        return self.kernels(how, x.shape[1:], self.per_axis("padding", x.rank - 1, x), y, *inputs)

    def stored(self, how: Saving, y: Tensor, *inputs: Tensor) -> int:
        """A volume of one sample is written over what was made as large as the input."""
        x, size = inputs[0], super().stored(how, y, *inputs)
        if x.rank == 4 and not self.each_sample and self.convolving(how, x.shape[1:], (), y, x).by_columns:
            return larger(size, how.batch * x.numel)
        return size

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The input, for the gradient of the weights, and filters that are given for that of the input."""
        if self.weight is not None and not any(how.needs):
            return NOTHING
        return self.kept_images(how, *inputs, filters=self.kept_filters(how, *inputs))

    def filters(self, x: Tensor) -> Shape:
        """PyTorch keeps the input channels first: [in_channels, channels / groups, *kernel]."""
        return (x.shape[0], self.group_channels(self.channels), *self.per_axis("kernel", x.rank - 1, x))

    def macs(self, y: Tensor, *inputs: Tensor) -> int:
        """Every input element is multiplied by each weight of its channel once."""
        x = inputs[0]
        return x.elements * product(self.filters(x)[1:])

    def field(self, y: Tensor, x: Tensor) -> list[Field] | None:
        """The inputs whose kernels reach an output: o = i·stride + τ·dilation − padding for a tap τ."""
        names = ("kernel", "stride", "padding", "dilation")
        axes = [*zip(*(map(plain, self.per_axis(name, x.rank - 1, x)) for name in names))]
        if max(max(kernel, stride) for kernel, stride, *_ in axes) > LONGEST:
            return None
        return [_reaching(*axis) for axis in axes]

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        n = x.rank - 1
        names = {"stride": 1, "padding": 0, "output_padding": 0, "groups": 1, "bias": True, "dilation": 1}
        axes = {name: sized(self.per_axis(name, n, x)) for name in names if name not in ("groups", "bias")}
        if self.weight is not None:
            options = {name: (value, names[name]) for name, value in axes.items()}
            return self.applied(f"F.conv_transpose{n}d", x, None, "zeros", **options)
        options = {name: (axes.get(name, getattr(self, name)), default) for name, default in names.items()}
        kernel = sized(self.per_axis("kernel", n, x))
        return self.wrapped(
            module(self.module_name(x), x.shape[0], self.channels, kernel_size=kernel, **given(**options))
        )

    def module_name(self, x: Tensor) -> str:
        """By its axes."""
        return f"nn.ConvTranspose{x.rank - 1}d"


def _reaching(kernel: int, stride: int, padding: int, dilation: int) -> Field:
    """The equation; if the stride exceeds the kernel, no input reaches some outputs."""

    def seen(output: int) -> tuple[int, int] | None:
        reached = [output + padding - tap * dilation for tap in range(kernel)]
        inputs = [place // stride for place in reached if place % stride == 0]
        return (min(inputs), max(inputs)) if inputs else None

    return made(stride, 1, seen)
