"""Normalisation: to mean 0 and variance 1 over some axes, then a learned scale and shift."""

from __future__ import annotations

from typing import ClassVar

from archcalc.layers.arguments import Flag, Number, Size, Whole, arg
from archcalc.layers.base import Layer, ShapeError, layer
from archcalc.layers.bridges import each_vector
from archcalc.layers.change import Change, divisors_near
from archcalc.layers.code import Code, given, module
from archcalc.layers.facts import ANY
from archcalc.layers.layout import CHANNELS_FIRST, FEATURES_LAST, KEEPS, Layout
from archcalc.layers.memory import WIDE
from archcalc.layers.saved import Saved, Saving
from archcalc.layers.strides import Strides, channels_last, contiguous
from archcalc.layers.tensor import Shape, Tensor, Want
from archcalc.quantity import plain, product
from archcalc.terms import work


def _affine(shape: Shape, weight: bool, bias: bool) -> dict[str, Shape]:
    return {name: shape for name, there in (("weight", weight), ("bias", weight and bias)) if there}


# Bytes of a mean or a variance, which are fp32 whatever the input is.
_STATISTIC = 4
# Operations for each element.
_NORMALISING = ("mean", 1), ("centring", 1), ("variance", 2), ("division by √(σ² + ε)", 1)


def _normalising(elements: int, parameters: dict[str, Shape]) -> int:
    """The same, then scale and shift if they are learned."""
    affine = ("scale γ", int("weight" in parameters)), ("shift β", int("bias" in parameters))
    return work(elements, "element", *_NORMALISING, *affine)


class ChannelNorm(Layer):
    """Normalises channels, with a scale and a shift for each."""

    span = ANY
    one_pass = True
    layout = CHANNELS_FIRST
    ranks = (1, 8)
    wants = "a channels-first tensor [channels, ...]"

    eps: float = arg(Number, "added to the variance", default=1e-5, min=0)
    affine: bool = arg(Flag, "learn a scale for each channel", default=True)
    bias: bool = arg(Flag, "learn a shift beside the scale", default=True)

    def params(self, x: Tensor) -> dict[str, Shape]:
        """A scale and a shift for each channel."""
        return _affine((x.shape[0],), self.affine, self.bias)

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """Mean (1), centring (1), variance (2), division (1), scale (1) and shift (1)."""
        return _normalising(y.elements, self.params(inputs[0]))


class _TrackingNorm(ChannelNorm):
    """A norm that may keep running statistics, with which it normalises at inference."""

    def normalises_channels(self, y: Tensor) -> bool:
        """It does."""
        return True

    momentum: float = arg(Number, "weight of a new batch in the running statistics", default=0.1, min=0, max=1)
    track_running_stats: bool = arg(
        Flag, "keep running statistics and use them at inference; else those of the batch", default=True
    )

    @property
    def computes(self) -> str:
        """The notation, with the statistics used at inference."""
        normalises, _, of = self.notation.partition("μ, σ²: ")
        at_inference = f"at inference the running ones        in training those {of}"
        return f"{normalises}μ, σ²: {at_inference if self.track_running_stats else of}"

    def buffers(self, x: Tensor) -> dict[str, Shape]:
        """The running statistics, and the number of batches seen."""
        if not self.track_running_stats:
            return {}
        return {"running_mean": (x.shape[0],), "running_var": (x.shape[0],), "num_batches_tracked": ()}

    def mixes(self, x: Tensor) -> tuple[int, ...]:
        """Space, unless running statistics replace it at inference."""
        return () if self.track_running_stats else tuple(range(1, x.rank))

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """At inference, running mean and variance, scale and shift fold into one product and one sum per channel."""
        if not self.track_running_stats:
            return super().other_flops(y, *inputs)
        parameters = self.params(inputs[0])
        scale, shift = "γ" if "weight" in parameters else "1", "β " if "bias" in parameters else ""
        factor = f"{scale}/√(σ² + ε)"
        return work(y.elements, "element", (f"product with {factor}", 1), (f"addition of {shift}− μ·{factor}", 1))


