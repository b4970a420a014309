"""Parts of tensors by position."""

from __future__ import annotations

from math import prod
from typing import Any

from archcalc.tracing.calls import TRUTH, WHOLE, Call, Value
from archcalc.tracing.graph import Out
from archcalc.tracing.operations.comparing import opposite
from archcalc.tracing.operations.gathering import gathered
from archcalc.tracing.operations.reader import Reader
from archcalc.tracing.operations.registry import Beyond, Given, reads

# At most this many parts are written side by side.
_MOST_PARTS = 16


@reads("getitem", "input index")
def getitem(reader: Reader, call: Call, a: Any) -> Given:
    """x[...], one axis after the other."""
    x, dropped = reader.out(a.input), 0
    for axis, one in _by_axis(a.input, a.index):
        if axis == a.input.batch and (_is_each(one) or _is_order(one)):  # each sample at its own position
            continue
        place = reader.axis(a.input, axis) - dropped
        x = _taken(reader, x, place, one)
        dropped += isinstance(one, int)
    return reader.reshaped(x, call.outs[0].sizes or (1,))


def _is_each(index: Any) -> bool:
    """Whether an index runs through the batch, such as `torch.arange(len(x))`."""
    while isinstance(index, Value) and index.call is not None and index.call.name in ("to", "unsqueeze", "view"):
        index = index.call.args[0]
    return (
        isinstance(index, Value)
        and index.batch == 0
        and len(index.shape) == 1
        and index.call is not None
        and index.call.name == "arange"
        and len(index.call.args) == 1
    )


def _is_order(index: Any) -> bool:
    """Whether an index permutes the samples, for example by length, or undoes that."""
    if not isinstance(index, Value) or index.batch != 0 or len(index.shape) != 1 or index.call is None:
        return False
    call = index.call
    if call.name == "argsort" or (call.name == "sort" and index.index == 1):
        return True
    if call.name in ("to", "detach", "long"):
        return _is_order(call.args[0])
    return call.name == "scatter" and len(call.args) > 2 and _is_order(call.args[2])


def _by_axis(value: Value, index: Any) -> list[tuple[int, Any]]:
    """What is taken along each axis, except for axes that are taken whole."""
    items = list(index) if isinstance(index, list) else [index]
    rank = len(value.shape)
    rest = [slice(None)] * (rank - sum(1 for one in items if one is not None and one is not Ellipsis))
    at = next((place for place, one in enumerate(items) if one is Ellipsis), None)
    if at is None:
        items += rest
    else:
        items[at : at + 1] = rest
    axes = [one for one in items if one is not None]
    return [
        (axis, one)
        for axis, one in enumerate(axes)
        if not (isinstance(one, slice) and _is_whole(one, value.shape[axis]))
    ]


@reads("setitem", "input index value")
def setitem(reader: Reader, call: Call, a: Any) -> Given:
    """x[...] = y: the part before, the new values and the part after, side by side along each axis."""
    index = a.index[0] if isinstance(a.index, list) and len(a.index) == 1 else a.index
    if isinstance(index, Value) and index.of_data and index.kind == TRUTH:
        return _set_where(reader, call, a.input, index, a.value)
    parts = [(reader.axis(a.input, axis), _as_slice(one)) for axis, one in _by_axis(a.input, a.index)]
    if not isinstance(a.value, Value) or not all(isinstance(one, slice) for _, one in parts):
        raise Beyond("other than parts of axes")
    x = reader.out(a.input)
    taken = {axis: len(range(*one.indices(x.sizes[axis]))) for axis, one in parts}
    sizes = tuple(taken.get(axis, size) for axis, size in enumerate(x.sizes))
    value = reader.out(a.value)
    if prod(value.sizes) != prod(sizes):
        raise Beyond("of a smaller tensor")
    return _set(reader, x, parts, reader.reshaped(value, sizes) if len(sizes) != len(value.sizes) else value)


def _set_where(reader: Reader, call: Call, x: Value, mask: Value, value: Any) -> Out:
    """x[mask] = y, for a number or for a tensor of the axes after those of the mask."""
    like, behind = call.outs[0], len(x.shape) - len(mask.shape)
    if isinstance(value, Value) and (value.of_data or len(value.shape) > behind):
        raise Beyond("of one value for each true element")
    where = reader.out(mask)
    where = reader.reshaped(where, (*where.sizes, *(1,) * behind))

    def put(op: str, one: Out, keys: dict[str, Any]) -> Out:
        return reader.add(op, [one], one.sizes, keys)

    kept = reader.add("mul", [reader.out(x), opposite(where, put)], like.sizes)
    if not isinstance(value, Value):
        return kept if not value else reader.add("add", [kept, put("scale", where, {"factor": value})], like.sizes)
    new = reader.out(value)
    new = reader.reshaped(new, (*(1,) * (len(like.sizes) - len(new.sizes)), *new.sizes))
    return reader.add("add", [kept, reader.add("mul", [new, where], like.sizes)], like.sizes)


