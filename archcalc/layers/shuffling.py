"""Layers that move elements between channels and space, or between groups of channels."""

from __future__ import annotations

from collections.abc import Iterable

from archcalc.layers.arguments import Whole, arg
from archcalc.layers.base import Layer, ShapeError, layer
from archcalc.layers.change import Change, divisors_near
from archcalc.layers.code import Code, module
from archcalc.layers.field import Field, made, windows
from archcalc.layers.layout import CHANNELS_FIRST
from archcalc.layers.neighbours import LONGEST
from archcalc.layers.saved import Saving
from archcalc.layers.strides import Strides
from archcalc.layers.tensor import Tensor
from archcalc.quantity import gcd, plain


class _Pixels(Layer):
    """Moves elements between channels and squares of `factor` × `factor` pixels."""

    computes_nothing = True
    selects = True
    one_pass = True
    bare = True
    reorders = True
    nonnegative = True
    keeps_nothing = True
    layout = CHANNELS_FIRST
    ranks = (3, 3)
    wants = "an image [channels, height, width]"

    factor: int

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """In the format of the input."""
        return how.strides[0].formatted((how.batch, *y.shape))

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return module(f"nn.{type(self).__name__}", self.factor)


@layer("pixelshuffle", first="factor", aliases=("depthtospace", "subpixel"), family="resizing")
class PixelShuffle(_Pixels):
    """Channels to space. [C·r², H, W] -> [C, H·r, W·r]. Source: torch.nn.PixelShuffle."""

    enlarges = True
    notation = "y[c, r·s + i, r·t + j] = x[c·r² + r·i + j, s, t]"
    symbols = {"r": "factor"}

    factor: int = arg(Whole, "r, by which height and width grow", min=1, aliases=("upscale_factor",))

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` if r² does not divide the channels."""
        r = self.factor
        channels, height, width = x.shape
        if channels % (r * r):
            fits = divisors_near(channels, plain(r), lambda one: channels % (one * one) == 0)
            help = f"the layer before gives a multiple of {int(r * r)} channels"
            raise _indivisible(f"factor² = {int(r * r)} does not divide the {channels} channels", fits, help)
        return Tensor((channels // (r * r), height * r, width * r))

    def field(self, y: Tensor, x: Tensor) -> list[Field] | None:
        """r outputs see one position."""
        r = plain(self.factor)
        if r > LONGEST:
            return None
        return [made(r, 1, lambda output: (output // r, output // r))] * 2


@layer("pixelunshuffle", first="factor", aliases=("spacetodepth", "reorg"), family="resizing")
class PixelUnshuffle(_Pixels):
    """Space to channels. [C, H, W] -> [C·r², H/r, W/r]. Source: torch.nn.PixelUnshuffle."""

    notation = "y[c·r² + r·i + j, s, t] = x[c, r·s + i, r·t + j]"
    symbols = {"r": "factor"}

    factor: int = arg(Whole, "r, by which height and width shrink", min=1, aliases=("downscale_factor",))

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` if r does not divide height and width."""
        r = self.factor
        channels, height, width = x.shape
        if height % r or width % r:
            fits = divisors_near(gcd(height, width), plain(r))
            help = f"height and width are multiples of {int(r)}"
            raise _indivisible(f"factor={int(r)} does not divide the size of {x}", fits, help)
        return Tensor((channels * r * r, height // r, width // r))

    def field(self, y: Tensor, x: Tensor) -> list[Field]:
        """A square of r × r pixels becomes one."""
        return [windows(self.factor, self.factor)] * 2


def _indivisible(what: str, fits: Iterable[int], help: str) -> ShapeError:
    """The error for a factor that does not divide, with factors that do."""
    return ShapeError("SHP108", what, "factor", help, changes=[Change({"factor": one}) for one in fits if one > 1])


@layer("channelshuffle", first="groups", family="resizing", aliases=("shufflechannel",))
class ChannelShuffle(Layer):
    """Interleaves the channels of groups. [C, *S] -> [C, *S]. Source: torch.nn.ChannelShuffle."""

    computes_nothing = True
    selects = True
    one_pass = True
    bare = True
    reorders = True
    nonnegative = True
    keeps_nothing = True
    notation = "y[j·groups + i] = x[i·(C / groups) + j]"
    symbols = {"groups": "groups"}

    layout = CHANNELS_FIRST
    ranks = (2, 4)
    wants = "a channels-first tensor [channels, ...]"

    groups: int = arg(Whole, "groups the channels are dealt from", min=1)

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` if the groups do not divide the channels."""
        if x.shape[0] % self.groups:
            raise ShapeError(
                "SHP105",
                f"groups={self.groups} does not divide the {x.shape[0]} channels",
                "groups",
                changes=[Change({"groups": groups}) for groups in divisors_near(x.shape[0], self.groups)],
            )
        return Tensor(x.shape)

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """In the format of the input."""
        return how.strides[0].formatted((how.batch, *y.shape))

    def passes_shift(self, read: Tensor, y: Tensor, *inputs: Tensor) -> bool:
        """True: a shift moves with its channel."""
        return True

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return module("nn.ChannelShuffle", self.groups)
