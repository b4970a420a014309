"""Convolutions."""

from __future__ import annotations

import itertools
import math
from typing import Any

from archcalc.tracing.calls import PARAMETER, Call, Value
from archcalc.tracing.graph import Out
from archcalc.tracing.lineup import BATCHES
from archcalc.tracing.operations.reader import Reader, joined
from archcalc.tracing.operations.registry import Beyond, Given, reads
from archcalc.tracing.operations.reparam import reparametrization
from archcalc.tracing.operations.shape import moved


def sizes(value: Any, axes: int) -> tuple[int, ...]:
    """A size for each axis."""
    found = tuple(value) if isinstance(value, (list, tuple)) else (value,) * axes
    return found * axes if len(found) == 1 and axes > 1 else found


@reads("conv1d conv2d conv3d", "input weight bias=None stride=1 padding=0 dilation=1 groups=1")
def convolution(reader: Reader, call: Call, a: Any) -> Given:
    """torch.conv2d with the weight of a module."""
    axes = len(a.weight.shape) - 2
    padding: Any = a.padding if isinstance(a.padding, str) else sizes(a.padding, axes)
    if padding == "valid":
        padding = (0,) * axes
    keys = {
        "channels": a.weight.shape[0],
        "kernel": tuple(a.weight.shape[2:]),
        "stride": sizes(a.stride, axes),
        "padding": padding,
        "dilation": sizes(a.dilation, axes),
        "groups": a.groups,
        "bias": a.bias is not None,
    }
    if a.weight.of_data:
        return _by_own_filters(reader, call, a, keys, "conv")
    if not a.weight.of_parameters:
        return _by_fixed_filters(reader, a, keys, axes)
    found = reparametrization(a.weight)
    if found is not None and not (joined(a.input) and "reparam_axis" in found.keys):
        return reader.on_space("conv", a.input, keys | found.keys, axes, {"bias": a.bias, **found.weights})
    weight, gain = _computed(reader, a.weight)
    before = len(reader.graph.nodes)
    if gain is None:
        made = reader.on_space("conv", a.input, keys, axes, {"weight": weight, "bias": a.bias})
    else:
        made = reader.on_space("conv", a.input, {**keys, "bias": False}, axes, {"weight": weight})
    if weight is not a.weight:
        node = next(node for node in reader.graph.nodes[before:] if node.op == "conv")
        node.holds, node.over = a.weight, gain.name if gain is not None else None
    if gain is None:
        return made
    scaled = reader.weighted("layerscale", [made], made.sizes, {"axis": 0}, {"weight": gain})
    return _shifted(reader, scaled, a.bias, axes)


def _by_own_filters(reader: Reader, call: Call, a: Any, keys: dict[str, Any], op: str) -> Given:
    """A convolution of each sample with filters of its own: samples stand beside each other as groups of channels."""
    x, weight, given = a.input, a.weight, call.outs[0]
    if (x.batch, weight.batch, given.batch) != (1, 0, 1) or x.shape[0] != 1 or a.groups % BATCHES[0]:
        raise Beyond("whose filters are computed from data")
    groups = a.groups // BATCHES[0]
    inward, outward = (1, 0) if op == "conv" else (0, 1)
    if weight.sizes[inward] * (groups if op == "conv" else 1) != x.sizes[1]:
        raise Beyond("whose filters are computed from data")
    filters = reader.out(weight)
    channels = weight.sizes[outward] * (groups if op == "convtranspose" else 1)
    keys = {**keys, "channels": channels, "groups": groups, "bias": False, "weight": filters}
    made = reader.add(op, [reader.reshaped(reader.out(x), x.sizes[1:]), filters], given.sizes[1:], keys)
    return reader.reshaped(_shifted(reader, made, a.bias, len(weight.shape) - 2), given.sizes)


def _shifted(reader: Reader, made: Out, bias: Value | None, axes: int) -> Out:
    """Adds the bias of each channel, if there is one."""
    if bias is None:
        return made
    return reader.add("add", [made, reader.reshaped(reader.out(bias), (made.sizes[0], *(1,) * axes))], made.sizes)