def _as_slice(index: Any) -> Any:
    """One position as a slice of length 1."""
    return slice(index, index + 1 or None) if type(index) is int else index


def _set(reader: Reader, x: Out, parts: list[tuple[int, Any]], value: Out) -> Out:
    if not parts:
        return reader.reshaped(value, x.sizes)
    (axis, one), *rest = parts
    start, end, step = one.indices(x.sizes[axis])
    if step != 1:
        raise Beyond("with a step")
    pieces = [_set(reader, _taken(reader, x, axis, slice(start, end)), rest, value)]
    if start:
        pieces.insert(0, _taken(reader, x, axis, slice(0, start)))
    if end < x.sizes[axis]:
        pieces.append(_taken(reader, x, axis, slice(end, x.sizes[axis])))
    return pieces[0] if len(pieces) == 1 else reader.add("concat", pieces, x.sizes, {"axis": axis})


def _is_whole(one: slice, size: int) -> bool:
    return one.indices(size) == (0, size, 1)


def _taken(reader: Reader, x: Out, axis: int, index: Any) -> Out:
    sizes = list(x.sizes)
    if isinstance(index, bool):
        raise Beyond("by truth")
    if isinstance(index, int):
        if len(sizes) == 1:
            return reader.add("slice", [x], (1,), {"start": index % sizes[0], "end": index % sizes[0] + 1, "axis": 0})
        del sizes[axis]
        return reader.add("select", [x], sizes or (1,), {"index": index, "axis": axis})
    if isinstance(index, slice):
        start, end, step = index.indices(sizes[axis])
        sizes[axis] = len(range(start, end, step))
        if not sizes[axis]:
            raise Beyond("of nothing")
        keys: dict[str, Any] = {"start": start}
        if end != x.sizes[axis]:
            keys["end"] = end
        return reader.add("slice", [x], sizes, {**keys, "axis": axis, "step": step})
    if isinstance(index, Value):
        if index.kind != WHOLE:
            raise Beyond("by truth")
        return gathered(reader, x, axis, index)
    if isinstance(index, list) and index and all(type(one) is int for one in index):
        return _listed(reader, x, axis, [one % sizes[axis] for one in index])
    raise Beyond("by a list")


def _listed(reader: Reader, x: Out, axis: int, places: list[int]) -> Out:
    """Positions in a list: consecutive ones form one part, and the parts are joined."""
    runs: list[list[int]] = []
    for one in places:
        if runs and one == runs[-1][-1] + 1:
            runs[-1].append(one)
        else:
            runs.append([one])
    if len(runs) > _MOST_PARTS:
        raise Beyond("by a long list")
    parts = [_taken(reader, x, axis, slice(run[0], run[-1] + 1)) for run in runs]
    sizes = (*x.sizes[:axis], len(places), *x.sizes[axis + 1 :])
    return parts[0] if len(parts) == 1 else reader.add("concat", parts, sizes, {"axis": axis})


@reads("index_select", "input dim index")
def index_select(reader: Reader, call: Call, a: Any) -> Given:
    """torch.index_select."""
    if a.dim % len(a.input.shape) == a.input.batch and _is_order(a.index):
        return reader.out(a.input)
    return gathered(reader, reader.out(a.input), reader.axis(a.input, a.dim), a.index)


@reads("select", "input dim index")
def select(reader: Reader, call: Call, a: Any) -> Given:
    """torch.select."""
    return _taken(reader, reader.out(a.input), reader.axis(a.input, a.dim), a.index)


@reads("narrow", "input dim start length")
def narrow(reader: Reader, call: Call, a: Any) -> Given:
    """torch.narrow."""
    axis = reader.axis(a.input, a.dim)
    return _taken(reader, reader.out(a.input), axis, slice(a.start, a.start + a.length))


@reads("topk", "input k dim=-1 largest=True sorted=True")
def topk(reader: Reader, call: Call, a: Any) -> Given:
    """torch.topk."""
    keys = {"k": a.k, "axis": reader.axis(a.input, a.dim), "largest": a.largest}
    made = reader.add("topk", [reader.out(a.input)], call.outs[0].sizes, keys)
    made.node.further = {"indices": call.outs[1].sizes}
    return [made, Out(made.node, "indices")]
