"""Sums, means and the like along axes."""

from __future__ import annotations

import math
from typing import Any

from archcalc.tracing.calls import Call, Value
from archcalc.tracing.graph import Out
from archcalc.tracing.operations.reader import Reader
from archcalc.tracing.operations.registry import Beyond, Given, reads

_OPS = {"mean": "mean", "sum": "sum", "amax": "max", "amin": "min", "logsumexp": "logsumexp"}


@reads(" ".join(_OPS), "input dim=None keepdim=False dtype=None")
def reduced(reader: Reader, call: Call, a: Any) -> Given:
    """torch.mean and the like."""
    return over(reader, call, _OPS[call.name], a.input, a.dim, {"keepdim": a.keepdim})


def over(reader: Reader, call: Call, op: str, value: Value, dim: Any, keys: dict[str, Any]) -> Out:
    """One value for all elements along some axes."""
    dims = list(range(len(value.shape))) if dim in (None, []) else dim if isinstance(dim, list) else [dim]
    axes = tuple(sorted(reader.axis(value, one) for one in dims))
    x = reader.out(value)
    if len(axes) == len(x.sizes) and not keys.get("keepdim"):
        kept = reader.add(op, [x], (1,) * len(x.sizes), {"axis": axes, **keys, "keepdim": True})
        return reader.reshaped(kept, (1,))
    return reader.add(op, [x], call.outs[0].sizes or (1,), {"axis": axes, **keys})


@reads("max min", "input dim=None keepdim=False")
def extreme(reader: Reader, call: Call, a: Any) -> Given:
    """torch.max: over all, along one axis, or of two tensors."""
    if isinstance(a.dim, Value):
        like = call.outs[0]
        op = "maximum" if call.name == "max" else "minimum"
        return reader.add(op, [reader.aligned(a.input, like), reader.aligned(a.dim, like)], like.sizes)
    made = over(reader, call, call.name, a.input, a.dim, {"keepdim": a.keepdim})
    if len(call.outs) == 1:
        return made
    where = over(reader, call, f"arg{call.name}", a.input, a.dim, {"keepdim": a.keepdim})
    where.node.keys["axis"] = where.node.keys["axis"][0]
    return [made, where]


@reads("argmax argmin", "input dim=None keepdim=False")
def place(reader: Reader, call: Call, a: Any) -> Given:
    """torch.argmax."""
    keys = {"axis": reader.axis(a.input, a.dim), "keepdim": a.keepdim or len(a.input.sizes) == 1}
    return reader.add(call.name, [reader.out(a.input)], call.outs[0].sizes or (1,), keys)


@reads("var std", "input dim=None unbiased=True keepdim=False correction=1")
def spread(reader: Reader, call: Call, a: Any) -> Given:
    """torch.var."""
    if isinstance(a.dim, bool):
        a.dim, a.unbiased = None, a.dim
    correction = a.correction if a.unbiased else 0
    return over(reader, call, call.name, a.input, a.dim, {"keepdim": a.keepdim, "correction": correction})


@reads("var_mean std_mean", "input dim=None unbiased=True keepdim=False correction=1")
def spread_and_mean(reader: Reader, call: Call, a: Any) -> Given:
    """torch.var_mean."""
    correction = a.correction if a.unbiased else 0
    op = call.name.partition("_")[0]
    first = over(reader, call, op, a.input, a.dim, {"keepdim": a.keepdim, "correction": correction})
    return [first, over(reader, call, "mean", a.input, a.dim, {"keepdim": a.keepdim})]


@reads("norm linalg_norm vector_norm linalg_vector_norm", "input p=2 dim=None keepdim=False dtype=None ord=None")
def norm(reader: Reader, call: Call, a: Any) -> Given:
    """torch.norm."""
    power = a.p if a.ord is None else a.ord
    power = 2 if power in (None, "fro") else power
    if not isinstance(power, (int, float)) or math.isinf(power):
        raise Beyond(f"of order {power}")
    return over(reader, call, "norm", a.input, a.dim, {"keepdim": a.keepdim, "p": power})


@reads("cumsum", "input dim dtype=None")
def cumsum(reader: Reader, call: Call, a: Any) -> Given:
    """torch.cumsum."""
    return reader.add("cumsum", [reader.out(a.input)], call.outs[0].sizes, {"axis": reader.axis(a.input, a.dim)})


# Longer products are not written one after the other.
_MOST_FACTORS = 16


@reads("prod", "input dim=None keepdim=False")
def prod(reader: Reader, call: Call, a: Any) -> Given:
    """torch.prod along a short axis: one product of all its entries."""
    if type(a.dim) is not int:
        raise Beyond("of all elements")
    x, axis, given = reader.out(a.input), reader.axis(a.input, a.dim), call.outs[0].sizes
    count = x.sizes[axis]
    if not 2 <= count <= _MOST_FACTORS:
        raise Beyond("of so many entries")
    if len(x.sizes) == 1:
        parts = [reader.add("slice", [x], (1,), {"start": at, "end": at + 1, "axis": 0}) for at in range(count)]
    else:
        sizes = (*x.sizes[:axis], *x.sizes[axis + 1 :])
        parts = [reader.add("select", [x], sizes, {"index": at, "axis": axis}) for at in range(count)]
    return reader.reshaped(reader.add("mul", parts, parts[0].sizes), given or (1,))