def _by_fixed_filters(reader: Reader, a: Any, keys: dict[str, Any], axes: int) -> Given:
    """A convolution whose filters are not learned."""
    if joined(a.input):
        raise Beyond("fixed filters over samples that were joined with another axis")
    made = reader.on_space("conv", a.input, {**keys, "bias": False, "weight": _filters(reader, a.weight)}, axes)
    return _shifted(reader, made, a.bias, axes)


def _filters(reader: Reader, weight: Value) -> Out:
    """Fixed filters as a constant; a blur filter has a name of its own."""
    table = weight.table() if weight.table is not None else None
    if table is None or not all(_is_binomial(kernel) for filters in table for kernel in filters):
        return reader.out(weight)
    kernel = (1, weight.shape[1], *weight.shape[2:])
    return reader.add("constant", [], kernel, {"shape": kernel, "kind": "binomial"})


def _is_binomial(kernel: Any) -> bool:
    """Whether a kernel, as nested lists, is an outer product of 1 2 1, 1 3 3 1 and the like, scaled to sum 1."""
    sizes, inner = [], kernel
    while isinstance(inner, list):
        sizes.append(len(inner))
        inner = inner[0]
    for index in itertools.product(*map(range, sizes)):
        wanted = math.prod(math.comb(size - 1, at) / 2 ** (size - 1) for size, at in zip(sizes, index))
        if abs(_at(kernel, index) - wanted) > 1e-6:
            return False
    return True


def _at(numbers: Any, index: tuple[int, ...]) -> float:
    for one in index:
        numbers = numbers[one]
    found: float = numbers
    return found


def _computed(reader: Reader, weight: Value) -> tuple[Value, Value | None]:
    """The parameter that is the weight, or is standardised to give it, and one that scales its output channels."""
    if weight.source == PARAMETER:
        return weight, None
    found = sorted(reader.roots(weight), key=lambda one: -one.count())
    if not found or found[0].shape != weight.shape or any(one.count() != weight.shape[0] for one in found[1:]):
        return weight, None
    if len(found) > 2:
        return weight, None
    return found[0], found[1] if len(found) == 2 else None


@reads(
    "conv_transpose1d conv_transpose2d conv_transpose3d",
    "input weight bias=None stride=1 padding=0 output_padding=0 groups=1 dilation=1",
)
def transposed(reader: Reader, call: Call, a: Any) -> Given:
    """torch.conv_transpose2d."""
    axes = len(a.weight.shape) - 2
    keys = {
        "channels": a.weight.shape[1] * a.groups,
        "kernel": tuple(a.weight.shape[2:]),
        "stride": sizes(a.stride, axes),
        "padding": sizes(a.padding, axes),
        "dilation": sizes(a.dilation, axes),
        "groups": a.groups,
        "bias": a.bias is not None,
        "output_padding": sizes(a.output_padding, axes),
    }
    if a.weight.of_data:
        return _by_own_filters(reader, call, a, keys, "convtranspose")
    found = reparametrization(a.weight, 1)
    if found is not None and not (joined(a.input) and "reparam_axis" in found.keys):
        return reader.on_space("convtranspose", a.input, keys | found.keys, axes, {"bias": a.bias, **found.weights})
    return reader.on_space("convtranspose", a.input, keys, axes, {"weight": a.weight, "bias": a.bias})


@reads("unfold", "input kernel_size dilation=1 padding=0 stride=1 dimension=None size=None step=None")
def columns(reader: Reader, call: Call, a: Any) -> Given:
    """F.unfold; Tensor.unfold takes an axis, a size and a step, and its output has one more axis."""
    if len(call.outs[0].shape) > len(a.input.shape):
        if call.kwargs:
            return _along(reader, call, a.input, a.dimension, a.size, a.step)
        return _along(reader, call, a.input, *call.args[1:])
    keys = {
        "kernel": sizes(a.kernel_size, 2),
        "stride": sizes(a.stride, 2),
        "padding": sizes(a.padding, 2),
        "dilation": sizes(a.dilation, 2),
    }
    return reader.on_space("unfold", a.input, keys)


