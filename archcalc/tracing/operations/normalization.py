"""Norms."""

from __future__ import annotations

from typing import Any

from archcalc.tracing.calls import PARAMETER, Call, Value
from archcalc.tracing.graph import Out
from archcalc.tracing.operations.reader import Reader, joined
from archcalc.tracing.operations.registry import Beyond, Given, reads


@reads("batch_norm", "input running_mean running_var weight=None bias=None training=False momentum=0.1 eps=1e-5")
def batch_norm(reader: Reader, call: Call, a: Any) -> Given:
    """F.batch_norm. Positions that were joined with the samples become spatial, which gives the same statistics."""
    return _per_channel(reader, call, a, "batchnorm", _statistics(a))


def _statistics(a: Any) -> dict[str, Any]:
    """The keys of a norm that may keep running statistics."""
    return {
        "eps": a.eps,
        "affine": a.weight is not None,
        "bias": a.bias is not None or a.weight is None,
        "momentum": a.momentum,
        "track_running_stats": a.running_mean is not None,
    }


def _per_channel(reader: Reader, call: Call, a: Any, op: str, keys: dict[str, Any]) -> Given:
    value, out = a.input, call.outs[0]
    x = reader.out(value)
    weights = {"weight": a.weight, "bias": a.bias}
    for name in ("running_mean", "running_var"):
        if getattr(a, name, None) is not None and getattr(a, name).source != PARAMETER and getattr(a, name).name:
            weights[name] = getattr(a, name)
    if not joined(value):
        return reader.on_space(op, value, keys, None, weights)
    turned = (x.sizes[1], x.sizes[0], *x.sizes[2:])
    first = reader.add("transpose", [x], turned, {"axes": (0, 1)})
    normed = reader.weighted(op, [first], turned, keys, weights)
    return reader.add("transpose", [normed], out.sizes, {"axes": (0, 1)})


@reads(
    "instance_norm",
    "input running_mean=None running_var=None weight=None bias=None use_input_stats=True momentum=0.1 eps=1e-5",
)
def instance_norm(reader: Reader, call: Call, a: Any) -> Given:
    """F.instance_norm."""
    return _per_sample(reader, call, a, "instancenorm", _statistics(a))


@reads("group_norm", "input num_groups weight=None bias=None eps=1e-5")
def group_norm(reader: Reader, call: Call, a: Any) -> Given:
    """F.group_norm."""
    keys = {
        "groups": a.num_groups,
        "eps": a.eps,
        "affine": a.weight is not None,
        "bias": a.bias is not None or a.weight is None,
    }
    return _per_sample(reader, call, a, "groupnorm", keys)


def _per_sample(reader: Reader, call: Call, a: Any, op: str, keys: dict[str, Any]) -> Given:
    return reader.on_space(op, a.input, keys, None, {"weight": a.weight, "bias": a.bias})


@reads("layer_norm", "input normalized_shape weight=None bias=None eps=1e-5")
def layer_norm(reader: Reader, call: Call, a: Any) -> Given:
    """F.layer_norm."""
    x, count = reader.out(a.input), len(a.normalized_shape)
    if len(x.sizes) < count:
        raise Beyond("over the batch")
    keys: dict[str, Any] = {
        "axes": tuple(range(-count, 0)),
        "eps": a.eps,
        "affine": a.weight is not None,
        "bias": a.bias is not None or a.weight is None,
    }
    return _scaled(reader, call, a, "layernorm", x, keys)


@reads("rms_norm", "input normalized_shape weight=None eps=None")
def rms_norm(reader: Reader, call: Call, a: Any) -> Given:
    """F.rms_norm over the last axis."""
    if len(a.normalized_shape) != 1:
        raise Beyond("over several axes")
    a.bias = None
    keys = {"eps": a.eps if a.eps is not None else 1.1920928955078125e-07, "affine": a.weight is not None, "axis": -1}
    return _scaled(reader, call, a, "rmsnorm", reader.out(a.input), keys)


def _scaled(reader: Reader, call: Call, a: Any, op: str, x: Out, keys: dict[str, Any]) -> Given:
    """A norm with its own scale and shift; if these are computed, they become a product and a sum."""
    out = call.outs[0]
    weights = {"weight": a.weight, "bias": a.bias}
    if all(one is None or (one.source == PARAMETER and id(one) not in reader.made) for one in weights.values()):
        return reader.weighted(op, [x], out.sizes, keys, weights)
    plain = reader.add(op, [x], out.sizes, {**keys, "affine": False, **({"bias": True} if "bias" in keys else {})})
    made = reader.add("mul", [plain, _vector(reader, a.weight)], out.sizes)
    return made if a.bias is None else reader.add("add", [made, _vector(reader, a.bias)], out.sizes)


def _vector(reader: Reader, value: Value) -> Out:
    return reader.out(value)


@reads("local_response_norm", "input size alpha=1e-4 beta=0.75 k=1")
def local_response_norm(reader: Reader, call: Call, a: Any) -> Given:
    """F.local_response_norm."""
    keys = {"size": a.size, "alpha": a.alpha, "beta": a.beta, "k": a.k}
    return reader.on_space("localresponsenorm", a.input, keys)


@reads("normalize", "input p=2 dim=1 eps=1e-12")
def normalize(reader: Reader, call: Call, a: Any) -> Given:
    """F.normalize."""
    axis = reader.axis(a.input, a.dim)
    return reader.add("normalize", [reader.out(a.input)], call.outs[0].sizes, {"axis": axis, "p": a.p, "eps": a.eps})
