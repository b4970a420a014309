"""Products of matrices, and attention in one call."""

from __future__ import annotations

import math
from typing import Any

from archcalc.tracing.calls import FLOAT, TRUTH, Call, Value
from archcalc.tracing.graph import Out
from archcalc.tracing.operations.comparing import opposite, seen
from archcalc.tracing.operations.reader import Reader
from archcalc.tracing.operations.registry import Beyond, Given, reads


@reads("matmul bmm mm rmatmul", "input other")
def matmul(reader: Reader, call: Call, a: Any) -> Given:
    """x @ y."""
    out = call.outs[0]
    if call.name == "rmatmul":
        a.input, a.other = a.other, a.input
    first, second = a.input, a.other
    if min(len(first.shape), len(second.shape)) < 2:
        return _by_vector(reader, first, second, out)
    for value in (first, second):
        inner = value.batch is not None and value.batch >= len(value.shape) - 2
        if inner and (value is second or value.batch == len(value.shape) - 1 or len(second.shape) > 2):
            raise Beyond("along the batch")
    x, y = _factor(reader, first, out), _factor(reader, second, out)
    if len(x.sizes) == 1:  # a vector for each sample
        x = reader.reshaped(x, (1, *x.sizes))
    x, y = _equal_rank(reader, x, y)
    made = product(reader, x, y)
    return reader.reshaped(made, out.sizes)


def _by_vector(reader: Reader, first: Value, second: Value, out: Value) -> Out:
    """Matrices times a vector that is the same for every sample: PyTorch's counter leaves that out, as it does sums."""
    if len(second.shape) != 1 or second.batch is not None or first.batch in (None, len(first.shape) - 1):
        raise Beyond("of a vector")
    x = reader.out(first)
    scaled = reader.add("mul", [x, reader.out(second)], x.sizes)
    keys = {"axis": (len(x.sizes) - 1,), "keepdim": len(x.sizes) == 1}
    return reader.add("sum", [scaled], out.sizes or (1,), keys)


def product(reader: Reader, x: Out, y: Out) -> Out:
    """A matrix product with the sizes of its output."""
    lead = tuple(max(one, other) for one, other in zip(x.sizes[:-2], y.sizes[:-2]))
    return reader.add("matmul", [x, y], (*lead, x.sizes[-2], y.sizes[-1]))


def _factor(reader: Reader, value: Value, like: Value) -> Out:
    """A factor with the axes of one sample; one without a batch loses the axis in its place."""
    x = reader.out(value)
    if value.batch is None and like.batch is not None and len(value.shape) > 2:
        place = like.batch - (len(like.shape) - len(value.shape))
        if 0 <= place < len(value.shape) - 2 and like.axes[like.batch] is None:
            if value.shape[place] != 1:
                raise Beyond("a tensor along the batch")
            x = reader.reshaped(x, [size for axis, size in enumerate(value.shape) if axis != place])
    return x


def _equal_rank(reader: Reader, x: Out, y: Out) -> tuple[Out, Out]:
    if len(x.sizes) > len(y.sizes) > 2:
        y = reader.reshaped(y, (*(1,) * (len(x.sizes) - len(y.sizes)), *y.sizes))
    elif len(x.sizes) < len(y.sizes):
        x = reader.reshaped(x, (*(1,) * (len(y.sizes) - len(x.sizes)), *x.sizes))
    elif len(x.sizes) > len(y.sizes):
        y = reader.reshaped(y, (*(1,) * (len(x.sizes) - len(y.sizes)), *y.sizes))
    return x, y


@reads("baddbmm", "input batch1 batch2 beta=1 alpha=1")
def baddbmm(reader: Reader, call: Call, a: Any) -> Given:
    """beta · x + alpha · y @ z."""
    out = call.outs[0]
    a.other, a.input, kept = a.batch2, a.batch1, a.input
    made = matmul(reader, call, a)
    assert isinstance(made, Out)
    if a.alpha != 1:
        made = reader.add("scale", [made], out.sizes, {"factor": a.alpha})
    if a.beta == 0:
        return made
    x = reader.aligned(kept, out)
    x = x if a.beta == 1 else reader.add("scale", [x], out.sizes, {"factor": a.beta})
    return reader.add("add", [x, made], out.sizes)


