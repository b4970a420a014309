"""Sums, products and the like, of two tensors or of a tensor and a number."""

from __future__ import annotations

from typing import Any

from archcalc.tracing.calls import CONSTANT, Call, Value
from archcalc.tracing.graph import Out
from archcalc.tracing.operations.comparing import FAR, opposite
from archcalc.tracing.operations.complexes import product
from archcalc.tracing.operations.reader import Reader
from archcalc.tracing.operations.registry import Beyond, Given, reads


def _number(value: Any) -> Any:
    """A number, including one held by a constant tensor of one element; None for other tensors."""
    if isinstance(value, (int, float)):
        return value * 1  # truth values multiply as numbers
    if isinstance(value, Value) and value.count() == 1 and not value.of_data:
        return value.number()
    return None


def _dropped(value: Any) -> float | None:
    """The drop probability of a sample, for a factor drawn for each sample."""
    if not isinstance(value, Value) or value.source != CONSTANT or value.batch is None or set(value.sizes) - {1}:
        return None
    while value.call is not None and value.call.name == "div":
        value = value.call.args[0]
    if value.call is None or value.call.name != "bernoulli":
        return None
    kept = value.call.kwargs.get("p", value.call.args[1] if len(value.call.args) > 1 else 0.5)
    return float(round(1 - kept, 12))


def _two(reader: Reader, call: Call, op: str, first: Any, second: Any) -> Out:
    like = call.outs[0]
    made = [reader.aligned(first, like), reader.aligned(second, like)]
    rank = len(like.sizes)
    if not any(one.sizes == like.sizes for one in made):  # a vector goes along the features of a tensor that has them
        made = [reader.reshaped(one, (1,) * (rank - len(one.sizes)) + one.sizes) for one in made]
    return reader.add(op, made, like.sizes or (1,))


@reads("add radd", "input other alpha=1")
def add(reader: Reader, call: Call, a: Any) -> Given:
    """x + y."""
    sizes = call.outs[0].sizes
    if _number(a.input) is not None:
        a.input, a.other = a.other, a.input
    number = _number(a.other)
    if number is not None:
        return reader.add("offset", [reader.out(a.input)], sizes, {"number": number * a.alpha})
    if a.alpha != 1:
        scaled = reader.add("scale", [reader.aligned(a.other, call.outs[0])], sizes, {"factor": a.alpha})
        return reader.add("add", [reader.aligned(a.input, call.outs[0]), scaled], sizes)
    return _two(reader, call, "add", a.input, a.other)


@reads("sub subtract", "input other alpha=1")
def sub(reader: Reader, call: Call, a: Any) -> Given:
    """x - y."""
    sizes = call.outs[0].sizes
    if a.alpha != 1:
        raise Beyond("with a factor")
    if _number(a.other) is not None:
        return reader.add("offset", [reader.out(a.input)], sizes, {"number": -_number(a.other)})
    if _number(a.input) is not None:
        negative = reader.add("neg", [reader.out(a.other)], sizes)
        return reader.add("offset", [negative], sizes, {"number": _number(a.input)})
    return _two(reader, call, "sub", a.input, a.other)


@reads("rsub", "input other alpha=1")
def rsub(reader: Reader, call: Call, a: Any) -> Given:
    """y - x."""
    a.input, a.other = a.other, a.input
    return sub(reader, call, a)


@reads("mul rmul multiply", "input other")
def mul(reader: Reader, call: Call, a: Any) -> Given:
    """x · y."""
    if _number(a.input) is not None:
        a.input, a.other = a.other, a.input
    dropped = _dropped(a.other)
    if dropped is not None:
        return reader.add("droppath", [reader.out(a.input)], call.outs[0].sizes, {"p": dropped})
    number = _number(a.other)
    if number is not None:
        x = reader.out(a.input)
        return x if number == 1 else reader.add("scale", [x], call.outs[0].sizes, {"factor": number})
    return product(reader, call, a.input, a.other) or _two(reader, call, "mul", a.input, a.other)


