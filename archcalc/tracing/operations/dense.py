"""Linear maps and embeddings."""

from __future__ import annotations

from typing import Any

from archcalc.tracing.calls import CONSTANT, PARAMETER, Call, Value
from archcalc.tracing.graph import Out
from archcalc.tracing.operations.gathering import places
from archcalc.tracing.operations.reader import Reader
from archcalc.tracing.operations.registry import Beyond, Given, reads
from archcalc.tracing.operations.reparam import reparametrization


@reads("linear", "input weight bias=None")
def linear(reader: Reader, call: Call, a: Any) -> Given:
    """F.linear; a computed weight is a factor like any other, and so is a weight that is partly shared."""
    out = call.outs[0]
    features = a.weight.shape[0]
    if _own(reader, a.weight) and a.weight.name not in reader.graph.turned:
        x = reader.out(a.input)
        shape = out.sizes or (features,)
        thirds = _thirds(reader, a.bias)
        if thirds:
            keys = {"features": features, "bias": "".join(thirds)}
            weights = {"weight": a.weight, **{f"{letter}_bias": one for letter, one in thirds.items()}}
            return reader.weighted("linear", [x], shape, keys, weights)
        whole = a.bias is None or _own(reader, a.bias)
        keys = {"features": features, "bias": whole and a.bias is not None}
        made = reader.weighted("linear", [x], shape, keys, {"weight": a.weight, "bias": a.bias if whole else None})
        return made if whole else reader.add("add", [made, reader.out(a.bias)], shape)
    found = reparametrization(a.weight)
    if found is not None and all(_own(reader, one) or one.source == CONSTANT for one in found.weights.values()):
        keys = {"features": features, "bias": a.bias is not None, **found.keys}
        return reader.weighted(
            "linear", [reader.out(a.input)], out.sizes or (features,), keys, {"bias": a.bias, **found.weights}
        )
    weight = reader.out(a.weight)
    turned = reader.add("transpose", [weight], weight.sizes[::-1], {"axes": (0, 1)})
    x = reader.out(a.input)
    if len(x.sizes) == 1:
        x = reader.reshaped(x, (1, *x.sizes))
    product = reader.add("matmul", [x, turned], (*x.sizes[:-1], features))
    product = reader.reshaped(product, out.sizes)
    return product if a.bias is None else reader.add("add", [product, reader.out(a.bias)], out.sizes)


def _thirds(reader: Reader, bias: Value | None) -> dict[str, Value]:
    """Which parts of a joint bias of queries, keys and values are learned, by letter, if the others are 0."""
    call = bias.call if bias is not None else None
    if call is None or call.name not in _SIDE_BY_SIDE or not isinstance(call.args[0], list):
        return {}
    parts = call.args[0]
    if len(parts) != 3 or any(not isinstance(one, Value) or one.shape != parts[0].shape for one in parts):
        return {}
    learned = {letter: one for letter, one in zip("qkv", parts) if _own(reader, one)}
    return learned if len(learned) + sum(map(_is_zero, parts)) == 3 else {}


def _is_zero(value: Value) -> bool:
    """Whether it is a row of zeros that depends on no data."""
    if value.of_data or value.source == PARAMETER:
        return False
    if value.call is not None and value.call.name in ("zeros_like", "new_zeros"):
        return True
    table = value.table() if value.table is not None else None
    return isinstance(table, list) and not any(table)


# Calls that join tensors, along their first axis unless they name another.
_SIDE_BY_SIDE = ("cat", "concat", "concatenate")


@reads("addmm", "input mat1 mat2 beta=1 alpha=1")
def addmm(reader: Reader, call: Call, a: Any) -> Given:
    """torch.addmm of parameters: a linear layer whose weight is [in features, out features]."""
    bias, weight = a.input, a.mat2
    turned = reader.graph.turned
    if (a.beta, a.alpha) != (1, 1) or weight.of_data:
        raise Beyond("")
    fits = weight.name not in reader.used or weight.name in turned
    if not (fits and _own(reader, weight) and _own(reader, bias) and len(bias.shape) == 1 and bias.shape[0] > 1):
        product = reader.add("matmul", [reader.out(a.mat1), reader.out(weight)], call.outs[0].sizes)
        return reader.add("add", [product, reader.out(bias)], call.outs[0].sizes)
    turned.add(weight.name)
    keys = {"features": weight.shape[1], "bias": True}
    weights = {"weight": weight, "bias": bias}
    return reader.weighted("linear", [reader.out(a.mat1)], call.outs[0].sizes, keys, weights)


def _own(reader: Reader, value: Value) -> bool:
    """Whether it is an unmodified parameter that does not serve as a plain tensor yet."""
    if value.source != PARAMETER or id(value) in reader.made:
        return False
    earlier = reader.used.get(value.name)
    return earlier is None or earlier.op in ("linear", "embedding")


@reads("bilinear", "input1 input2 weight bias=None")
def bilinear(reader: Reader, call: Call, a: Any) -> Given:
    """F.bilinear."""
    raise Beyond("two inputs in one linear map")


@reads("embedding", "input weight padding_idx=None max_norm=None norm_type=2 scale_grad_by_freq=False sparse=False")
def embedding(reader: Reader, call: Call, a: Any) -> Given:
    """F.embedding of tokens; for positions that are the same for every sample, it gathers rows."""
    return reader.reshaped(_rows(reader, a), call.outs[0].sizes)  # a single token gets no axis of its own


@reads(
    "embedding_bag",
    "input weight offsets=None max_norm=None norm_type=2 scale_grad_by_freq=False mode=mean sparse=False "
    "per_sample_weights=None include_last_offset=False padding_idx=None",
)
def bag(reader: Reader, call: Call, a: Any) -> Given:
    """F.embedding_bag of as many tokens in each sample."""
    plain = a.offsets is None and a.per_sample_weights is None and a.padding_idx is None
    if not plain or a.input.batch != 0 or a.input.axes[0] is not None:
        raise Beyond("of bags of several sizes or weights")
    rows = _rows(reader, a)
    return reader.add(a.mode, [rows], call.outs[0].sizes, {"axis": (0,), "keepdim": False})


def _rows(reader: Reader, a: Any) -> Out:
    vocab, dim = a.weight.shape
    earlier = reader.used.get(a.weight.name)
    tokens = places(reader, a.input, vocab) if a.input.of_data else reader.out(a.input)
    fixed = not a.input.of_data or tokens.node.op == "constant"
    if fixed or a.weight.source != PARAMETER or (earlier is not None and earlier.op == "parameter"):
        table = reader.out(a.weight)
        return reader.add("gather", [table, tokens], (*tokens.sizes, dim), {"index": tokens, "axis": 0})
    keys: dict[str, Any] = {"vocab": vocab, "dim": dim}
    if a.padding_idx is not None and a.padding_idx >= 0:
        keys["padding_idx"] = a.padding_idx
    return reader.weighted("embedding", [tokens], (*tokens.sizes, dim), keys, {"weight": a.weight})
