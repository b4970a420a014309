"""Views and permutations of axes."""

from __future__ import annotations

from typing import Any

from archcalc.tracing.calls import Call, Value
from archcalc.tracing.graph import Out
from archcalc.tracing.operations.reader import Reader
from archcalc.tracing.operations.registry import Beyond, Given, reads

_LETTERS = "abdefgijklmnopq"


@reads(
    "view reshape flatten unflatten unsqueeze squeeze view_as reshape_as ravel expand_dims atleast_1d", "input *rest"
)
def reshape(reader: Reader, call: Call, a: Any) -> Given:
    """The same elements in other sizes, by whichever call."""
    return reader.reshaped(reader.out(a.input), call.outs[0].sizes or (1,))


@reads("permute", "input *dim")
def permute(reader: Reader, call: Call, a: Any) -> Given:
    """Axes in another order."""
    return _ordered(reader, call, a.input, list(a.dim))


@reads("transpose swapaxes swapdims", "input dim0 dim1")
def transpose(reader: Reader, call: Call, a: Any) -> Given:
    """Two axes swapped."""
    rank = len(a.input.shape)
    order = list(range(rank))
    order[a.dim0 % rank], order[a.dim1 % rank] = order[a.dim1 % rank], order[a.dim0 % rank]
    return _ordered(reader, call, a.input, order)


@reads("movedim moveaxis", "input source destination")
def movedim(reader: Reader, call: Call, a: Any) -> Given:
    """Axes moved."""
    rank = len(a.input.shape)
    source = [one % rank for one in (a.source if isinstance(a.source, list) else [a.source])]
    target = [one % rank for one in (a.destination if isinstance(a.destination, list) else [a.destination])]
    order: list[Any] = [None] * rank
    for one, other in zip(source, target):
        order[other] = one
    rest = iter(axis for axis in range(rank) if axis not in source)
    return _ordered(reader, call, a.input, [next(rest) if one is None else one for one in order])


@reads("T t mT adjoint", "input")
def turned(reader: Reader, call: Call, a: Any) -> Given:
    """The last two axes swapped, or all in reverse."""
    order = list(range(len(a.input.shape)))
    if call.name in ("mT", "adjoint"):
        order[-1], order[-2] = order[-2], order[-1]
    else:
        order.reverse()
    return _ordered(reader, call, a.input, order)


def _ordered(reader: Reader, call: Call, value: Value, order: list[int]) -> Out:
    """The axes of one sample, in the order given for the axes with a batch."""
    x = reader.out(value)
    places = [value.axes[axis % len(value.shape)] for axis in order]
    mine = [place for place in places if place is not None]
    return moved(reader, x, mine)


def moved(reader: Reader, x: Out, order: list[int]) -> Out:
    """Permuted axes: a swap of two, or a pattern."""
    if order == sorted(order):
        return x
    sizes = tuple(x.sizes[axis] for axis in order)
    if all(size == 1 for size in _passed(x.sizes, order)):
        return reader.reshaped(x, sizes)
    swapped = [axis for axis, other in enumerate(order) if axis != other]
    if len(swapped) == 2:
        return reader.add("transpose", [x], sizes, {"axes": tuple(swapped)})
    letters = _LETTERS[: len(order)]
    pattern = f"{' '.join(letters)} -> {' '.join(letters[axis] for axis in order)}"
    return reader.add("rearrange", [x], sizes, {"pattern": pattern})


def _passed(sizes: tuple[int, ...], order: list[int]) -> list[int]:
    """Sizes in place of those that pass each other: none if all axes but those of size 1 keep their order."""
    long = [axis for axis in order if sizes[axis] != 1]
    return [] if long == sorted(long) else [2]


@reads("expand broadcast_to expand_as", "input *sizes")
def expand(reader: Reader, call: Call, a: Any) -> Given:
    """Axes of size 1 repeated; along the batch this changes nothing."""
    return _expanded(reader, a.input, call.outs[0])