@reads("einsum", "equation *operands")
def einsum(reader: Reader, call: Call, a: Any) -> Given:
    """torch.einsum without the letter of the batch."""
    if not isinstance(a.equation, str) or "..." in a.equation:
        raise Beyond("of any rank")
    left, arrow, right = a.equation.replace(" ", "").partition("->")
    operands = a.operands
    terms = left.split(",")
    if not arrow:
        raise Beyond("without its output")
    batch = {
        term[one.batch] for term, one in zip(terms, operands) if one.batch is not None and one.axes[one.batch] is None
    }
    if len(batch) > 1:
        raise Beyond("of two batches")
    made = []
    for index, (term, one) in enumerate(zip(terms, operands)):
        x = reader.out(one)
        letters = [letter for axis, letter in enumerate(term) if one.axes[axis] is not None]
        if one.batch is None and batch & set(term):
            raise Beyond("a tensor along the batch")
        terms[index] = "".join(letters)
        made.append(x)
    for letter in batch:
        right = right.replace(letter, "")
    sizes = {letter: size for term, x in zip(terms, made) for letter, size in zip(term, x.sizes) if size > 1}
    while len(made) > 2:  # as PyTorch does it, the first two first, if it has no library that finds an order
        (one, other, *terms), (x, y, *made) = terms, made
        read = set(right).union(*terms)
        both = "".join(letter for letter in dict.fromkeys(one + other) if letter in read)
        out = reader.add(
            "einsum", [x, y], [sizes.get(letter, 1) for letter in both] or (1,), {"equation": f"{one},{other}->{both}"}
        )
        terms, made = [both, *terms], [out, *made]
    return reader.add("einsum", made, call.outs[0].sizes or (1,), {"equation": f"{','.join(terms)}->{right}"})


@reads(
    "scaled_dot_product_attention",
    "query key value attn_mask=None dropout_p=0 is_causal=False scale=None enable_gqa=False",
)
def attention(reader: Reader, call: Call, a: Any) -> Given:
    """F.scaled_dot_product_attention; with a mask that is added to the scores, it is decomposed."""
    q, k, v = (reader.out(one) for one in (a.query, a.key, a.value))
    out = call.outs[0]
    if a.enable_gqa and q.sizes[-3] != k.sizes[-3]:
        times = q.sizes[-3] // k.sizes[-3]
        k, v = (_widened(reader, one, times) for one in (k, v))
    rank = max(len(one.sizes) for one in (q, k, v))
    q, k, v = (reader.reshaped(one, (*(1,) * (rank - len(one.sizes)), *one.sizes)) for one in (q, k, v))
    lead = tuple(max(sizes) for sizes in zip(*(one.sizes[:-2] for one in (q, k, v))))
    q, k, v = (_along(reader, one, lead) for one in (q, k, v))
    default = 1 / math.sqrt(q.sizes[-1])
    scale = a.scale if a.scale is not None else default
    if a.attn_mask is None:
        keys: dict[str, Any] = {"q": q, "k": k, "v": v, "causal": a.is_causal}
        if abs(scale - default) > 1e-9:
            keys["scale"] = scale
        if a.dropout_p:
            keys["dropout"] = a.dropout_p
        return reader.reshaped(reader.add("sdpa", [q, k, v], _given(q, v), keys), out.sizes)
    turned = (*k.sizes[:-2], k.sizes[-1], k.sizes[-2])
    keys_ = reader.add("transpose", [k], turned, {"axes": (-2, -1)})
    scaled = reader.add("scale", [q], q.sizes, {"factor": scale})
    scores = product(reader, scaled, keys_)
    mask = reader.out(a.attn_mask) if a.attn_mask.kind == FLOAT else reader.mask(a.attn_mask, False, -math.inf)
    if mask is not None:
        scores = reader.add("add", [scores, _mask(reader, mask, a.attn_mask, a.query, scores)], scores.sizes)
    weights = reader.add("softmax", [scores], scores.sizes, {"axis": len(scores.sizes) - 1})
    if a.dropout_p:
        weights = reader.add("dropout", [weights], scores.sizes, {"p": a.dropout_p})
    return reader.reshaped(product(reader, weights, v), out.sizes)