@layer("batchnorm", aliases=("bn", "syncbatchnorm", "batch_norm", "batchnormalization"))
class BatchNorm(_TrackingNorm):
    """Normalises each channel over the batch and space. [C, *S] -> the same shape.

    Source: torch.nn.BatchNorm1d to BatchNorm3d.
    """

    traffic = "channel statistics"
    example = ("batchnorm", "8x32x32")
    notation = "y = (x − μ) / √(σ² + ε) · γ + β\nμ, σ²: of a channel over batch and space"
    symbols = {"ε": "eps"}

    ranks = (1, 4)
    refused: ClassVar[dict[str, str]] = {
        "process_group": "set which processes share statistics where the model runs: leave it out"
    }

    def admit(self, samples: int, x: Tensor) -> None:
        """Raises `ShapeError` for one value per channel without running statistics, which PyTorch always refuses."""
        if not self.track_running_stats and samples * x.elements == x.shape[0]:
            raise ShapeError(
                "SHP101",
                f"a channel of one sample of {x} has one value, and track_running_stats=false takes its mean",
                "track_running_stats",
                "or use a larger batch",
                changes=[Change({"track_running_stats": None})],
            )

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """Channels last if the input is, or suggests it."""
        x = how.strides[0]
        last = not x.is_contiguous and (x.is_channels_last or x.suggests_channels_last)
        return channels_last(x.sizes) if last else contiguous(x.sizes)

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The input, and mean and deviation of each channel."""
        statistics = Saved((0,), extra={"statistics": 2 * _STATISTIC * plain(y.shape[0])})
        return statistics if self.affine and how.learns else how.first(statistics)

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        plain = given(
            eps=(self.eps, 1e-5),
            momentum=(self.momentum, 0.1),
            affine=(self.affine, True),
            track_running_stats=(self.track_running_stats, True),
            bias=(self.bias, True),
        )
        return module(f"nn.BatchNorm{max(1, x.rank - 1)}d", x.shape[0], **plain)


@layer("groupnorm", first="groups", aliases=("gn", "group_norm", "groupnormalization"))
class GroupNorm(ChannelNorm):
    """Normalises groups of channels over space, each sample separately. [C, *S] -> the same shape.

    Source: torch.nn.GroupNorm.
    """

    autocast = WIDE
    example = ("groupnorm 4", "8x32x32")
    notation = "y = (x − μ) / √(σ² + ε) · γ + β\nμ, σ²: of a group of channels of one sample"
    symbols = {"ε": "eps"}

    groups: int = arg(Whole, "groups of channels", min=1, aliases=("num_groups",))

    def mixes(self, x: Tensor) -> tuple[int, ...]:
        """Space."""
        return tuple(range(1, x.rank))

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

    def admit(self, samples: int, x: Tensor) -> None:
        """Raises `ShapeError` for one value per group and a single sample, which PyTorch refuses at inference too."""
        if samples * x.elements == self.groups:
            raise ShapeError(
                "SHP101",
                f"groups={self.groups} leaves one value in a group: the input is one sample of {x}",
                "groups",
                f"{'choose fewer groups' if self.groups > 1 else 'remove it'}: one value minus its mean is 0",
            )

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """In the format of the input."""
        return how.strides[0].formatted((how.batch, *y.shape))

    def copied(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, ...]:
        """The input, if it is not stored in its memory format."""
        return () if how.strides[0].has_format else (0,)

    def averaged(self, x: Tensor) -> int:
        """The elements of a group."""
        return x.elements // self.groups

    def normalises_channels(self, y: Tensor) -> bool:
        """True if each channel is a group."""
        return self.groups == y.shape[0]

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The input, and mean and deviation of each group."""
        statistics = Saved((0,), extra={"statistics": 2 * _STATISTIC * how.batch * plain(self.groups)})
        return statistics if self.affine and how.learns else how.first(statistics)

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        plain = given(eps=(self.eps, 1e-5), affine=(self.affine, True), bias=(self.bias, True))
        return module("nn.GroupNorm", self.groups, x.shape[0], **plain)


@layer("instancenorm", aliases=("in", "instance_norm", "instancenormalization"))
class InstanceNorm(_TrackingNorm):
    """Normalises each channel over space, each sample separately. [C, *S] -> the same shape.

    As in PyTorch, nothing is learned unless affine=true, and statistics are those of the sample unless
    track_running_stats=true. Source: torch.nn.InstanceNorm1d to InstanceNorm3d.
    """

    example = ("instancenorm affine=true", "8x32x32")
    notation = "y = (x − μ) / √(σ² + ε) · γ + β\nμ, σ²: of one channel of one sample"
    symbols = {"ε": "eps"}

    ranks = (2, 4)
    affine: bool = arg(Flag, "learn a scale for each channel", default=False)
    track_running_stats: bool = arg(
        Flag, "keep running statistics and use them at inference; else those of the sample", default=False
    )

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for a single spatial element, which PyTorch refuses to normalise."""
        if product(x.shape[1:]) == 1:
            raise ShapeError(
                "SHP101",
                f"`instancenorm` needs more than one element a channel, but its input is {x}",
                help="remove it: one element minus its mean is 0",
            )
        return Tensor(x.shape)

    def copied(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, ...]:
        """The input, if it is not contiguous."""
        return () if how.strides[0].is_contiguous else (0,)

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The input, mean and deviation; PyTorch repeats scales and running statistics for each sample."""
        channels = how.batch * plain(y.shape[0])
        statistics = 2 * _STATISTIC * channels
        repeated = (2 * self.track_running_stats + self.affine) * channels * how.width
        saved = Saved((0,), extra={"statistics": statistics, "repeated for each sample": repeated})
        return saved if self.affine and how.learns else how.first(saved)

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        plain = given(
            eps=(self.eps, 1e-5),
            momentum=(self.momentum, 0.1),
            affine=(self.affine, False),
            track_running_stats=(self.track_running_stats, False),
            bias=(self.bias, True),
        )
        return module(f"nn.InstanceNorm{x.rank - 1}d", x.shape[0], **plain)