@reads("div truediv divide true_divide", "input other rounding_mode=None")
def div(reader: Reader, call: Call, a: Any) -> Given:
    """x / y."""
    sizes = call.outs[0].sizes
    if a.rounding_mode is not None:
        raise Beyond("rounded")
    if _number(a.other) is not None:
        return reader.add("scale", [reader.out(a.input)], sizes, {"factor": 1 / _number(a.other)})
    if _number(a.input) is not None:
        inverse = reader.add("reciprocal", [reader.out(a.other)], sizes)
        return inverse if _number(a.input) == 1 else reader.add("scale", [inverse], sizes, {"factor": _number(a.input)})
    return _two(reader, call, "div", a.input, a.other)


@reads("rtruediv rdiv", "input other")
def rdiv(reader: Reader, call: Call, a: Any) -> Given:
    """y / x."""
    a.input, a.other, a.rounding_mode = a.other, a.input, None
    return div(reader, call, a)


@reads("pow", "input exponent")
def power(reader: Reader, call: Call, a: Any) -> Given:
    """x to the power of a number."""
    number = _number(a.exponent)
    if number is None:
        raise Beyond("by a tensor")
    x, sizes = reader.out(a.input), call.outs[0].sizes
    return reader.add("square", [x], sizes) if number == 2 else reader.add("pow", [x], sizes, {"exponent": number})


@reads("maximum minimum fmax fmin", "input other")
def larger(reader: Reader, call: Call, a: Any) -> Given:
    """The larger or smaller of two."""
    return _two(reader, call, "maximum" if "max" in call.name else "minimum", a.input, a.other)


@reads("masked_fill", "input mask value")
def masked(reader: Reader, call: Call, a: Any) -> Given:
    """A number where a mask is set."""
    return _filled(reader, call, a.input, a.mask, True, a.value)


@reads("where", "condition input other")
def where(reader: Reader, call: Call, a: Any) -> Given:
    """torch.where: of two tensors, or with a number on one side."""
    hides = _number(a.input) is not None
    x, number = (a.other, a.input) if hides else (a.input, a.other)
    if a.condition.of_data and _number(number) is None:
        return _chosen(reader, call, a)
    if not isinstance(x, Value) or x.sizes != call.outs[0].sizes:
        raise Beyond("of two numbers")
    return _filled(reader, call, x, a.condition, hides, number)


def _filled(reader: Reader, call: Call, x: Value, mask: Value, hides: bool, value: Any) -> Out:
    """Zero, then a number added; if that is far below any score, adding it is as good as assigning it."""
    number, like = _number(value), call.outs[0]
    if number is None:
        raise Beyond("with a tensor")
    if mask.of_data:
        return _hidden(reader, like, x, mask, hides, number)
    made = reader.out(x)
    if number > FAR:
        keeps = reader.mask(mask, hides, 0, 1)
        made = made if keeps is None else reader.add("mul", [made, reader.aligned(mask, like, keeps)], like.sizes)
    puts = reader.mask(mask, hides, number) if number else None
    return made if puts is None else reader.add("add", [made, reader.aligned(mask, like, puts)], like.sizes)


def _hidden(reader: Reader, like: Value, x: Value, mask: Value, hides: bool, number: Any) -> Out:
    """The same where the mask depends on data."""
    where = _truth(reader, mask, like, hides)
    far = number < FAR and not _hides_rows(where, like.sizes)
    made = None if _is_zero(x) else reader.aligned(x, like)
    if made is not None and not far:
        made = reader.add("mul", [made, _truth(reader, mask, like, not hides)], like.sizes)
    if not number and made is not None:
        return made
    puts = reader.add("scale", [where], where.sizes, {"factor": max(number, _LOWEST)})
    if made is None:
        return puts if puts.sizes == like.sizes else reader.add("expand", [puts], like.sizes, {"shape": like.sizes})
    return reader.add("add", [made, puts], like.sizes)


def _hides_rows(where: Out, sizes: tuple[int, ...]) -> bool:
    """Whether a mask says for some rows that all of them is hidden, as for queries that are padding.

    Then adding a number to all scores of a row would leave their weights as they were.
    """
    if where.sizes[-1] == 1 < sizes[-1]:
        return True
    inputs = where.node.inputs if where.node.op in ("mul", "maximum", "neg", "offset") else []
    return any(_hides_rows(one, where.sizes) for one in inputs)


