"""Matrix products and linear layers."""

from __future__ import annotations

from typing import Any

from archcalc.onnx.model import Node
from archcalc.onnx.numbers import MisfitError, broadcast
from archcalc.onnx.operators.registry import operator
from archcalc.onnx.running import Running
from archcalc.onnx.traced import Traced
from archcalc.tracing.calls import PARAMETER


@operator("MatMul")
def product(run: Running, node: Node, x: Traced, y: Traced) -> Traced:
    """x @ y; with a two-axis weight on the right it is a linear layer."""
    shape = multiplied(x.shape, y.shape)
    if y.source == PARAMETER and len(y.shape) == 2 and not y.claimed and len(x.shape) > 1:
        return linear(run, x, y, None, shape)
    return run.call("matmul", [x, y], shape)


def multiplied(x: tuple[int, ...], y: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a matrix product. Raises `MisfitError`."""
    if not x or not y:
        raise MisfitError("a matrix product with a scalar")
    first = (1, *x) if len(x) == 1 else x
    second = (*y, 1) if len(y) == 1 else y
    if first[-1] != second[-2]:
        raise MisfitError(f"{list(x)} and {list(y)} cannot be multiplied")
    lead = broadcast(first[:-2], second[:-2])
    return (*lead, *(() if len(x) == 1 else first[-2:-1]), *(() if len(y) == 1 else second[-1:]))


def linear(run: Running, x: Traced, weight: Traced, bias: Traced | None, shape: tuple[int, ...]) -> Traced:
    """x Wᵀ + b; the file stores the weight as [in, out]."""
    own, shift = run.learned(weight, bias)
    assert own is not None
    return run.call("linear", [x, run.swapped(own), shift], shape)


@operator("Linear")
def mapped(run: Running, node: Node, x: Traced, weight: Traced, bias: Traced) -> Traced:
    """A product and its bias, as joining/ fuses them."""
    shape = multiplied(x.shape, weight.shape)
    if (
        weight.source != PARAMETER
        or len(weight.shape) != 2
        or bias.source != PARAMETER
        or bias.shape != weight.shape[1:]
    ):
        made = run.call("matmul", [x, weight], shape)
        return run.call("add", [made, bias], broadcast(shape, bias.shape))
    return linear(run, x, weight, bias, shape)


@operator("Gemm")
def gemm(run: Running, node: Node, x: Traced, weight: Traced, bias: Traced | None = None) -> Traced:
    """alpha · x · W + beta · b."""
    attributes = node.attributes
    alpha, beta = attributes.get("alpha", 1.0), attributes.get("beta", 1.0)
    if attributes.get("transA"):
        x = run.call("permute", [x, [1, 0]], x.shape[::-1])
    sizes = weight.shape[::-1] if attributes.get("transB") else weight.shape
    shape = multiplied(x.shape, sizes)
    vector = bias is None or (bias.source == PARAMETER and bias.count() == shape[-1])
    if weight.source == PARAMETER and len(weight.shape) == 2 and alpha == 1 and beta == 1 and vector:
        own, shift = run.learned(weight, bias)
        assert own is not None
        if shift is not None:
            shift.shape = shift.sizes = shape[-1:]
        return run.call("linear", [x, own if attributes.get("transB") else run.swapped(own), shift], shape)
    if attributes.get("transB"):
        weight = run.call("permute", [weight, [1, 0]], sizes)
    made = run.call("matmul", [x, weight], shape)
    if alpha != 1:
        made = run.call("mul", [made, alpha], shape)
    if bias is None or beta == 0:
        return made
    other: Any = bias if beta == 1 else run.call("mul", [bias, beta], bias.shape)
    return run.call("add", [made, other], shape)


@operator("FusedMatMul", "com.microsoft")
def fused(run: Running, node: Node, x: Traced, y: Traced) -> Traced:
    """A scaled product of transposed factors."""
    for one, key in ((0, "transA"), (1, "transB")):
        if node.attributes.get(key):
            value = (x, y)[one]
            order = [*range(len(value.shape) - 2), len(value.shape) - 1, len(value.shape) - 2]
            made = run.call("permute", [value, order], [value.shape[axis] for axis in order])
            x, y = (made, y) if one == 0 else (x, made)
    found = product(run, node, x, y)
    alpha = node.attributes.get("alpha", 1.0)
    return found if alpha == 1 else run.call("mul", [found, float(f"{alpha:.7g}")], found.shape)


@operator("Einsum")
def einsum(run: Running, node: Node, *operands: Traced) -> Traced:
    """Einsum."""
    equation = str(node.attributes["equation"]).replace(" ", "")
    left, arrow, right = equation.partition("->")
    sizes: dict[str, int] = {}
    for term, one in zip(left.split(","), operands):
        for letter, size in zip(term, one.shape):
            if sizes.setdefault(letter, size) != size:
                raise MisfitError(f"`{letter}` is {size} and {sizes[letter]}")
    if not arrow:
        letters = left.replace(",", "")
        right = "".join(sorted(letter for letter in set(letters) if letters.count(letter) == 1))
    return run.call("einsum", [f"{left}->{right}", *operands], [sizes[letter] for letter in right])
