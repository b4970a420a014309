"""Layers without parameters that change the spatial size of a channels-first tensor."""

from __future__ import annotations

from typing import Any

from archcalc.layers.arguments import Factors, Flag, Number, Size, Word, arg
from archcalc.layers.base import Layer, ShapeError, layer
from archcalc.layers.borders import MODES, Border, BorderSize, check_borders, pad_call, sides
from archcalc.layers.change import Change
from archcalc.layers.code import Code, expression, given, module, sized
from archcalc.layers.correlation import indices
from archcalc.layers.field import Field, windows
from archcalc.layers.layout import CHANNELS_FIRST
from archcalc.layers.neighbours import neighbours
from archcalc.layers.operands import Like
from archcalc.layers.saved import INPUT, NOTHING, Saved, Saving
from archcalc.layers.shape import Rearranging, moved
from archcalc.layers.space import alike, space_of
from archcalc.layers.strides import Strides, contiguous
from archcalc.layers.tensor import Tensor, Want
from archcalc.quantity import plain
from archcalc.terms import work

# The spatial axes each mode works on, and its operations for one output element: a weighted sum of
# n neighbours takes n products and n - 1 additions.
_MODES = {
    "nearest": ((1, 2, 3), ()),
    "nearest-exact": ((1, 2, 3), ()),
    "linear": ((1,), (("products", 2), ("addition", 1))),
    "bilinear": ((2,), (("products with 4 neighbours", 4), ("additions", 3))),
    "bicubic": ((2,), (("products with 16 neighbours", 16), ("additions", 15))),
    "trilinear": ((3,), (("products with 8 neighbours", 8), ("additions", 7))),
}


