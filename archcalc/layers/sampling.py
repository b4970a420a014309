"""Layers that read an image at computed positions: a grid, or windows whose taps move."""

from __future__ import annotations

import re

from archcalc.layers.arguments import Flag, Word, arg
from archcalc.layers.base import Layer, ShapeError, layer
from archcalc.layers.change import Change
from archcalc.layers.code import Code, expression, given, module, sized
from archcalc.layers.correlation import Correlation, indices
from archcalc.layers.field import Field
from archcalc.layers.layout import CHANNELS_FIRST, FEATURES_LAST
from archcalc.layers.operands import Reference
from archcalc.layers.saved import NOTHING, Saved, Saving
from archcalc.layers.strides import Strides, contiguous
from archcalc.layers.tensor import Tensor, Want
from archcalc.quantity import plain, product
from archcalc.terms import Pieces, part, work

# Operations for one interpolated element, along two or three axes.
_BETWEEN: dict[str, dict[int, Pieces]] = {
    "nearest": {2: (), 3: ()},
    "bilinear": {
        2: (("products with 4 neighbours", 4), ("additions", 3)),
        3: (("products with 8 neighbours", 8), ("additions", 7)),
    },
    "bicubic": {2: (("products with 16 neighbours", 16), ("additions", 15))},
}


