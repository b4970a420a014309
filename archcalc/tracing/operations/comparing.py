"""Comparisons of data, and operations on truth values: 1 where something holds, 0 where it does not.

The sign of a difference says which of two numbers is larger, so the language needs no layers for truth values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from archcalc.tracing.calls import WHOLE, Call, Value
from archcalc.tracing.graph import Out
from archcalc.tracing.operations.reader import Reader
from archcalc.tracing.operations.reduction import over
from archcalc.tracing.operations.registry import Beyond, Given, reads
from archcalc.tracing.operations.tokens import is_truth, tested

# Adds one layer that reads one tensor, and keeps its sizes.
Put = Callable[[str, Out, dict[str, Any]], Out]
COMPARISONS = frozenset(("gt", "lt", "ge", "le", "eq", "ne"))
_NAMES = {"greater": "gt", "less": "lt", "greater_equal": "ge", "less_equal": "le", "equal": "eq", "not_equal": "ne"}


@reads("gt lt ge le eq ne greater less greater_equal less_equal not_equal", "input other")
def compared(reader: Reader, call: Call, a: Any) -> Given:
    """x > y and the like, of a tensor and a number or another tensor. Of token ids, which no layer computes with, a table says it."""
    how = _NAMES.get(call.name, call.name)
    number = a.other.number() if isinstance(a.other, Value) and not a.other.of_data else a.other
    if isinstance(number, (bool, int, float)) and how in ("eq", "ne") and is_truth(a.input):
        x = reader.out(a.input)
        return x if bool(number) is (how == "eq") else opposite(x, _put(reader))
    if any(isinstance(one, Value) and one.of_data and one.kind == WHOLE for one in (a.input, a.other)):
        found = tested(reader, a.input, how, number)
        return opposite(found, _put(reader)) if how == "ne" else found
    put = _put(reader)
    if isinstance(number, (bool, int, float)):
        x = reader.out(a.input)
        apart = put("offset", x, {"number": -number}) if number else x
    else:
        like = call.outs[0]
        both = [reader.aligned(one, like) for one in (a.input, a.other)]
        apart = reader.add("sub", both, like.sizes or (1,))
    if how in ("lt", "ge"):
        apart = put("neg", apart, {})
    sign = put("sign", apart, {})
    found = put("abs" if how in ("eq", "ne") else "relu", sign, {})
    return opposite(found, put) if how in ("eq", "ge", "le") else found


def _put(reader: Reader) -> Put:
    return lambda op, x, keys: reader.add(op, [x], x.sizes, keys)


def opposite(x: Out, put: Put) -> Out:
    """1 for 0, and 0 for 1."""
    node = x.node
    if node.op == "offset" and node.keys["number"] == 1 and node.inputs[0].node.op == "neg":
        return node.inputs[0].node.inputs[0]
    return put("offset", put("neg", x, {}), {"number": 1})


@reads("logical_not bitwise_not invert", "input")
def negated(reader: Reader, call: Call, a: Any) -> Given:
    """~x."""
    _check_truths(a.input)
    return opposite(reader.out(a.input), _put(reader))


@reads("logical_and bitwise_and and rand", "input other")
def both(reader: Reader, call: Call, a: Any) -> Given:
    """x & y."""
    return _joined(reader, call, a, "mul")


@reads("logical_or bitwise_or or ror", "input other")
def either(reader: Reader, call: Call, a: Any) -> Given:
    """x | y."""
    return _joined(reader, call, a, "maximum")


def _joined(reader: Reader, call: Call, a: Any, op: str) -> Out:
    _check_truths(a.input, a.other)
    like = call.outs[0]
    operands = [
        reader.aligned(one, like, None if one.of_data else reader.mask(one, True, 1)) for one in (a.input, a.other)
    ]
    return reader.add(op, operands, like.sizes or (1,))


def _check_truths(*values: Any) -> None:
    if not all(map(is_truth, values)):
        raise Beyond("of bits")


@reads("any all", "input dim=None keepdim=False")
def some(reader: Reader, call: Call, a: Any) -> Given:
    """Whether any, or all, of the truth values along an axis hold."""
    _check_truths(a.input)
    return over(reader, call, "max" if call.name == "any" else "min", a.input, a.dim, {"keepdim": a.keepdim})


@reads("bool", "input")
def truth(reader: Reader, call: Call, a: Any) -> Given:
    """Whether a number is not 0."""
    x = reader.out(a.input)
    return x if is_truth(a.input) else _put(reader)("abs", _put(reader)("sign", x, {}), {})


def seen(added: Out, put: Put) -> Out | None:
    """From numbers that hide scores when added, a tensor that is not 0 where nothing is hidden; None for others."""
    while added.node.op in ("reshape", "expand", "identity"):
        added = added.node.inputs[0]
    if added.node.op != "scale" or added.node.keys["factor"] > FAR:
        return None
    found = opposite(added.node.inputs[0], put)
    while found.node.op in ("abs", "sign"):
        found = found.node.inputs[0]
    return found


# A score lower by this much has no weight after a softmax.
FAR = -1000.0
