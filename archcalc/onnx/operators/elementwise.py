"""Element-wise arithmetic."""

from __future__ import annotations

from typing import Any

from archcalc.onnx.model import Node
from archcalc.onnx.numbers import broadcast
from archcalc.onnx.operators.registry import UnreadError, operator
from archcalc.onnx.running import Running
from archcalc.onnx.traced import Traced, number

_TWO = {"Add": "add", "Sub": "sub", "Mul": "mul", "Div": "div"}
_MANY = {"Sum": "add", "Max": "maximum", "Min": "minimum"}


@operator(" ".join(_TWO))
def two(run: Running, node: Node, x: Traced, y: Traced) -> Traced:
    """Binary arithmetic, e.g. x + y."""
    shape = broadcast(x.shape, y.shape)
    first, second = (_plain(one, shape) for one in (x, y))
    return run.call(_TWO[node.op], [first, second], shape, kind=x.kind)


def _plain(value: Traced, shape: tuple[int, ...]) -> Any:
    """A scalar constant as a number, rounded to what was written before fp32."""
    found = number(value)
    if found is None or isinstance(found, bool) or value.count() != 1 or value.of_data:
        return value
    return float(f"{found:.7g}") if isinstance(found, float) else found


@operator(" ".join(_MANY))
def many(run: Running, node: Node, *all: Traced) -> Traced:
    """Folds any number of tensors from the left."""
    made = all[0]
    for one in all[1:]:
        made = run.call(_MANY[node.op], [made, one], broadcast(made.shape, one.shape))
    return made


@operator("Mean")
def mean(run: Running, node: Node, *all: Traced) -> Traced:
    """The mean of tensors."""
    made = many(run, Node.made(node, "Sum", node.inputs, node.outputs, {}), *all)
    return run.call("mul", [made, 1 / len(all)], made.shape) if len(all) > 1 else made


@operator("Pow")
def power(run: Running, node: Node, x: Traced, exponent: Traced) -> Traced:
    """x to the power of a number."""
    value = number(exponent)
    if value is None:
        raise UnreadError("by a tensor")
    if value == 0.5:
        return run.call("sqrt", [x], x.shape)
    return run.call("pow", [x, int(value) if value == int(value) else value], x.shape)


@operator("Equal Greater Less GreaterOrEqual LessOrEqual And Or Xor")
def compared(run: Running, node: Node, x: Traced, y: Traced) -> Traced:
    """True or false for each pair of elements."""
    return run.call(node.op, [x, y], broadcast(x.shape, y.shape), kind="truth")


@operator("Mod BitwiseAnd BitwiseOr BitShift")
def rest(run: Running, node: Node, x: Traced, y: Traced) -> Traced:
    """Binary operators without a layer."""
    return run.call(node.op, [x, y], broadcast(x.shape, y.shape))


@operator("Where")
def where(run: Running, node: Node, condition: Traced, x: Traced, y: Traced) -> Traced:
    """Selects elements; filling by a constant mask with a number changes no count."""
    shape = broadcast(condition.shape, x.shape, y.shape)
    if not condition.of_data and (x.of_data or y.of_data):
        fixed, moving = (x, y) if y.of_data else (y, x)
        if not fixed.of_data and fixed.count() == 1 and moving.shape == shape:
            return run.call("masked_fill", [moving, condition, 0], shape)
    if not any(one.of_data for one in (condition, x, y)):
        return run.call("where", [condition, x, y], shape, kind=x.kind)
    return run.call("Where", [condition, x, y], shape, kind=x.kind)
