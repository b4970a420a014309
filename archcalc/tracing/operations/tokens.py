"""Tests of whole numbers, such as token ids, and places that they name: tables of ones and zeros, looked up."""

from __future__ import annotations

from typing import Any

from archcalc.tracing.calls import TRUTH, WHOLE, Call, Run, Value
from archcalc.tracing.graph import Out
from archcalc.tracing.operations.gathering import gathered, root_of
from archcalc.tracing.operations.reader import Reader
from archcalc.tracing.operations.registry import Beyond, Given, reads

# Larger tables of ones and zeros are not written.
_MOST = 4096


def tested(reader: Reader, value: Any, how: str, number: Any) -> Out:
    """1 where a whole number of data is less than a fixed one, or equal to it, and so on; 0 elsewhere.

    Raises `Beyond` where it is not known how large the numbers are.
    """
    size = _vocabulary(reader.run, value) if isinstance(value, Value) and isinstance(number, int) else None
    if size is None:
        raise Beyond("of whole numbers")
    ranges = {"lt": (0, number), "le": (0, number + 1), "gt": (number + 1, size), "ge": (number, size)}
    first, end = ranges.get(how, (number, number + 1))
    first, end = max(first, 0), min(end, size)
    if first >= end:
        raise Beyond("of whole numbers that are all equal")
    return gathered(reader, _ones(reader, first, end, size), 0, value)


def _ones(reader: Reader, first: int, end: int, size: int) -> Out:
    """Ones from the first to before the end, zeros elsewhere."""
    recipe = ("ones", first, end, size)
    if recipe not in reader.constants:
        made = reader.add("constant", [], (end - first,), {"shape": (end - first,), "value": 1})
        if end - first < size:
            made = reader.add("pad", [made], (size,), {"before": (first,), "after": (size - end,), "axis": (0,)})
        reader.constants[recipe] = made
    return reader.constants[recipe]


def _vocabulary(run: Run, value: Value) -> int | None:
    """How many different numbers there are: what looks the same ones up has so many rows; None if nothing does."""
    root = root_of(value)
    rows = [
        call.args[1].shape[0]
        for call in run.calls
        if call.name == "embedding" and isinstance(call.args[0], Value) and root_of(call.args[0]) is root
    ]
    return min(rows, default=None)


def is_truth(value: Any) -> bool:
    """Whether a tensor is 0 or 1 everywhere: truth values, or whole numbers that were made from them."""
    if not isinstance(value, Value):
        return False
    root = root_of(value)
    if root.kind == TRUTH or (not root.of_data and root.table is not None and _is_binary(root.table())):
        return True
    is_joined = root.call is not None and root.call.name in ("and", "bitwise_and", "or", "bitwise_or", "mul")
    return is_joined and all(map(is_truth, root.call.args)) if root.call is not None else False


def _is_binary(item: Any) -> bool:
    return all(map(_is_binary, item)) if isinstance(item, list) else item in (0, 1)


@reads("one_hot", "input num_classes=-1")
def one_hot(reader: Reader, call: Call, a: Any) -> Given:
    """F.one_hot."""
    return reader.reshaped(_which(reader, a.input, call.outs[0].sizes[-1]), call.outs[0].sizes)


def _which(reader: Reader, index: Any, size: int) -> Out:
    """For each whole number, a vector with a 1 in its place."""
    if not isinstance(index, Value) or index.kind != WHOLE or size > _MOST:
        raise Beyond("of so many classes")
    recipe = ("eye", size)
    if recipe not in reader.constants:
        reader.constants[recipe] = reader.add("constant", [], (size, size), {"shape": (size, size), "kind": "eye"})
    return gathered(reader, reader.constants[recipe], 0, index)


@reads("scatter scatter_add", "input dim index src=None value=None reduce=None")
def scatter(reader: Reader, call: Call, a: Any) -> Given:
    """Numbers set, or added, at places along the last axis; only for adding may a place be named twice."""
    x, given = a.input, call.outs[0]
    source = a.src if a.src is not None else a.value
    last = len(given.sizes) - 1
    if a.reduce is not None or reader.axis(x, a.dim) != last or a.index.sizes[:-1] != x.sizes[:-1]:
        raise Beyond("other than along the last axis")
    if isinstance(source, Value) and source.sizes != a.index.sizes:
        raise Beyond("of a tensor of other sizes")
    which = _which(reader, a.index, given.sizes[-1])
    there = _over(reader, "max", which)
    if isinstance(source, Value):
        wide = reader.reshaped(reader.out(source), (*source.sizes, 1))
        put = _over(reader, "sum", reader.add("mul", [which, wide], which.sizes))
    else:
        put = there if source == 1 else reader.add("scale", [there], there.sizes, {"factor": source})
    number = x.number() if not x.of_data else None
    if number == 0:
        return put
    if call.name == "scatter_add":
        return reader.add("add", [reader.aligned(x, given), put], given.sizes)
    apart = reader.add("offset", [reader.add("neg", [there], there.sizes)], there.sizes, {"number": 1})
    if number is not None:
        kept = reader.add("scale", [apart], apart.sizes, {"factor": max(number, _LOWEST)})
    else:
        kept = reader.add("mul", [reader.aligned(x, given), apart], given.sizes)
    return reader.add("add", [kept, put], given.sizes)


# Stands for minus infinity, whose product with 0 is not a number.
_LOWEST = -1e30


def _over(reader: Reader, op: str, which: Out) -> Out:
    """Over all places that are named beside each other, the axis before the last."""
    sizes = (*which.sizes[:-2], which.sizes[-1])
    if which.sizes[-2] == 1:
        return reader.reshaped(which, sizes)
    return reader.add(op, [which], sizes, {"axis": (len(which.sizes) - 2,), "keepdim": False})