# Windows along an axis are written as parts side by side, up to this many.
_MOST_WINDOWS = 64


def _along(reader: Reader, call: Call, value: Value, dimension: int, size: int, step: int) -> Given:
    """Windows along one axis, their elements in a new last axis: parts of the axis side by side."""
    x, out = reader.out(value), call.outs[0]
    axis = reader.axis(value, dimension)
    before, after = x.sizes[:axis], x.sizes[axis + 1 :]
    count = (x.sizes[axis] - size) // step + 1
    if count > _MOST_WINDOWS:
        raise Beyond("many windows along one axis")
    if step == size and count * size == x.sizes[axis]:
        apart = reader.reshaped(x, (*before, count, size, *after))
    else:
        parts = [
            reader.add("slice", [x], (*before, size, *after), {"start": at, "end": at + size, "axis": axis, "step": 1})
            for at in range(0, count * step, step)
        ]
        side = [reader.reshaped(part, (*before, 1, size, *after)) for part in parts]
        sizes = (*before, count, size, *after)
        apart = side[0] if count == 1 else reader.add("concat", side, sizes, {"axis": axis})
    rank = len(apart.sizes)
    return reader.reshaped(moved(reader, apart, [*range(axis + 1), *range(axis + 2, rank), axis + 1]), out.sizes)


@reads("fold", "input output_size kernel_size dilation=1 padding=0 stride=1")
def image(reader: Reader, call: Call, a: Any) -> Given:
    """F.fold."""
    keys = {
        "output": sizes(a.output_size, 2),
        "kernel": sizes(a.kernel_size, 2),
        "stride": sizes(a.stride, 2),
        "padding": sizes(a.padding, 2),
        "dilation": sizes(a.dilation, 2),
    }
    return reader.on_space("fold", a.input, keys)


@reads("pixel_shuffle", "input factor")
def shuffled(reader: Reader, call: Call, a: Any) -> Given:
    """F.pixel_shuffle."""
    return reader.on_space("pixelshuffle", a.input, {"factor": a.factor})


@reads("pixel_unshuffle", "input factor")
def unshuffled(reader: Reader, call: Call, a: Any) -> Given:
    """F.pixel_unshuffle."""
    return reader.on_space("pixelunshuffle", a.input, {"factor": a.factor})


@reads("channel_shuffle native_channel_shuffle", "input groups")
def dealt(reader: Reader, call: Call, a: Any) -> Given:
    """F.channel_shuffle."""
    return reader.on_space("channelshuffle", a.input, {"groups": a.groups})


@reads(
    "interpolate upsample",
    "input size=None scale_factor=None mode=nearest align_corners=None recompute_scale_factor=None antialias=False",
)
def resized(reader: Reader, call: Call, a: Any) -> Given:
    """F.interpolate."""
    axes = len(a.input.shape) - 2
    before, after = a.input.shape[2:], call.outs[0].shape[2:]
    if a.mode == "area":
        return reader.on_space("adaptiveavgpool", a.input, {"output": after})
    if a.antialias:
        raise Beyond("antialiased")
    keys: dict[str, Any] = {}
    scale = a.scale_factor if a.size is None else _scale(before, after)
    if scale is not None:
        keys["scale"] = sizes(scale, axes)
        keys["scale"] = tuple(int(one) if one == int(one) else one for one in keys["scale"])
    else:
        keys["size"] = after
    keys["mode"] = a.mode
    if a.align_corners:
        keys["align_corners"] = True
    if a.recompute_scale_factor and scale is not None and a.size is None:
        keys["recompute_scale_factor"] = True
    return reader.on_space("upsample", a.input, keys)


def _scale(before: tuple[int, ...], after: tuple[int, ...]) -> tuple[int, ...] | None:
    """The integer factors by which sizes grow."""
    if all(new % old == 0 for old, new in zip(before, after)):
        return tuple(new // old for old, new in zip(before, after))
    return None