@layer("layernorm", aliases=("ln", "layer_norm", "layernormalization"))
class LayerNorm(Layer):
    """Normalises each vector along the last axis, or along the last axes together. [*, features] -> the same shape.

    Source: torch.nn.LayerNorm, whose normalized_shape has the sizes of those axes.
    """

    span = ANY
    autocast = WIDE
    example = ("layernorm", "20x64")
    one_pass = True
    notation = "y = (x − μ) / √(σ² + ε) · γ + β\nμ, σ²: of one vector of features"
    symbols = {"ε": "eps"}

    layout = FEATURES_LAST
    wants = "vectors of features in the last axis"

    axes: tuple[int, ...] = arg(
        Size, "the axes of a vector, which are the last ones, e.g. 0x1x2", default=(-1,), min=-8
    )

    eps: float = arg(Number, "added to the variance", default=1e-5, min=0)
    affine: bool = arg(Flag, "learn a scale for each feature", default=True, aliases=("elementwise_affine",))
    bias: bool = arg(Flag, "learn a shift beside the scale", default=True)

    @property
    def computes(self) -> str:
        """The notation, with the axes of a vector if there are several."""
        several = f"the elements of a sample along its last {len(self.axes)} axes"
        return self.notation if len(self.axes) == 1 else self.notation.replace("one vector of features", several)

    def vector(self, x: Tensor) -> Shape:
        """The sizes of the axes normalised together."""
        return x.shape[x.rank - len(self.axes) :]

    def mixes(self, x: Tensor) -> tuple[int, ...]:
        """The axes normalised together."""
        return tuple(range(x.rank - len(self.axes), x.rank))

    @property
    def effect(self) -> str:
        """Over several axes, the layout does not matter."""
        return super().effect if len(self.axes) == 1 else KEEPS

    def bridges(self, x: Tensor, wanted: str) -> list[Change]:
        """What leaves the axes of an image apart: a convolution after the norm needs them."""
        return each_vector(x, wanted)

    def wanted(self, *inputs: Tensor) -> tuple[Want, ...]:
        """Features last, over one axis."""
        return super().wanted(*inputs) if len(self.axes) == 1 else ()

    def gives(self, *inputs: Tensor) -> Layout:
        """Features last, over one axis."""
        return super().gives(*inputs) if len(self.axes) == 1 else None

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for axes that are not the last ones."""
        last = range(x.rank - len(self.axes), x.rank)
        try:
            given = sorted(x.axis(axis) for axis in self.axes)
        except IndexError:
            given = []
        if given != [*last]:
            axes = (*last,) if len(self.axes) <= x.rank else (-1,)
            raise ShapeError(
                "SHP101",
                f"`layernorm` normalises the last axes together, not {list(self.axes)} of {x}",
                "axes",
                changes=[Change({"axes": axes})],
            )
        return Tensor(x.shape)

    def params(self, x: Tensor) -> dict[str, Shape]:
        """A scale and a shift for each feature."""
        return _affine(self.vector(x), self.affine, self.bias)

    def blind_to_order(self, y: Tensor, *inputs: Tensor) -> bool:
        """True if each vector is one position."""
        return len(self.axes) == 1

    def averaged(self, x: Tensor) -> int:
        """The elements of a vector."""
        return product(self.vector(x))

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """Mean (1), centring (1), variance (2), division (1), scale (1) and shift (1)."""
        return _normalising(y.elements, self.params(inputs[0]))

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The input, and mean and deviation of each vector."""
        rows = how.batch * plain(product(y.shape[: y.rank - len(self.axes)]))
        statistics = Saved((0,), extra={"statistics": 2 * _STATISTIC * rows})
        return statistics if self.affine and how.learns else how.first(statistics)

    def passing(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, int]:
        """A copy of the input, if it is not contiguous."""
        copy = 0 if how.strides[0].is_contiguous else how.batch * y.numel * how.width
        return copy, copy

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        plain = given(eps=(self.eps, 1e-5), elementwise_affine=(self.affine, True), bias=(self.bias, True))
        sizes = self.vector(x)
        return module("nn.LayerNorm", sizes[0] if len(sizes) == 1 else sizes, **plain)
