"""Layers that copy: each output element is an input element, or the value of a border."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from archcalc.layers.base import Layer
from archcalc.layers.cutting import Select, Slice
from archcalc.layers.reordering import Flip, Roll, Tile
from archcalc.layers.resizing import Crop, Pad
from archcalc.layers.shape import Detach, Expand, Identity
from archcalc.layers.shuffling import ChannelShuffle
from archcalc.layers.tensor import Tensor
from archcalc.layers.windows import Unfold
from archcalc.network.graph import Node
from archcalc.worked.convolution import place as bordered
from archcalc.worked.example import Array, Cell, Example, Grid, Place, Step, limit, nested, refuse, works, written
from archcalc.worked.moving import drawn

_ELEMENTS = 48

# From the place of an output element to that of the one it copies; None along an axis for a border.
Reading = Callable[[Any, "list[int]", Tensor], "list[int | None]"]


def _same(layer: Any, place: list[int], x: Tensor) -> list[int | None]:
    return [*place]


def _flipped(layer: Any, place: list[int], x: Tensor) -> list[int | None]:
    axes = layer.axis_indices("axis", x)
    return [int(x.shape[axis]) - 1 - one if axis in axes else one for axis, one in enumerate(place)]


def _rolled(layer: Any, place: list[int], x: Tensor) -> list[int | None]:
    found = [*place]
    for shift, axis in zip(layer.shift, layer.axes):
        found[axis % x.rank] = (found[axis % x.rank] - int(shift)) % int(x.shape[axis])
    return [*found]


def _tiled(layer: Any, place: list[int], x: Tensor) -> list[int | None]:
    return [one % int(size) for one, size in zip(place, x.shape)]


def _sliced(layer: Any, place: list[int], x: Tensor) -> list[int | None]:
    along = layer.axis_index("axis", x)
    return [int(layer.begin(x)) + one * int(layer.step) if axis == along else one for axis, one in enumerate(place)]


def _selected(layer: Any, place: list[int], x: Tensor) -> list[int | None]:
    axis = layer.axis_index("axis", x)
    return [*place[:axis], int(layer.index) % int(x.shape[axis]), *place[axis:]]


def _cropped(layer: Any, place: list[int], x: Tensor) -> list[int | None]:
    left = layer.infer(x).shape
    return [one + (int(size) - int(rest)) // 2 for one, size, rest in zip(place, x.shape, left)]


def _padded(layer: Any, place: list[int], x: Tensor) -> list[int | None]:
    sides = dict(enumerate(layer.borders(x), layer.axis is None))
    mode = layer.mode
    return [
        bordered(one - int(sides[axis][0]), int(x.shape[axis]), mode) if axis in sides else one
        for axis, one in enumerate(place)
    ]


def _stretched(layer: Any, place: list[int], x: Tensor) -> list[int | None]:
    return [0 if int(size) == 1 else one for one, size in zip(place[len(place) - x.rank :], x.shape)]


def _dealt(layer: Any, place: list[int], x: Tensor) -> list[int | None]:
    groups = int(layer.groups)
    turn, group = divmod(place[0], groups)
    return [group * (int(x.shape[0]) // groups) + turn, *place[1:]]


def unfolded(layer: Any, place: list[int], x: Tensor) -> list[int | None]:
    """Each column is a window: the taps of the first channel, then those of the next."""
    kernel, stride, padding, dilation = (
        layer.per_axis(name, 2, x) for name in ("kernel", "stride", "padding", "dilation")
    )
    channel, tap = divmod(place[0], int(kernel[0] * kernel[1]))
    taps, windows = divmod(tap, int(kernel[1])), divmod(place[1], int(layer.windows(x.shape[1:], x)[1]))
    spots = [w * s + t * d - p for w, t, s, p, d in zip(windows, taps, stride, padding, dilation)]
    return [channel, *(bordered(int(one), int(size), "zeros") for one, size in zip(spots, x.shape[1:]))]


_READS: dict[type[Layer], tuple[Reading, str]] = {
    Identity: (_same, '"identity" --input 2x3'),
    Detach: (_same, '"detach" --input 2x3'),
    Flip: (_flipped, '"flip 0x1" --input 2x3'),
    Roll: (_rolled, '"roll 1" --input 4x2'),
    Tile: (_tiled, '"tile 2x2" --input 2x2'),
    Slice: (_sliced, '"slice 1 end=3" --input 4x2'),
    Select: (_selected, '"select 1" --input 3x2'),
    Crop: (_cropped, '"crop 2" --input 1x4x4'),
    Pad: (_padded, '"pad 1" --input 1x2x3'),
    Expand: (_stretched, '"expand 3x-1" --input 1x4'),
    Unfold: (unfolded, '"unfold 2" --input 1x3x3'),
    ChannelShuffle: (_dealt, '"channelshuffle 2" --input 4x2'),
}


@works(*_READS)
def copying(node: Node) -> Example:
    """The input, each element a different number, and the output; elements of a border are marked."""
    x, y = node.inputs[0], node.exit
    layer: Any = node.layer
    read, instead = _READS[type(layer)]
    if max(x.rank, y.rank) > 3:
        raise refuse(node, "more than three axes do not fit a page", instead)
    limit(node, (("elements", max(int(x.elements), int(y.elements)), _ELEMENTS),), instead)
    shape, into = (tuple(int(size) for size in one.shape) for one in (x, y))
    numbers = dict(zip(itertools.product(*map(range, shape)), itertools.count(1)))
    found: dict[Place, float] = {}
    border: set[Place] = set()
    for place in itertools.product(*map(range, into)):
        source = read(layer, [*place], x)
        known = tuple(one for one in source if one is not None)
        if len(known) < len(source):
            border.add(place)
        found[place] = float(getattr(layer, "value", 0)) if len(known) < len(source) else numbers[known]
    values, output = nested(numbers, shape), nested(found, into)
    title = "the same numbers, with a border" if border else "numbers of x at their new places"
    return Example(drawn("x", values), [Step(title, _marked(output, border))], values, {}, output)


def _marked(values: Array, border: set[Place]) -> list[Grid]:
    """Grids of the output, with the border set apart."""

    def cells(rows: Array, start: Place) -> list[list[Cell]]:
        if not isinstance(rows[0], list):
            return [[Cell(written(one), bool(border) and (*start, at) not in border) for at, one in enumerate(rows)]]
        return [
            [Cell(written(one), bool(border) and (*start, row, at) not in border) for at, one in enumerate(line)]
            for row, line in enumerate(rows)
        ]

    if isinstance(values[0], list) and isinstance(values[0][0], list):
        return [
            Grid(f"y[{index}]" if len(values) > 1 else "y", cells(one, (index,))) for index, one in enumerate(values)
        ]
    return [Grid("y", cells(values, ()))]