@layer(
    "upsample",
    first="scale",
    aliases=("interpolate", "upsampling", "upsamplingnearest", "nearest"),
)
class Upsample(Layer):
    """Resizes by a factor, to a size, or to the size of a tensor. [C, *S] -> [C, *floor(S·scale)] or [C, *size].

    Source: torch.nn.Upsample.
    """

    enlarges = True
    one_pass = True
    keeps_nothing = True
    notation = (
        "y[c, s] = x[c, ⌊s / scale⌋]        nearest\n"
        "y[c, s] = x[c] at (s + ½) / scale − ½        the other modes, between the elements there"
    )

    layout = CHANNELS_FIRST
    ranks = (2, 4)
    wants = "a channels-first tensor [channels, ...] with one to three spatial axes"

    # Of the input, once that is known.
    spatial_axes: int = 1

    scale: tuple[float, ...] | None = arg(
        Factors, "factor for each spatial axis", default=None, aliases=("scale_factor",)
    )
    size: tuple[int, ...] | None = arg(Size, "the size itself, instead of a scale", default=None)
    like: Tensor | None = arg(Like, "a channels-first tensor that has the size, instead of a scale", default=None)
    mode: str = arg(Word, "how to interpolate between elements", choices=tuple(_MODES), default="nearest")
    align_corners: bool | None = arg(
        Flag, "align the corner elements of input and output; not for nearest; default: false", default=None
    )
    recompute_scale_factor: bool = arg(
        Flag, "take the scale from the sizes, where it does not give a whole one", default=False
    )

    @property
    def computes(self) -> str:
        """For its mode and its spatial axes."""
        out, _, read = indices(self.spatial_axes)
        also = ("", "        j alike, from t", "        j and l alike")[self.spatial_axes - 1]
        scale = "(S′ / S)"
        if self.scale is not None and not self.recompute_scale_factor:
            scale = f"{self.scale[0]:g}" if len(set(self.scale)) == 1 else "scale"
        if self.mode.startswith("nearest"):
            place = "(s + ½)" if self.mode == "nearest-exact" else "s"
            return f"y[c, {out}] = x[c, {read}]\ni = ⌊{place} / {scale}⌋{also}"
        place = "s · (S − 1) / (S′ − 1)" if self.align_corners else f"(s + ½) / {scale} − ½"
        return f"y[c, {out}] = x[c] at {read}, between the elements there ({self.mode})\ni = {place}{also}"

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` unless the mode fits, one of scale, size and like is given, and the output is not empty."""
        self.spatial_axes = axes = x.rank - 1
        if axes not in _MODES[self.mode][0]:
            fitting = [mode for mode, (ranks, _) in _MODES.items() if axes in ranks]
            raise ShapeError(
                "SHP101",
                f"mode={self.mode} does not work on {axes} spatial axes",
                "mode",
                changes=[Change({"mode": mode}) for mode in fitting],
            )
        given = [key for key in ("scale", "size", "like") if getattr(self, key) is not None]
        if not given:
            help = "e.g. `upsample 2`, `upsample size=32x32` or `upsample like=NAME`"
            raise ShapeError("SPC004", "`upsample` needs `scale`, `size` or `like`", None, help)
        if len(given) > 1:
            both = " and ".join(f"`{key}`" for key in given)
            raise ShapeError(
                "SPC004", f"`upsample` takes one of {both}", given[-1], changes=[Change({key: None}) for key in given]
            )
        if self.align_corners is not None and not _MODES[self.mode][1]:
            raise ShapeError(
                "SHP109",
                f"mode={self.mode} takes no `align_corners`",
                "align_corners",
                changes=[Change({"align_corners": None})],
            )
        if self.scale is None:
            if self.recompute_scale_factor:
                raise ShapeError(
                    "SHP109",
                    "there is no scale to compute again",
                    "recompute_scale_factor",
                    changes=[Change({"recompute_scale_factor": None})],
                )
            return Tensor((x.shape[0], *self._space(x)))
        spatial: list[Any] = []
        for size, scale in zip(x.shape[1:], self.per_axis("scale", axes, x)):
            out = size * scale
            spatial.append(int(out) if isinstance(out, float) else out)
            if out < 1:
                raise ShapeError(
                    "SHP104", f"scale {scale:g} makes {size} smaller than one element", "scale", "use a larger scale"
                )
        return Tensor((x.shape[0], *spatial))

    def wanted(self, *inputs: Tensor) -> tuple[Want, ...]:
        """Channels first, also for the tensor whose size it takes."""
        return (*super().wanted(*inputs), *alike(self.like))

    def _space(self, x: Tensor) -> tuple[int, ...]:
        return space_of(self, self.like, x) if self.like is not None else self.per_axis("size", x.rank - 1, x)

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """A weighted sum of neighbours for each output element; none for nearest."""
        return work(y.elements, "output element", *_MODES[self.mode][1])

    def field(self, y: Tensor, x: Tensor) -> list[Field] | None:
        """The elements between which an output's value is interpolated."""
        scales = (
            [None] * (x.rank - 1)
            if self.scale is None or self.recompute_scale_factor
            else self.per_axis("scale", x.rank - 1, x)
        )
        fields = [
            neighbours(self.mode, bool(self.align_corners), plain(before), plain(after), scale)
            for before, after, scale in zip(x.shape[1:], y.shape[1:], scales)
        ]
        return None if None in fields else fields  # type: ignore[return-value]

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """In the format of the input."""
        return how.strides[0].formatted((how.batch, *y.shape))

    def passing(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, int]:
        """Copies for the kernel that reads channels last, or the weights of the neighbours."""
        from archcalc.layers.kernels.interpolation import passing  # only memory asks

        return passing(self.mode, how, self.strides(how, y, *inputs), y, inputs[0])

    def passes_shift(self, read: Tensor, y: Tensor, *inputs: Tensor) -> bool:
        """True: every position is shifted."""
        return True

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        name = "size" if self.scale is None else "scale_factor"
        sizes = sized(self._space(x) if self.scale is None else self.per_axis("scale", x.rank - 1, x))
        options = given(
            mode=(self.mode, "nearest"),
            align_corners=(self.align_corners, None),
            recompute_scale_factor=(self.recompute_scale_factor, False),
        )
        return module("nn.Upsample", **{name: sizes}, **options)


@layer("pad", first="size", aliases=("zeropad", "zeropadding", "constantpad", "padding"))
class Pad(Layer):
    """A border around each spatial axis, or the axes given. [C, *S] -> [C, *(S + before + after)].

    `size` is added on both sides; `before` and `after` give the two sides separately; negative sizes cut. With `axis`
    the layout is free.
    Source: torch.nn.functional.pad, torch.nn.ZeroPad2d, ReflectionPad2d, ReplicationPad2d, CircularPad2d.
    """

    computes_nothing = True
    one_pass = True
    bare = True
    notation = "y[c, s] = x[c, s − before] inside, what `mode` says outside        along each spatial axis"

    layout = CHANNELS_FIRST
    ranks = (2, 4)
    wants = "a channels-first tensor [channels, ...] with one to three spatial axes"

    size: tuple[int, ...] = arg(
        BorderSize, "border on both sides; a negative one crops", default=(0,), min=0, aliases=("padding",)
    )
    before: tuple[int, ...] | None = arg(
        BorderSize, "border before the first element; default: size", default=None, min=0
    )
    after: tuple[int, ...] | None = arg(BorderSize, "border after the last element; default: size", default=None, min=0)
    mode: str = arg(Word, "what the border holds", choices=MODES, default="zeros")
    value: float = arg(Number, "what a border of mode=zeros holds instead of zeros", default=0.0)
    axis: tuple[int, ...] | None = arg(
        Size, "the axes with a border, e.g. 0x1; default: the spatial ones", default=None, min=-8, aliases=("dim",)
    )

    @property
    def computes(self) -> str:
        """The equation, with the value of its border, and its width before the first element if that is the same on all axes."""
        told = {
            "zeros": f"{self.value:g} outside",
            "reflect": "mirrored outside",
            "replicate": "the nearest element outside",
        }
        text = self.notation.replace("what `mode` says outside", told.get(self.mode, "the other end outside"))
        first, *others = self.before or self.size
        if any(one != first for one in others):
            return text
        return text.replace(" − before", "" if first == 0 else f" − {first}" if first > 0 else f" + {-first}")

    @property
    def ranks_now(self) -> tuple[int, int]:
        """Any number if the axes with a border are given."""
        return self.ranks if self.axis is None else (1, 8)

    def reach(self, axis: int, x: Tensor) -> tuple[int, int] | None:
        """The element shifted by the border before it; a border that copies elements reads elsewhere."""
        if self.mode != "zeros" or (self.axis is None and axis == 0):
            return None
        before, _ = self.borders(x)[axis - (self.axis is None)]
        return before, -before

    def field(self, y: Tensor, x: Tensor) -> list[Field]:
        """Each position sees itself, shifted by the border before it."""
        sides = dict(enumerate(self.borders(x), self.axis is None))
        return [windows(1, 1, -sides[axis][0]) for axis in x.positions]

    def borders(self, x: Tensor) -> list[Border]:
        """The sizes added before and after each spatial axis, or each given axis with `axis`."""
        axes = range(1, x.rank) if self.axis is None else self.axis_indices("axis", x)
        keys = (key if getattr(self, key) else "size" for key in ("before", "after"))
        added = dict(zip(axes, zip(*(self.per_axis(key, len(axes), x) for key in keys))))
        return [added.get(axis, (0, 0)) for axis in range(self.axis is None, x.rank)]

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for a border that cannot be filled from the input."""
        if self.value and self.mode != "zeros":
            raise ShapeError(
                "SHP109",
                f"mode={self.mode} copies its border from the input",
                "value",
                changes=[Change({"value": None})],
            )
        if self.axis is not None and self.mode != "zeros":
            raise ShapeError(
                "SHP109",
                f"mode={self.mode} fills the spatial axes, not axes of choice",
                "axis",
                changes=[Change({"axis": None})],
            )
        borders = self.borders(x)
        keys = ("before" if self.before else "size", "after" if self.after else "size")
        check_borders(self.mode, x, borders, keys)
        kept = x.rank - len(borders)
        for size, border in zip(x.shape[kept:], borders):
            key = keys[border[0] >= 0]
            if min(border) < 0 and self.mode != "zeros":
                raise ShapeError("SHP109", f"mode={self.mode} adds, it cannot cut {-min(border)}", key, "use `slice`")
            if size + border[0] + border[1] < 1:
                raise ShapeError("SHP104", f"nothing would be left of the {size} of {x}", key, "cut less")
        return Tensor((*x.shape[:kept], *(size + b + a for size, (b, a) in zip(x.shape[kept:], borders))))

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """In the memory format of the input; contiguous for circular borders; unchanged without a border."""
        x, sizes = how.strides[0], (how.batch, *y.shape)
        if self.mode == "circular":
            return contiguous(sizes)
        borders = self.borders(inputs[0])
        if any(map(any, borders)) and max(map(max, borders)) <= 0:  # a copy of what is left
            for axis, size in enumerate(sizes):
                x = x.cut(axis, size)
            return x.like()
        return x.formatted(sizes) if self.mode != "zeros" or any(map(any, self.borders(inputs[0]))) else x.like()

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The input if the border copies it, though only its sizes are needed."""
        return how.first(INPUT) if self.mode in ("reflect", "replicate") else NOTHING

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        borders = self.borders(x)
        while self.axis is not None and len(borders) > 1 and borders[0] == (0, 0):
            del borders[0]  # the call starts from the last axis and need not reach the first
        return expression(pad_call(self.mode, self.value), sides=sides(borders))


@layer("crop", first="size", aliases=("centercrop",))
class Crop(Rearranging):
    """The middle of each spatial axis. [C, *S] -> [C, *size]; of an odd remainder, the larger part is cut at the end.

    Source: the copy-and-crop of Ronneberger et al. (2015).
    """

    notation = "y[c, s] = x[c, s + ⌊(S − size)/2⌋]        along each spatial axis of S elements"

    layout = CHANNELS_FIRST
    ranks = (2, 4)
    wants = "a channels-first tensor [channels, ...] with one to three spatial axes"

    size: tuple[int, ...] | None = arg(Size, "the remaining size", default=None)
    like: Tensor | None = arg(Like, "a channels-first tensor that has the size, instead of `size`", default=None)

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for both or none of size and like, and for a size larger than the input."""
        if (self.size is None) == (self.like is None):
            if self.size is None:
                raise ShapeError(
                    "SPC004", "`crop` needs `size` or `like`", None, "e.g. `crop 32x32` or `crop like=NAME`"
                )
            changes = [Change({key: None}) for key in ("size", "like")]
            raise ShapeError("SPC004", "`crop` takes a size or `like`, not both", "like", changes=changes)
        space = self._space(x)
        for size, left in zip(x.shape[1:], space):
            if left > size:
                what = "size" if self.like is None else "like"
                raise ShapeError(
                    "SHP104", f"{left} of {size} cannot be cut out of {x}", what, "use `pad` to enlarge it"
                )
        return moved(x, (x.shape[0], *space))

    def wanted(self, *inputs: Tensor) -> tuple[Want, ...]:
        """Channels first, also for the tensor whose size it takes."""
        return (*super().wanted(*inputs), *alike(self.like))

    def _space(self, x: Tensor) -> tuple[int, ...]:
        return space_of(self, self.like, x) if self.like is not None else self.per_axis("size", x.rank - 1, x)

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """Those of the input, with gaps."""
        x = how.strides[0]
        for axis, size in enumerate(y.shape[1:], 2):
            x = x.cut(axis, size)
        return x

    def field(self, y: Tensor, x: Tensor) -> list[Field]:
        """Each position sees itself, shifted by what is cut before it."""
        return [windows(1, 1, (plain(size) - plain(left)) // 2) for size, left in zip(x.shape[1:], y.shape[1:])]

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        places: dict[str, int] = {}
        for axis, (size, left) in enumerate(zip(x.shape[1:], y.shape[1:]), 1):
            start = (int(size) - int(left)) // 2
            places |= {f"start{axis}": start, f"end{axis}": start + int(left)}
        cuts = (f"{{start{axis}}}:{{end{axis}}}" for axis in range(1, x.rank))
        return expression("{0}" + f"[:, :, {', '.join(cuts)}]", **places)
