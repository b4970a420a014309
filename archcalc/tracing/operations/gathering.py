"""Entries of a tensor that an index of whole numbers names."""

from __future__ import annotations

from math import prod
from typing import Any

from archcalc.tracing.calls import INPUT, WHOLE, Call, Value
from archcalc.tracing.graph import Out
from archcalc.tracing.operations.reader import Reader
from archcalc.tracing.operations.registry import Beyond, Given, reads

# Calls that move whole numbers, or give them another type, and leave them as they are.
MOVES = frozenset(
    ("getitem", "slice", "select", "view", "reshape", "flatten", "unsqueeze", "squeeze", "transpose", "permute", "to",
     "long", "int", "byte", "type", "contiguous", "clone", "detach", "expand", "t")
)  # fmt: skip
# Calls that give places.
_PLACES = frozenset(("topk", "argmax", "argmin", "max", "min"))


def root_of(value: Value) -> Value:
    """What was moved to give this."""
    while value.call is not None and value.call.name in MOVES and isinstance(value.call.args[0], Value):
        value = value.call.args[0]
    return value


def places(reader: Reader, index: Value, size: int) -> Out:
    """An index into so many rows; what is computed from data is made whole numbers first, by `index`."""
    out, root = reader.out(index), root_of(index)
    given = root.kind == WHOLE and (root.source == INPUT or (root.call is not None and root.call.name in _PLACES))
    if given or not index.of_data or out.node.op in ("constant", "index"):
        return out
    recipe = ("index", out, size)
    if recipe not in reader.constants:
        reader.constants[recipe] = reader.add("index", [out], out.sizes, {"size": size})
    return reader.constants[recipe]


def gathered(reader: Reader, x: Out, axis: int, index: Value) -> Out:
    """The positions that an index names."""
    named = places(reader, index, x.sizes[axis])
    if len(named.sizes) > 1:
        named = reader.reshaped(named, (prod(named.sizes),))
    sizes = (*x.sizes[:axis], *named.sizes, *x.sizes[axis + 1 :])
    out = reader.add("gather", [x, named], sizes, {"index": named, "axis": axis})
    own = index.sizes or (1,)
    return reader.reshaped(out, (*x.sizes[:axis], *own, *x.sizes[axis + 1 :]))


@reads("gather", "input dim index sparse_grad=False")
def gather(reader: Reader, call: Call, a: Any) -> Given:
    """torch.gather, of an index that is as large as the tensor along all other axes."""
    return _along(reader, call, a.input, a.index, a.dim)


@reads("take_along_dim", "input indices dim=None")
def take_along_dim(reader: Reader, call: Call, a: Any) -> Given:
    """torch.take_along_dim."""
    if a.dim is None:
        raise Beyond("of all in a row")
    return _along(reader, call, a.input, a.indices, a.dim)


def _along(reader: Reader, call: Call, x: Value, index: Value, dim: int) -> Given:
    axis, given = reader.axis(x, dim), call.outs[0]
    alike = len(x.sizes) == len(index.sizes) and all(
        one == other for place, (one, other) in enumerate(zip(x.sizes, index.sizes)) if place != axis
    )
    if not alike or x.batch != index.batch:
        raise Beyond("of an index of other sizes")
    number = x.number() if not x.of_data else None
    if number is not None:  # the same wherever it is taken
        return reader.add("constant", [], given.sizes, {"shape": given.sizes, "value": number})
    named = places(reader, index, x.sizes[axis])
    return reader.add("takealongdim", [reader.out(x), named], given.sizes, {"index": named, "axis": axis})