def _expanded(reader: Reader, value: Value, out: Value) -> Out:
    x = reader.out(value)
    rank = len(out.shape)
    before = [1] * (rank - len(value.shape)) + list(value.shape)
    sizes = [1 if axis == out.batch and value.batch is None else before[axis] for axis in range(rank)]
    if out.batch is not None and value.batch is None and before[out.batch] != 1:
        raise Beyond("along the batch")
    wanted = [place for place in range(rank) if out.axes[place] is not None]
    own = _own_sizes(value, rank)
    x = reader.reshaped(x, [own[axis] if axis in wanted else sizes[axis] for axis in wanted] or (1,))
    if x.sizes == (out.sizes or (1,)):
        return x
    shape = tuple(-1 if old == new else new for old, new in zip(x.sizes, out.sizes))
    return reader.add("expand", [x], out.sizes, {"shape": shape})


def _own_sizes(value: Value, rank: int) -> list[int]:
    """The sizes of one sample along as many axes."""
    sizes = [1 if place is None else value.sizes[place] for place in value.axes]
    return [1] * (rank - len(sizes)) + sizes


@reads("repeat tile", "input *sizes")
def tile(reader: Reader, call: Call, a: Any) -> Given:
    """The whole tensor several times."""
    out = call.outs[0]
    rank = len(out.shape)
    own = _own_sizes(a.input, rank)
    wanted = [axis for axis in range(rank) if out.axes[axis] is not None]
    x = reader.reshaped(reader.out(a.input), [own[axis] for axis in wanted] or (1,))
    if x.sizes == (out.sizes or (1,)):
        return x
    if any(new % old for old, new in zip(x.sizes, out.sizes)):
        raise Beyond("of a part")
    times = tuple(new // old for old, new in zip(x.sizes, out.sizes))
    if all(old == 1 or count == 1 for old, count in zip(x.sizes, times)):
        shape = tuple(-1 if count == 1 else count for count in times)
        return reader.add("expand", [x], out.sizes, {"shape": shape})
    return reader.add("tile", [x], out.sizes, {"times": times})


@reads("repeat_interleave", "input repeats dim=None output_size=None")
def interleaved(reader: Reader, call: Call, a: Any) -> Given:
    """Each position several times in a row: a new axis, then joined with the old one."""
    if not isinstance(a.repeats, int) or a.dim is None:
        raise Beyond("by a tensor")
    x, out = reader.out(a.input), call.outs[0]
    if a.input.batch == a.dim % len(a.input.shape) and a.input.axes[a.input.batch] is None:
        first = reader.reshaped(x, (1, *x.sizes))
        shape = (a.repeats, *(-1,) * len(x.sizes))
        return x if a.repeats == 1 else reader.add("expand", [first], out.sizes, {"shape": shape})
    place = a.input.axes[a.dim % len(a.input.shape)]  # positions that are joined with the samples are each sample's own
    axis = place if place is not None else reader.axis(a.input, a.dim)
    apart = reader.reshaped(x, (*x.sizes[: axis + 1], 1, *x.sizes[axis + 1 :]))
    times = [-1] * len(apart.sizes)
    times[axis + 1] = a.repeats
    sizes = (*x.sizes[: axis + 1], a.repeats, *x.sizes[axis + 1 :])
    return reader.reshaped(reader.add("expand", [apart], sizes, {"shape": tuple(times)}), out.sizes)


@reads("pad", "input pad mode=constant value=None")
def pad(reader: Reader, call: Call, a: Any) -> Given:
    """F.pad, from the last axis on."""
    borders = [one.number() if isinstance(one, Value) else one for one in a.pad]
    if any(not isinstance(one, int) for one in borders):
        raise Beyond("by sizes that are computed")
    rank, pairs = len(a.input.shape), list(zip(borders[::2], borders[1::2]))
    sides = {rank - 1 - index: pair for index, pair in enumerate(pairs) if tuple(pair) != (0, 0)}
    if not sides:
        return reader.out(a.input)
    axes = sorted(sides)
    keys: dict[str, Any] = {
        "before": tuple(sides[axis][0] for axis in axes),
        "after": tuple(sides[axis][1] for axis in axes),
        "mode": {"constant": "zeros"}.get(a.mode, a.mode),
        "axis": tuple(reader.axis(a.input, axis) for axis in axes),
    }
    if a.value:
        keys["value"] = a.value
    if keys["mode"] != "zeros" and keys["axis"] == tuple(range(1, len(reader.out(a.input).sizes))):
        del keys["axis"]
    return reader.add("pad", [reader.out(a.input)], call.outs[0].sizes, keys)


@reads("roll", "input shifts dims=None")
def roll(reader: Reader, call: Call, a: Any) -> Given:
    """torch.roll."""
    if a.dims is None:
        raise Beyond("of all elements")
    dims = a.dims if isinstance(a.dims, list) else [a.dims]
    shifts = a.shifts if isinstance(a.shifts, list) else [a.shifts]
    keys = {"shift": tuple(shifts), "axes": tuple(reader.axis(a.input, axis) for axis in dims)}
    return reader.add("roll", [reader.out(a.input)], call.outs[0].sizes, keys)


@reads("flip", "input *dim")
def flip(reader: Reader, call: Call, a: Any) -> Given:
    """torch.flip."""
    axes = tuple(reader.axis(a.input, axis) for axis in a.dim)
    return reader.add("flip", [reader.out(a.input)], call.outs[0].sizes, {"axis": axes})


@reads("cat concat concatenate", "tensors dim=0")
def concat(reader: Reader, call: Call, a: Any) -> Given:
    """torch.cat."""
    out = call.outs[0]
    axis = reader.axis(out, a.dim)
    tensors = [one for one in a.tensors if 0 not in one.shape]
    operands = [_without_batch(reader, one, out) for one in tensors]
    if len(operands) == 1:
        return operands[0]
    return reader.add("concat", operands, out.sizes, {"axis": axis})


def _without_batch(reader: Reader, value: Value, like: Value) -> Out:
    x = reader.out(value)
    if value.batch is None and like.batch is not None and like.axes[like.batch] is None:
        if value.shape[like.batch] != 1:
            raise Beyond("a tensor along the batch")
        sizes = [size for axis, size in enumerate(value.shape) if axis != like.batch]
        return reader.reshaped(x, sizes)
    return x


@reads("stack", "tensors dim=0")
def stack(reader: Reader, call: Call, a: Any) -> Given:
    """torch.stack: a new axis of size 1 for each, then joined along it."""
    out = call.outs[0]
    axis = reader.axis(out, a.dim)
    operands = []
    for one in a.tensors:
        x = reader.out(one)
        sizes = list(out.sizes)
        sizes[axis] = 1
        operands.append(reader.reshaped(x, sizes))
    return reader.add("concat", operands, out.sizes, {"axis": axis})


@reads("chunk split split_with_sizes tensor_split", "input parts dim=0")
def split(reader: Reader, call: Call, a: Any) -> Given:
    """Parts of an axis."""
    x = reader.out(a.input)
    axis = reader.axis(a.input, a.dim)
    lengths = tuple(out.sizes[axis] for out in call.outs)
    if len(lengths) == 1:
        return [x]
    keys: dict[str, Any] = {"parts": len(lengths)} if len(set(lengths)) == 1 else {"sizes": lengths}
    made = reader.add("split", [x], call.outs[0].sizes, {**keys, "axis": axis})
    return parts(made, [out.sizes for out in call.outs])


def parts(made: Out, sizes: list[tuple[int, ...]]) -> list[Out]:
    """The outputs of a split."""
    made.node.further = {str(index): one for index, one in enumerate(sizes)}
    return [Out(made.node, name) for name in made.node.further]


@reads("unbind", "input dim=0")
def unbind(reader: Reader, call: Call, a: Any) -> Given:
    """Each position of an axis by itself."""
    x, axis = reader.out(a.input), reader.axis(a.input, a.dim)
    return [
        reader.add("select", [x], out.sizes or (1,), {"index": index, "axis": axis})
        for index, out in enumerate(call.outs)
    ]


@reads("broadcast_tensors", "*tensors")
def broadcast(reader: Reader, call: Call, a: Any) -> Given:
    """Tensors broadcast to each other's sizes."""
    return [_expanded(reader, value, out) for value, out in zip(a.tensors, call.outs)]


@reads("meshgrid", "*tensors")
def grids(reader: Reader, call: Call, a: Any) -> Given:
    """Coordinates from tensors."""
    raise Beyond("of data")
