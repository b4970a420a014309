"""Layers that change the size of a channels-first tensor without learning anything."""

from __future__ import annotations

from typing import Any

from archcalc.layers.arguments import Factors, Flag, Number, Size, Whole, Word, arg
from archcalc.layers.base import Layer, ShapeError, layer
from archcalc.layers.borders import MODES, Border, check_borders, pad_call, sides
from archcalc.layers.code import Code, expression, given, module, sized
from archcalc.layers.layout import CHANNELS_FIRST
from archcalc.layers.saved import INPUT, NOTHING, Saved, Saving
from archcalc.layers.tensor import Tensor

# The spatial axes each mode works on, and its operations for one output element: a weighted sum of
# n neighbours takes n products and n - 1 additions.
_MODES = {
    "nearest": ((1, 2, 3), 0),
    "nearest-exact": ((1, 2, 3), 0),
    "linear": ((1,), 3),
    "bilinear": ((2,), 7),
    "bicubic": ((2,), 31),
    "trilinear": ((3,), 15),
}


@layer(
    "upsample",
    first="scale",
    aliases=("interpolate", "upsampling", "upsamplingnearest"),
)
class Upsample(Layer):
    """Another size, by a factor or as given. [C, *S] -> [C, *floor(S·scale)] or [C, *size]. Source: torch.nn.Upsample."""

    layout = CHANNELS_FIRST
    ranks = (2, 4)
    wants = "a channels-first tensor [channels, ...] with one to three spatial axes"

    scale: tuple[float, ...] | None = arg(
        Factors, "factor for each spatial axis", default=None, aliases=("scale_factor",)
    )
    size: tuple[int, ...] | None = arg(Size, "the size itself, instead of a scale", default=None)
    mode: str = arg(Word, "how values between elements are found", choices=tuple(_MODES), default="nearest")
    align_corners: bool | None = arg(
        Flag, "the first and last elements stay at the corners; not for nearest; default: false", default=None
    )
    recompute_scale_factor: bool = arg(
        Flag, "places come from the sizes, where a scale does not give a whole one", default=False
    )

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for a mode of another number of axes, both or none of scale and size, an empty output."""
        axes = x.rank - 1
        if axes not in _MODES[self.mode][0]:
            fitting = [mode for mode, (ranks, _) in _MODES.items() if axes in ranks]
            raise ShapeError(
                "SHP101",
                f"mode={self.mode} does not work on {axes} spatial axes",
                "mode",
                f"use {' or '.join(fitting)}",
            )
        if (self.scale is None) == (self.size is None):
            both = self.size is not None
            raise ShapeError(
                "SPC004",
                "`upsample` takes a scale or a size, not both" if both else "`upsample` needs `scale` or `size`",
                "size" if both else None,
                "delete one of them" if both else "as `upsample 2` or `upsample size=32x32`",
            )
        if self.align_corners is not None and not _MODES[self.mode][1]:
            raise ShapeError("SHP109", f"mode={self.mode} takes no `align_corners`", "align_corners", "delete it")
        if self.size is not None and self.recompute_scale_factor:
            raise ShapeError("SHP109", "there is no scale to compute again", "recompute_scale_factor", "delete it")
        if self.size is not None:
            return Tensor((x.shape[0], *self.per_axis("size", axes, x)))
        spatial: list[Any] = []
        for size, scale in zip(x.shape[1:], self.per_axis("scale", axes, x)):
            out = size * scale
            spatial.append(int(out) if isinstance(out, float) else out)
            if out < 1:
                raise ShapeError(
                    "SHP104", f"scale {scale:g} makes {size} smaller than one element", "scale", "use a larger scale"
                )
        return Tensor((x.shape[0], *spatial))

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """A weighted sum of neighbours for each output element; none for nearest."""
        return y.elements * _MODES[self.mode][1]

    def field(self, x: Tensor) -> list[tuple[int, int]] | None:
        """Steps become finer, which the whole-number rule for strides cannot say."""
        return None

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        name = "scale" if self.size is None else "size"
        sizes = sized(self.per_axis(name, x.rank - 1, x))
        options = given(
            mode=(self.mode, "nearest"),
            align_corners=(self.align_corners, None),
            recompute_scale_factor=(self.recompute_scale_factor, False),
        )
        return module("nn.Upsample", **{name.replace("scale", "scale_factor"): sizes}, **options)


@layer(
    "pad", first="size", aliases=("zeropad", "constantpad", "circularpad", "reflectionpad", "replicationpad", "padding")
)
class Pad(Layer):
    """A border around each spatial axis. [C, *S] -> [C, *(S + before + after)].

    `size` is added on both sides; `before` and `after` give the two sides separately.
    Source: torch.nn.functional.pad, torch.nn.ZeroPad2d, ReflectionPad2d, ReplicationPad2d, CircularPad2d.
    """

    layout = CHANNELS_FIRST
    ranks = (2, 4)
    wants = "a channels-first tensor [channels, ...] with one to three spatial axes"

    size: tuple[int, ...] = arg(Size, "border on both sides", default=(0,), min=0, aliases=("padding",))
    before: tuple[int, ...] | None = arg(Size, "border before the first element; default: size", default=None, min=0)
    after: tuple[int, ...] | None = arg(Size, "border after the last element; default: size", default=None, min=0)
    mode: str = arg(Word, "what the border holds", choices=MODES, default="zeros")
    value: float = arg(Number, "what a border of mode=zeros holds instead of zeros", default=0.0)

    def borders(self, x: Tensor) -> list[Border]:
        """What is added before and after each spatial axis."""
        keys = (key if getattr(self, key) else "size" for key in ("before", "after"))
        return list(zip(*(self.per_axis(key, x.rank - 1, x) for key in keys)))

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for a border that cannot be filled from the input."""
        borders = self.borders(x)
        if self.value and self.mode != "zeros":
            raise ShapeError("SHP109", f"mode={self.mode} copies its border from the input", "value", "delete it")
        check_borders(self.mode, x, borders, ("before" if self.before else "size", "after" if self.after else "size"))
        return Tensor((x.shape[0], *(size + b + a for size, (b, a) in zip(x.shape[1:], borders))))

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The input where the border copies it, though only its sizes are needed."""
        return how.first(INPUT) if self.mode in ("reflect", "replicate") else NOTHING

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return expression(pad_call(self.mode, self.value), sides=sides(self.borders(x)))


@layer("pixelshuffle", first="factor", aliases=("depthtospace",))
class PixelShuffle(Layer):
    """Channels to space. [C·r², H, W] -> [C, H·r, W·r]. Source: torch.nn.PixelShuffle."""

    layout = CHANNELS_FIRST
    ranks = (3, 3)
    wants = "an image [channels, height, width]"

    factor: int = arg(Whole, "r, by which height and width grow", min=1, aliases=("upscale_factor",))

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` when r² does not divide the channels."""
        r = self.factor
        channels, height, width = x.shape
        if channels % (r * r):
            raise ShapeError("SHP108", f"factor² = {int(r * r)} does not divide the {channels} channels", "factor")
        return Tensor((channels // (r * r), height * r, width * r))

    def field(self, x: Tensor) -> list[tuple[int, int]] | None:
        """Steps become finer, which the whole-number rule for strides cannot say."""
        return None

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return module("nn.PixelShuffle", self.factor)


@layer("pixelunshuffle", first="factor", aliases=("spacetodepth",))
class PixelUnshuffle(Layer):
    """Space to channels. [C, H, W] -> [C·r², H/r, W/r]. Source: torch.nn.PixelUnshuffle."""

    layout = CHANNELS_FIRST
    ranks = (3, 3)
    wants = "an image [channels, height, width]"

    factor: int = arg(Whole, "r, by which height and width shrink", min=1, aliases=("downscale_factor",))

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` when r does not divide height and width."""
        r = self.factor
        channels, height, width = x.shape
        if height % r or width % r:
            raise ShapeError("SHP108", f"factor={int(r)} does not divide the size of {x}", "factor")
        return Tensor((channels * r * r, height // r, width // r))

    def field(self, x: Tensor) -> list[tuple[int, int]]:
        """A square of r × r pixels becomes one."""
        return [(self.factor, self.factor)] * 2

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return module("nn.PixelUnshuffle", self.factor)


@layer("channelshuffle", first="groups")
class ChannelShuffle(Layer):
    """Channels dealt out over groups. [C, *S] -> [C, *S]. Source: torch.nn.ChannelShuffle."""

    layout = CHANNELS_FIRST
    ranks = (2, 4)
    wants = "a channels-first tensor [channels, ...]"

    groups: int = arg(Whole, "groups the channels are dealt from", min=1)

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` when the groups do not divide the channels."""
        if x.shape[0] % self.groups:
            raise ShapeError("SHP105", f"groups={self.groups} does not divide the {x.shape[0]} channels", "groups")
        return Tensor(x.shape)

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return module("nn.ChannelShuffle", self.groups)
