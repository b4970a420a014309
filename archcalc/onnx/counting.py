"""MACs of a node from the shapes of its inputs and outputs, counted independently of the spec's layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from archcalc.onnx.model import Node

Shapes = Sequence["tuple[int, ...] | None"]


def macs_of(node: Node, ins: Shapes, outs: Sequence[tuple[int, ...]]) -> int:
    """The MACs of a node, including the batch; 0 for operators that multiply nothing."""
    count = _COUNTS.get(f"{node.domain}.{node.op}" if node.domain else node.op)
    return count(node, ins, outs) if count is not None and outs else 0


def _shape(ins: Shapes, index: int) -> tuple[int, ...]:
    found = ins[index] if index < len(ins) else None
    return found if found is not None else ()


def _conv(node: Node, ins: Shapes, outs: Sequence[tuple[int, ...]]) -> int:
    return prod(outs[0]) * prod(_shape(ins, 1)[1:])


def _quantised_conv(node: Node, ins: Shapes, outs: Sequence[tuple[int, ...]]) -> int:
    return prod(outs[0]) * prod(_shape(ins, 3)[1:])


def _transposed(node: Node, ins: Shapes, outs: Sequence[tuple[int, ...]]) -> int:
    return prod(_shape(ins, 0)) * prod(_shape(ins, 1)[1:])


def _product(node: Node, ins: Shapes, outs: Sequence[tuple[int, ...]]) -> int:
    return prod(outs[0]) * (_shape(ins, 0) or (0,))[-1]


def _gemm(node: Node, ins: Shapes, outs: Sequence[tuple[int, ...]]) -> int:
    return prod(outs[0]) * _shape(ins, 0)[0 if node.attributes.get("transA") else 1]


def _linear(node: Node, ins: Shapes, outs: Sequence[tuple[int, ...]]) -> int:
    return prod(outs[0]) * _shape(ins, 1)[0]


def _einsum(node: Node, ins: Shapes, outs: Sequence[tuple[int, ...]]) -> int:
    if len(ins) < 2:
        return 0
    left = str(node.attributes.get("equation", "")).replace(" ", "").partition("->")[0].split(",")
    sizes: dict[str, int] = {}
    for term, shape in zip(left, ins):
        for letter, size in zip(term, shape or ()):
            sizes[letter] = max(size, sizes.get(letter, 1))
    return prod(sizes.values())


def _recurrent(gates: int) -> Callable[[Node, Shapes, Sequence[tuple[int, ...]]], int]:
    def count(node: Node, ins: Shapes, outs: Sequence[tuple[int, ...]]) -> int:
        steps, batch, size = _shape(ins, 0)
        directions, _, hidden = _shape(ins, 2)
        return steps * batch * directions * gates * hidden * (size + hidden)

    return count


def _attention(node: Node, ins: Shapes, outs: Sequence[tuple[int, ...]]) -> int:
    """q kᵀ and the weighted values, of tensors with four axes, or three and a number of heads."""
    q, k, v = (_shape(ins, index) for index in range(3))
    if len(q) == 4:
        return prod(q[:3]) * k[2] * (q[3] + v[3])
    heads, of_keys = int(node.attributes.get("q_num_heads", 1)), int(node.attributes.get("kv_num_heads", 1))
    return q[0] * heads * q[1] * k[1] * (q[2] // heads + v[2] // of_keys)


def _joined_heads(node: Node, ins: Shapes, outs: Sequence[tuple[int, ...]]) -> int:
    """com.microsoft.MultiHeadAttention: [batch, positions, heads · size] each."""
    q, k, v = (_shape(ins, index) for index in range(3))
    return prod(q) * k[1] + q[0] * q[1] * k[1] * v[-1]


def _with_projections(node: Node, ins: Shapes, outs: Sequence[tuple[int, ...]]) -> int:
    """com.microsoft.Attention: three projections in one linear layer, then attention."""
    batch, positions, width = _shape(ins, 0)
    three = _shape(ins, 1)[1]
    inner = three // 3
    return batch * positions * width * three + 2 * batch * positions * positions * inner


_COUNTS: dict[str, Callable[[Node, Shapes, Sequence[tuple[int, ...]]], int]] = {
    "Conv": _conv, "ConvInteger": _conv, "com.microsoft.FusedConv": _conv, "QLinearConv": _quantised_conv, "ConvTranspose": _transposed,
    "MatMul": _product, "com.microsoft.FusedMatMul": _product, "MatMulInteger": _product, "Gemm": _gemm, "Linear": _linear, "Einsum": _einsum,
    "LSTM": _recurrent(4), "GRU": _recurrent(3), "RNN": _recurrent(1), "Attention": _attention,
    "com.microsoft.MultiHeadAttention": _joined_heads, "com.microsoft.Attention": _with_projections,
}  # fmt: skip