@layer("gridsample", family="resizing", aliases=("grid_sample", "warp", "spatialtransformer"))
class GridSample(Layer):
    """Samples an image at the points of a grid, between elements. [C, *S] and a grid [*P, axes] -> [C, *P].

    A point has one coordinate for each spatial axis, the last axis first (x, y), from -1 at one end to 1 at the other.
    Source: torch.nn.functional.grid_sample; Jaderberg et al. 2015.
    """

    one_pass = True
    bare = True
    notation = "y[c, p] = x[c] at grid[p], between the elements there        −1 is one side, 1 the other"

    layout = CHANNELS_FIRST
    ranks = (3, 4)
    wants = "an image [channels, height, width] or a volume [channels, depth, height, width]"

    grid: Tensor = arg(Reference, "the places, two numbers for each of an image, three for each of a volume")
    mode: str = arg(Word, "how values between elements are found", choices=tuple(_BETWEEN), default="bilinear")
    padding_mode: str = arg(
        Word, "what is outside of the image", choices=("zeros", "border", "reflection"), default="zeros"
    )
    align_corners: bool = arg(Flag, "-1 and 1 are the middles of the outer elements, not their edges", default=False)

    def wanted(self, *inputs: Tensor) -> tuple[Want, ...]:
        """Channels first for the image, coordinates last for the grid."""
        return (inputs[0], CHANNELS_FIRST, None), (self.grid, FEATURES_LAST, "grid")

    def joined(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The image: the output has its channels."""
        return inputs[:1]

    def output_rank(self, *inputs: Tensor) -> int:
        """That of the image."""
        return inputs[0].rank

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """[C, *P]. Raises `ShapeError` for points with the wrong number of coordinates, or a mode that volumes do not have."""
        grid, axes = self.numbers("grid"), x.rank - 1
        if grid.rank != x.rank or grid.shape[-1] != axes:
            places = "height, width, 2" if axes == 2 else "depth, height, width, 3"
            help = "the coordinates of each place are the last axis: `rearrange 'c ... -> ... c'` puts channels there"
            raise ShapeError("SHP107", f"`grid` is [{places}] beside {x}, not {grid}", "grid", help)
        if axes not in _BETWEEN[self.mode]:
            raise ShapeError(
                "SHP101", f"mode={self.mode} does not work on {axes} spatial axes", "mode",
                changes=[Change({"mode": mode}) for mode, ranks in _BETWEEN.items() if axes in ranks],
            )  # fmt: skip
        return Tensor((x.shape[0], *grid.shape[:-1]))

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """A weighted sum of neighbours for each output element; none for nearest."""
        return work(y.elements, "output element", *_BETWEEN[self.mode][y.rank - 1])

    def field(self, y: Tensor, x: Tensor) -> list[Field] | None:
        """None: positions are computed."""
        return None

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """In the order of the axes."""
        return contiguous((how.batch, *y.shape))

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The image and the grid."""
        return Saved((0, 1)) if any(how.needs) else NOTHING

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        words = "" if self.mode == "bilinear" else f', mode="{self.mode}"'
        words += "" if self.padding_mode == "zeros" else f', padding_mode="{self.padding_mode}"'
        return expression("F.grid_sample({0}, {1}" + words + f", align_corners={self.align_corners})")


@layer("deformconv", first="channels", family="convolution", aliases=("deformconv2d", "deform_conv2d"))
class DeformConv(Correlation):
    """Convolution whose taps are moved by `offset`, and weighted by `mask`. [C, H, W] -> [channels, H', W'].

    offset [2·parts·taps, H', W'] says for each tap how far down and how far right it moves, and mask [parts·taps, H', W']
    is its weight; parts divide the channels evenly. Values are interpolated, with zeros outside the image. `build` writes
    it in plain PyTorch with F.grid_sample, equal to torchvision.ops.deform_conv2d. Source: Dai et al. 2017; Zhu et al. 2019 (v2).
    """

    ranks = (3, 3)
    wants = "an image [channels, height, width]"
    sees_everything = True
    sees_ahead = True

    offset: Tensor = arg(Reference, "how far each tap moves, rows and columns")
    mask: Tensor | None = arg(Reference, "a weight for each tap", default=None)

    @staticmethod
    def equation_over(axes: int, channels: str) -> str:
        """A moved window of the input for each element of the output."""
        out, taps, read = indices(axes)
        return (
            f"y[c, {out}] = b[c] + Σ h[c, k, {taps}] · m[{taps}; {out}] · x[k, ({read}) + Δ[{taps}; {out}]]"
            f"        over {channels} and taps {taps}\n"
            "i = s·stride + τ·dilation − padding        j alike, from t and γ; x between the elements there; m: `mask`"
        )

    notation = equation_over(2, "input channels k")

    @property
    def computes(self) -> str:
        """The equation, with the weights of the taps if there are any."""
        told = super().computes
        return told if self.mask is not None else re.sub(r" · m\[[^\]]*\]|; m: `mask`", "", told)

    def wanted(self, *inputs: Tensor) -> tuple[Want, ...]:
        """Channels first for all."""
        given = ((getattr(self, key), key) for key in ("offset", "mask"))
        return (inputs[0], CHANNELS_FIRST, None), *((x, CHANNELS_FIRST, key) for x, key in given if x is not None)

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for offsets or a mask that are not those of its taps and outputs."""
        y = super().infer(x, *others)
        taps, offset = product(self.per_axis("kernel", 2, x)), self.numbers("offset")
        if offset.rank != 3 or offset.shape[0] % (2 * taps) or offset.shape[1:] != y.shape[1:]:
            wanted = f"[2·parts·{plain(taps)}, {', '.join(str(plain(size)) for size in y.shape[1:])}]"
            raise ShapeError(
                "SHP107", f"`offset` must be {wanted}, not {offset}", "offset",
                f"a `conv` to {2 * plain(taps)} channels, with the same windows, gives it",
            )  # fmt: skip
        parts = offset.shape[0] // (2 * taps)
        if x.shape[0] % parts:
            message = f"the {parts} parts of `offset` do not divide the {x.shape[0]} channels"
            raise ShapeError("SHP105", message, "offset", f"{2 * plain(taps)} channels of it are one part")
        if self.mask is not None and self.numbers("mask").shape != (parts * taps, *y.shape[1:]):
            sizes = [plain(size) for size in (parts * taps, *y.shape[1:])]
            help = f"a `conv` to {sizes[0]} channels, with the same windows, gives it"
            raise ShapeError("SHP107", f"`mask` must be {sizes}, not {self.mask}", "mask", help)
        return y

    def _read(self, y: Tensor, x: Tensor) -> int:
        """Elements that are read: the windows of all outputs."""
        return x.shape[0] * product(self.per_axis("kernel", 2, x)) * product(y.shape[1:])

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """A weighted sum of neighbours for each element of a window, its weight, and the biases."""
        weight = ("weight", int(self.mask is not None))
        read = work(self._read(y, inputs[0]), "element of a window", *_BETWEEN["bilinear"][2], weight)
        return part("windows", read) + part("biases", super().other_flops(y, *inputs)) if self.bias else read

    def backward_macs(self, learns: bool, needs: tuple[bool, ...], y: Tensor, *inputs: Tensor) -> int:
        """Those of a convolution over the windows, whose gradient offsets and mask need too."""
        return self.macs(y, *inputs) * (learns + any(needs))

    def field(self, y: Tensor, x: Tensor) -> list[Field] | None:
        """None: positions are computed."""
        return None

    def reach(self, axis: int, x: Tensor) -> tuple[int, int] | None:
        """None: positions are computed."""
        return None

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """In the order of the axes."""
        return contiguous((how.batch, *y.shape))

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The image, the positions that are read, the elements of the windows, and what a mask weights."""
        x, moved, masked = inputs[0], how.needs[0] or how.needs[1], self.mask is not None and how.needs[-1]
        read = how.batch * plain(self._read(y, x)) * how.width
        extra, kept = {}, []
        if moved:
            kept.append(0)
            extra["places"] = how.batch * plain(self.offset.elements) * how.width
        if how.needs[1]:
            extra["sizes"] = 2 * how.width
        if how.learns or any(how.needs):  # a convolution keeps these for either gradient
            extra["windows"] = read
        if masked:
            extra["unweighted windows"] = read
        if self.mask is not None and moved:
            kept.append(2)
        return Saved(tuple(kept), extra=extra)

    def passing(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, int]:
        """The places and windows to the end, and what a convolution over the windows needs; backward, the gradients of these,
        with a copy, before those of the inputs.
        """
        from archcalc.layers.kernels.onednn import Convolving  # only memory asks

        x = inputs[0]
        taps, positions = plain(product(self.per_axis("kernel", 2, x))), plain(product(y.shape[1:]))
        over = Convolving(
            how, plain(x.shape[0]), plain(y.shape[0]), plain(self.groups), (taps, positions), (1, positions),
            (taps, 1), (0, 0), (1, 1), (1, 1), False, self.bias,
        ).passing()  # fmt: skip
        places, read = (how.batch * plain(size) * how.width for size in (self.offset.elements, self._read(y, x)))
        kept = self.saved(how, y, *inputs).extra if how.keeps else {}
        made = {"places": places, "windows": read} | ({"unweighted windows": read} if self.mask is not None else {})
        held = 2 * places + sum(size for name, size in made.items() if name not in kept)
        later = sum(plain(one.elements) for one, needed in zip(inputs, how.needs) if needed) * how.batch * how.width
        result = how.batch * plain(y.elements) * how.width
        return held + over[0], read + max(read + result, over[1]) - later

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        options = given(
            stride=(sized(self.per_axis("stride", 2, x)), 1),
            padding=(sized(self.per_axis("padding", 2, x)), 0),
            dilation=(sized(self.per_axis("dilation", 2, x)), 1),
            groups=(self.groups, 1),
            bias=(self.bias, True),
        )
        kernel = sized(self.per_axis("kernel", 2, x))
        code = module("DeformableConvolution", x.shape[0], self.channels, kernel_size=kernel, **options)
        code.call = "{self}({0}, {1}" + (", {2})" if self.mask is not None else ")")
        return code
