"""Entries of a tensor that an index of whole numbers names."""

from __future__ import annotations

from math import prod

from archcalc.tracing.calls import Value
from archcalc.tracing.graph import Out
from archcalc.tracing.operations.reader import Reader


def gathered(reader: Reader, x: Out, axis: int, index: Value) -> Out:
    """The positions that an index names."""
    places = reader.out(index)
    if len(places.sizes) > 1:
        places = reader.reshaped(places, (prod(places.sizes),))
    sizes = (*x.sizes[:axis], *places.sizes, *x.sizes[axis + 1 :])
    out = reader.add("gather", [x, places], sizes, {"index": places, "axis": axis})
    own = index.sizes or (1,)
    return reader.reshaped(out, (*x.sizes[:axis], *own, *x.sizes[axis + 1 :]))