def _along(reader: Reader, x: Out, lead: tuple[int, ...]) -> Out:
    """A single head, repeated as often as there are others."""
    if x.sizes[:-2] == lead:
        return x
    shape = tuple(-1 if old == new else new for old, new in zip(x.sizes, (*lead, *x.sizes[-2:])))
    return reader.add("expand", [x], (*lead, *x.sizes[-2:]), {"shape": shape})


def _given(q: Out, v: Out) -> tuple[int, ...]:
    return (*q.sizes[:-1], v.sizes[-1])


def _widened(reader: Reader, x: Out, times: int) -> Out:
    """Each head repeated several times."""
    lead, (heads, n, d) = x.sizes[:-3], x.sizes[-3:]
    apart = reader.reshaped(x, (*lead, heads, 1, n, d))
    shape = (*(-1,) * len(lead), -1, times, -1, -1)
    wide = reader.add("expand", [apart], (*lead, heads, times, n, d), {"shape": shape})
    return reader.reshaped(wide, (*lead, heads * times, n, d))


def _mask(reader: Reader, x: Out, mask: Value, query: Value, scores: Out) -> Out:
    """An additive mask along the axes of the scores."""
    sizes = list(mask.sizes)
    missing = len(query.shape) - len(mask.shape)
    if mask.batch is None and query.batch is not None and query.axes[query.batch] is None and query.batch >= missing:
        if mask.shape[query.batch - missing] != 1:
            raise Beyond("a mask along the batch")
        del sizes[query.batch - missing]
    sizes = [1] * (len(scores.sizes) - len(sizes)) + sizes
    return reader.reshaped(x, sizes)


@reads(
    "MultiheadAttention",
    "query key value key_padding_mask=None need_weights=True attn_mask=None average_attn_weights=True is_causal=False",
)
def multihead(reader: Reader, call: Call, a: Any) -> Given:
    """nn.MultiheadAttention."""
    module: Any = call.module
    mask = None
    if a.key_padding_mask is not None and a.key_padding_mask.of_data:
        mask = _unpadded(reader, a.key_padding_mask)
    if not module.batch_first and a.query.batch == 1 and len(a.query.shape) == 3:
        pass  # [positions, batch, features]: one sample has the rest
    q = reader.out(a.query)
    keys: dict[str, Any] = {"heads": module.num_heads, "bias": module.in_proj_bias is not None}
    inputs = [q]
    k, v = reader.out(a.key), reader.out(a.value)
    if k != q or v != q:
        inputs += [k] if k == v else [k, v]
        keys |= {"kv": k} if k == v else {"k": k, "v": v}
    if a.attn_mask is not None and not a.is_causal:
        table = _scores(reader, a.attn_mask, (module.num_heads, q.sizes[-2], k.sizes[-2]))
        if table is not None:
            keys["relbias"] = table
            inputs.append(table)
    if mask is not None:
        keys["mask"] = mask
        inputs.append(mask)
    if a.is_causal:
        keys["causal"] = True
    if module.bias_k is not None:
        keys["bias_kv"] = True
    if module.add_zero_attn:
        keys["zero_attn"] = True
    out = reader.add("attention", inputs, call.outs[0].sizes, keys)
    reader.keep(out.node, module)
    return [out]


def _unpadded(reader: Reader, mask: Value) -> Out:
    """A mask that is 0 for keys that are padding. Raises `Beyond` for numbers that are added to the scores."""
    x = reader.out(mask)

    def put(op: str, x: Out, keys: dict[str, Any]) -> Out:
        return reader.add(op, [x], x.sizes, keys)

    found = opposite(x, put) if mask.kind == TRUTH else seen(x, put)
    if found is None:
        raise Beyond("with scores for each sample")
    return found


def _scores(reader: Reader, mask: Value, sizes: tuple[int, int, int]) -> Out | None:
    """A constant mask as a table for all heads. Raises `Beyond` for a mask that depends on data or has other sizes."""
    if mask.of_data:
        raise Beyond("with a data-dependent mask")
    if mask.sizes not in (sizes, sizes[1:]):
        raise Beyond("a mask for each sample")
    out = reader.out(mask) if mask.kind == FLOAT else reader.mask(mask, True, -math.inf)
    if out is None or out.sizes == sizes:
        return out
    shape = (sizes[0], -1, -1)
    return reader.add("expand", [reader.reshaped(out, (1, *sizes[1:]))], sizes, {"shape": shape})