# Stands for minus infinity, whose product with 0 is not a number.
_LOWEST = -1e30


def _is_zero(x: Any) -> bool:
    """Whether a tensor holds only zeros."""
    number = x.number() if isinstance(x, Value) and not x.of_data else x
    return isinstance(number, (bool, int, float)) and number == 0


def _truth(reader: Reader, mask: Value, like: Value, holds: bool) -> Out:
    """1 where a mask that depends on data holds, or where it does not."""
    out = reader.out(mask)
    if not holds:
        out = opposite(out, lambda op, x, keys: reader.add(op, [x], x.sizes, keys))
    return reader.aligned(mask, like, out)


def _chosen(reader: Reader, call: Call, a: Any) -> Out:
    """One tensor where a mask that depends on data holds, another elsewhere."""
    like = call.outs[0]
    parts = [
        reader.add("mul", [reader.aligned(one, like), _truth(reader, a.condition, like, holds)], like.sizes)
        for one, holds in ((a.input, True), (a.other, False))
        if not _is_zero(one)
    ]
    return reader.add("add", parts, like.sizes) if len(parts) == 2 else parts[0]


@reads("addcmul", "input tensor1 tensor2 value=1")
def addcmul(reader: Reader, call: Call, a: Any) -> Given:
    """x + value · y · z."""
    like = call.outs[0]
    product = reader.add("mul", [reader.aligned(a.tensor1, like), reader.aligned(a.tensor2, like)], like.sizes)
    if a.value != 1:
        product = reader.add("scale", [product], like.sizes, {"factor": a.value})
    return reader.add("add", [reader.aligned(a.input, like), product], like.sizes)


@reads("lerp", "input end weight")
def lerp(reader: Reader, call: Call, a: Any) -> Given:
    """x + w · (y - x)."""
    like = call.outs[0]
    x = reader.aligned(a.input, like)
    difference = reader.add("sub", [reader.aligned(a.end, like), x], like.sizes)
    if _number(a.weight) is not None:
        part = reader.add("scale", [difference], like.sizes, {"factor": _number(a.weight)})
    else:
        part = reader.add("mul", [difference, reader.aligned(a.weight, like)], like.sizes)
    return reader.add("add", [x, part], like.sizes)


@reads("cosine_similarity", "x1 x2 dim=1 eps=1e-8")
def cosine(reader: Reader, call: Call, a: Any) -> Given:
    """F.cosine_similarity: the dot product of both at length 1."""
    axis = reader.axis(a.x1, a.dim)
    keys = {"axis": axis, "p": 2.0, "eps": a.eps}
    sizes = _together(a.x1, a.x2)
    first, second = (reader.add("normalize", [reader.out(one)], one.sizes, keys) for one in (a.x1, a.x2))
    product = reader.add("mul", [first, second], sizes)
    return _summed(reader, call, "sum", product, {"axis": (axis,)})


@reads("pairwise_distance", "x1 x2 p=2 eps=1e-6 keepdim=False")
def distance(reader: Reader, call: Call, a: Any) -> Given:
    """F.pairwise_distance: the length of x - y, up to an epsilon."""
    sizes = _together(a.x1, a.x2)
    apart = reader.add("sub", [reader.out(a.x1), reader.out(a.x2)], sizes)
    apart = reader.add("offset", [apart], sizes, {"number": a.eps})
    return _summed(reader, call, "norm", apart, {"axis": (len(sizes) - 1,), "p": a.p})


def _together(first: Value, second: Value) -> tuple[int, ...]:
    """The sizes of both. Raises `Beyond` if they differ."""
    if first.shape != second.shape:
        raise Beyond("of different sizes")
    return first.sizes


def _summed(reader: Reader, call: Call, op: str, x: Out, keys: dict[str, Any]) -> Out:
    """The sum along the axis, which a vector keeps."""
    sizes = call.outs[0].sizes
    if len(x.sizes) == 1:
        return reader.add(op, [x], (1,), {**keys, "keepdim": True})
    kept = len(sizes) == len(x.sizes)
    return reader.add(op, [x], sizes, {**keys, "keepdim": kept})
