"""Activations, dropout and other element-wise functions."""

from __future__ import annotations

from typing import Any

from archcalc.tracing.calls import FLOAT, TRUTH, WHOLE, Call
from archcalc.tracing.graph import Out
from archcalc.tracing.operations.comparing import truth
from archcalc.tracing.operations.reader import Reader
from archcalc.tracing.operations.registry import Beyond, Given, reads

# Element-wise functions without further arguments, by their names in the language.
_PLAIN = {
    "relu": "relu", "relu6": "relu6", "sigmoid": "sigmoid", "tanh": "tanh", "silu": "silu", "mish": "mish",
    "hardswish": "hardswish", "hardsigmoid": "hardsigmoid", "softsign": "softsign", "log_sigmoid": "logsigmoid",
    "selu": "selu", "exp": "exp", "neg": "neg", "negative": "neg", "abs": "abs", "sqrt": "sqrt", "rsqrt": "rsqrt",
    "square": "square", "log": "log", "sin": "sin", "cos": "cos", "floor": "floor", "sign": "sign",
    "reciprocal": "reciprocal",
}  # fmt: skip


@reads(" ".join(_PLAIN), "input")
def plain(reader: Reader, call: Call, a: Any) -> Given:
    """An element-wise function."""
    return reader.add(_PLAIN[call.name], [reader.out(a.input)], call.outs[0].sizes)


def _one(op: str, key: str) -> Any:
    """An element-wise function with one number."""

    def read(reader: Reader, call: Call, a: Any) -> Given:
        return reader.add(op, [reader.out(a.input)], call.outs[0].sizes, {key: getattr(a, key)})

    return read


reads("leaky_relu", "input slope=0.01")(_one("leakyrelu", "slope"))
reads("elu", "input alpha=1")(_one("elu", "alpha"))
reads("celu", "input alpha=1")(_one("celu", "alpha"))
reads("gelu", "input approximate=none")(_one("gelu", "approximate"))


@reads("softplus", "input beta=1 threshold=20")
def softplus(reader: Reader, call: Call, a: Any) -> Given:
    """F.softplus."""
    keys = {"beta": a.beta, "threshold": a.threshold}
    return reader.add("softplus", [reader.out(a.input)], call.outs[0].sizes, keys)


def _between(reader: Reader, x: Out, sizes: tuple[int, ...], low: float, high: float) -> Out:
    """Numbers cut off at both ends; nn.ReLU6 is called so as well."""
    if (low, high) == (0, 6):
        return reader.add("relu6", [x], sizes)
    return reader.add("hardtanh", [x], sizes, {"low": low, "high": high})


@reads("hardtanh", "input min_val=-1 max_val=1")
def hardtanh(reader: Reader, call: Call, a: Any) -> Given:
    """F.hardtanh."""
    return _between(reader, reader.out(a.input), call.outs[0].sizes, a.min_val, a.max_val)


@reads("clamp clip", "input min=None max=None")
def clamp(reader: Reader, call: Call, a: Any) -> Given:
    """torch.clamp; with one bound, a maximum or minimum."""
    x, sizes = reader.out(a.input), call.outs[0].sizes
    low, high = a.min, a.max
    if isinstance(low, (int, float)) and isinstance(high, (int, float)):
        return _between(reader, x, sizes, low, high)
    for bound, op in ((low, "maximum"), (high, "minimum")):
        if bound is not None:
            if bound == 0 and op == "maximum" and isinstance(bound, (int, float)):
                x = reader.add("relu", [x], sizes)
                continue
            if isinstance(bound, (int, float)):
                other = reader.add(
                    "constant", [], (1,) * max(1, len(sizes)), {"shape": (1,) * max(1, len(sizes)), "value": bound}
                )
            else:
                other = reader.aligned(bound, call.outs[0])
            x = reader.add(op, [x, other], sizes)
    return x


@reads("clamp_min", "input min")
def clamp_min(reader: Reader, call: Call, a: Any) -> Given:
    """torch.clamp_min."""
    a.max = None
    return clamp(reader, call, a)


@reads("clamp_max", "input max")
def clamp_max(reader: Reader, call: Call, a: Any) -> Given:
    """torch.clamp_max."""
    a.min = None
    return clamp(reader, call, a)


@reads("prelu", "input weight")
def prelu(reader: Reader, call: Call, a: Any) -> Given:
    """F.prelu."""
    keys = {"parameters": a.weight.shape[0] if a.weight.shape else 1}
    return reader.weighted("prelu", [reader.out(a.input)], call.outs[0].sizes, keys, {"weight": a.weight})


@reads("softmax log_softmax", "input dim=None stacklevel=3 dtype=None")
def softmax(reader: Reader, call: Call, a: Any) -> Given:
    """F.softmax."""
    if a.dim is None:
        raise Beyond("along an axis that is not named")
    op = "softmax" if call.name == "softmax" else "logsoftmax"
    return reader.add(op, [reader.out(a.input)], call.outs[0].sizes, {"axis": reader.axis(a.input, a.dim)})


@reads("glu", "input dim=-1")
def glu(reader: Reader, call: Call, a: Any) -> Given:
    """F.glu."""
    return reader.add("glu", [reader.out(a.input)], call.outs[0].sizes, {"axis": reader.axis(a.input, a.dim)})


@reads(
    "dropout dropout1d dropout2d dropout3d alpha_dropout feature_dropout feature_alpha_dropout",
    "input p=0.5 training=True inplace=False",
)
def dropout(reader: Reader, call: Call, a: Any) -> Given:
    """Dropout does nothing at inference; it stands in the spec if it would do something in training."""
    x = reader.out(a.input)
    if not a.p or call.name != "dropout":
        return x
    return reader.add("dropout", [x], call.outs[0].sizes, {"p": a.p})


@reads("drop_path", "input p")
def drop_path(reader: Reader, call: Call, a: Any) -> Given:
    """A module that drops a sample's branch in training, at inference."""
    return reader.add("droppath", [reader.out(a.input)], call.outs[0].sizes, {"p": a.p})


@reads("detach", "input")
def detach(reader: Reader, call: Call, a: Any) -> Given:
    """No gradient goes back through it, which matters to numbers alone."""
    x = reader.out(a.input)
    return reader.add("detach", [x], call.outs[0].sizes, {}) if call.outs[0].kind == FLOAT else x


@reads(
    "contiguous clone to float type_as double half bfloat16 type requires_grad_ identity alias view_as_same "
    "expand_as_same cpu cuda data positive long int byte short",
    "input *rest",
)
def unchanged(reader: Reader, call: Call, a: Any) -> Given:
    """A function that returns its input's numbers, unless it rounds them."""
    if call.outs[0].kind == WHOLE and a.input.kind == FLOAT:
        raise Beyond("that rounds")
    return truth(reader, call, a) if call.outs[0].kind == TRUTH else reader.out(a.input)
