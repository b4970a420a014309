"""Fused attention operators."""

from __future__ import annotations

from typing import Any

from archcalc.onnx.model import Node
from archcalc.onnx.numbers import MisfitError
from archcalc.onnx.operators.products import linear
from archcalc.onnx.operators.registry import UnreadError, operator
from archcalc.onnx.running import Running
from archcalc.onnx.traced import Traced


def _heads(run: Running, x: Traced, heads: int) -> Traced:
    """[batch, positions, heads · size] to [batch, heads, positions, size]. Raises `MisfitError`."""
    batch, positions, width = x.shape
    if heads < 1 or width % heads:
        raise MisfitError(f"{width} features for {heads} heads")
    apart = run.call("reshape", [x], (batch, positions, heads, width // heads))
    return run.call("permute", [apart, [0, 2, 1, 3]], (batch, heads, positions, width // heads))


def _together(run: Running, x: Traced) -> Traced:
    batch, heads, positions, size = x.shape
    turned = run.call("permute", [x, [0, 2, 1, 3]], (batch, positions, heads, size))
    return run.call("reshape", [turned], (batch, positions, heads * size))


def _attention(run: Running, q: Traced, k: Traced, v: Traced, mask: Traced | None, causal: bool, scale: Any) -> Traced:
    keys = {"attn_mask": mask, "is_causal": causal, "scale": scale, "enable_gqa": q.shape[1] != k.shape[1]}
    return run.call("scaled_dot_product_attention", [q, k, v], (*q.shape[:3], v.shape[3]), keys)


@operator("Attention")
def attention(
    run: Running, node: Node, q: Traced, k: Traced, v: Traced, mask: Traced | None = None, *past: Any
) -> Traced:
    """Attention of opset 23: tensors with four axes, or three and a number of heads."""
    attributes = node.attributes
    if any(one is not None for one in past) or len([name for name in node.outputs if name]) > 1:
        raise UnreadError("with a cache or additional outputs")
    if attributes.get("softcap"):
        raise UnreadError("with a softcap on its scores")
    scale = attributes.get("scale")
    scale = float(f"{scale:.7g}") if scale else None
    causal = bool(attributes.get("is_causal"))
    if len(q.shape) == 4:
        return _attention(run, q, k, v, mask, causal, scale)
    heads, of_keys = attributes.get("q_num_heads", 0), attributes.get("kv_num_heads", 0)
    parts = [_heads(run, one, count) for one, count in ((q, heads), (k, of_keys), (v, of_keys))]
    return _together(run, _attention(run, parts[0], parts[1], parts[2], mask, causal, scale))


@operator("MultiHeadAttention", "com.microsoft")
def multihead(
    run: Running,
    node: Node,
    q: Traced,
    k: Traced | None = None,
    v: Traced | None = None,
    bias: Any = None,
    mask: Any = None,
    added: Any = None,
    *past: Any,
) -> Traced:
    """Attention whose projections are separate nodes."""
    if k is None or v is None or len(k.shape) != 3 or any(one is not None for one in (bias, added, *past)):
        raise UnreadError("with packed inputs, biases or a cache")
    if mask is not None:
        run.note("masks")
    heads = node.attributes.get("num_heads", 0)
    parts = [_heads(run, one, heads) for one in (q, k, v)]
    scale = node.attributes.get("scale")
    return _together(
        run,
        _attention(run, parts[0], parts[1], parts[2], None, bool(node.attributes.get("unidirectional")), scale or None),
    )


@operator("Attention", "com.microsoft")
def with_projections(
    run: Running,
    node: Node,
    x: Traced,
    weight: Traced,
    bias: Traced | None = None,
    mask: Any = None,
    past: Any = None,
    added: Any = None,
    *rest: Any,
) -> Traced:
    """Attention with the projections of queries, keys and values in one weight."""
    if node.attributes.get("qkv_hidden_sizes") or past is not None or added is not None:
        raise UnreadError("with qkv_hidden_sizes, a cache or an attention bias")
    if mask is not None:
        run.note("masks")
    batch, positions, _ = x.shape
    heads, three = node.attributes.get("num_heads", 0), weight.shape[1]
    if heads < 1 or three % (3 * heads):
        raise MisfitError(f"{three} features for {heads} heads")
    made = linear(run, x, weight, bias, (batch, positions, three))
    width = three // 3
    parts = run.calls("split", [made, [width] * 3, 2], [(batch, positions, width)] * 3)
    q, k, v = (_heads(run, one, heads) for one in parts)
    return _together(run, _attention(run, q, k, v, None, bool(node.attributes.get("unidirectional")), None))
