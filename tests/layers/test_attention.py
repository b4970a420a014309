import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from archcalc.diagnostics import SpecError

from .oracle import DRAWN, TIMES, Draw, compare, covers, layer, line


def rotate(x, theta=10000.0, size=None):
    """Su et al. 2021: the first elements as complex numbers, turned by an angle that grows with the position."""
    size = x.shape[-1] if size is None else size
    if size > x.shape[-1] or size % 2:
        raise ValueError("elements turn in pairs, and no more than there are")
    real, imaginary = x[..., : size // 2], x[..., size // 2 : size]
    rate = float(theta) ** (-2 * torch.arange(size // 2) / size)
    angle = (torch.arange(x.shape[-2])[:, None] * rate).to(x.dtype)
    turned = torch.complex(real, imaginary) * torch.polar(torch.ones_like(angle), angle)
    return torch.cat([turned.real, turned.imag, x[..., size:]], -1)


def hidden(queries, keys, causal, window):
    """What is added to the scores: -inf where a query may not look."""
    i, j = torch.arange(queries)[:, None], torch.arange(keys)
    seen = torch.ones(queries, keys, dtype=torch.bool)
    if causal:
        seen &= j <= i
    if window is not None:
        seen &= (i - j).abs() < window
    return torch.zeros(queries, keys, dtype=torch.float64).masked_fill(~seen, -torch.inf)


def folded(x, *others):
    """Leading axes joined with the batch, as torch.nn.MultiheadAttention wants them."""
    if any(other.shape[:-2] != x.shape[:-2] for other in others):
        raise ValueError("leading axes differ")
    return [tensor.flatten(0, -3) for tensor in (x, *others)]


class Masked:
    """Masks and a table as what is added to the scores of all samples and heads, or nothing."""

    causal = False
    window = None

    def added(self, x, q, k, heads, table, seen=None):
        """[samples and heads, queries, keys], or None."""
        if not self.causal and self.window is None and table is None and seen is None:
            return None
        mask = hidden(q.shape[-2], k.shape[-2], self.causal, self.window).to(x)
        pairs = mask.shape
        if seen is not None:
            scores = (*x.shape[1:-2], heads, *pairs)
            if seen.dim() - 1 > len(scores):
                raise ValueError("the mask has more axes than the scores")
            sizes = (len(x), *[1] * (len(scores) - seen.dim() + 1), *seen.shape[1:])
            mask = mask + torch.log((seen > 0).to(x)).reshape(sizes).expand(len(x), *scores).flatten(0, -4)
        if table is None:
            return mask.expand(len(q), heads, -1, -1)
        if table.shape[1:] not in ((heads, *pairs), (*x.shape[1:-2], heads, *pairs)):
            raise ValueError("the table is one of other scores")
        if table.dim() > 4:
            return mask + table.flatten(0, -4)
        return mask + table.repeat_interleave(len(q) // len(x), 0)


class MultiheadAttention(Masked, nn.MultiheadAttention):
    """PyTorch's own, for any leading axes, and with a table added to the scores."""

    def __init__(self, width, kdim, vdim, heads, causal=False, window=None, bias_kv=False, zero_attn=False, **keys):
        more = {"add_bias_kv": bias_kv, "add_zero_attn": zero_attn}
        super().__init__(width, heads, kdim=kdim, vdim=vdim, batch_first=True, **more, **keys)
        self.causal, self.window = causal, window

    def forward(self, x, kv=None, k=None, v=None, table=None, seen=None):
        q, k, v = folded(x, *sources(x, kv, k, v))
        mask = self.added(x, q, k, self.num_heads, table, seen)
        mask = None if mask is None else mask.flatten(0, 1)
        return super().forward(q, k, v, attn_mask=mask, need_weights=False)[0].reshape(x.shape)


class Attention(Masked, nn.Module):
    """What torch.nn.MultiheadAttention cannot express, out of linear maps and a softmax."""

    def __init__(self, width, kdim, vdim, heads, head_dim=None, kv_heads=None, bias="qkvo", rope=None, rope_dim=None,
                 qknorm=False, qknorm_eps=1e-6, softcap=None, sinks=False, causal=False, window=None, out=None, scale=None):  # fmt: skip
        super().__init__()
        if head_dim is None and width % heads:
            raise ValueError("heads do not divide the width")
        self.d = width // heads if head_dim is None else head_dim
        self.heads, self.rope, self.rope_dim, self.softcap = heads, rope, rope_dim, softcap
        self.factor = 1 / math.sqrt(self.d) if scale is None else scale
        self.causal, self.window, self.qknorm = causal, window, qknorm
        kv_heads = heads if kv_heads is None else kv_heads
        self.q_proj = nn.Linear(width, heads * self.d, bias="q" in bias)
        self.k_proj = nn.Linear(kdim, kv_heads * self.d, bias="k" in bias)
        self.v_proj = nn.Linear(vdim, kv_heads * self.d, bias="v" in bias)
        if qknorm:
            normed = [self.d] * 2 if qknorm != "width" else [heads * self.d, kv_heads * self.d]
            affine = qknorm != "unscaled"
            self.q_norm, self.k_norm = (nn.RMSNorm(size, qknorm_eps, affine) for size in normed)
        self.sinks = nn.Parameter(torch.randn(heads)) if sinks else None
        self.out_proj = nn.Linear(heads * self.d, out or width, bias="o" in bias)

    def forward(self, x, kv=None, k=None, v=None, table=None, seen=None):
        xs, ks, vs = folded(x, *sources(x, kv, k, v))
        q, k, v = self.q_proj(xs), self.k_proj(ks), self.v_proj(vs)
        if self.qknorm == "width":
            q, k = self.q_norm(q), self.k_norm(k)
        q, k, v = (one.unflatten(-1, (-1, self.d)).transpose(1, 2) for one in (q, k, v))
        if self.qknorm in (True, "unscaled"):
            q, k = self.q_norm(q), self.k_norm(k)
        if self.rope is not None:
            q, k = rotate(q, self.rope, self.rope_dim), rotate(k, self.rope, self.rope_dim)
        if q.shape[1] % k.shape[1]:
            raise ValueError("kv_heads do not divide heads")
        k, v = (t.repeat_interleave(q.shape[1] // t.shape[1], 1) for t in (k, v))
        scores = q @ k.transpose(-1, -2) * self.factor
        if self.softcap is not None:
            scores = self.softcap * torch.tanh(scores / self.softcap)
        mask = self.added(x, q, k, self.heads, table, seen)
        blind = torch.zeros_like(scores[..., :1], dtype=torch.bool)
        if mask is not None:
            scores = scores + mask
            blind = (mask == -torch.inf).all(-1, keepdim=True)  # PyTorch's scaled dot product gives 0 there
        if self.sinks is None:
            weights = scores.masked_fill(blind, 0).softmax(-1).masked_fill(blind, 0)
        else:
            most = torch.maximum(scores.amax(-1), self.sinks[:, None])[..., None]
            given, taken = (scores - most).exp(), (self.sinks[:, None, None] - most).exp()
            weights = given / (given.sum(-1, keepdim=True) + taken)
        y = weights @ v
        return self.out_proj(y.transpose(1, 2).flatten(2)).unflatten(0, x.shape[:-2])


def sources(x, kv, k, v):
    """What keys and values are made of."""
    both = x if kv is None else kv
    k, v = both if k is None else k, both if v is None else v
    if k.shape[-2] != v.shape[-2]:
        raise ValueError("each key has one value")
    return k, v


def inputs(draw):
    """(lead, queries, width) and the shapes by name; keys and values from another sequence, from two, or not."""
    lead = tuple(draw(st.lists(st.integers(1, 3), max_size=2)))
    queries, width = draw(st.integers(1, 5)), draw.of(4, 6, 12, 1, 5)
    shapes = {"x": (*lead, queries, width)}
    apart = draw.of("", "", "", "k", "v", "kv")
    positions = draw(st.integers(1, 5)) if apart == "kv" or draw.wild else queries
    shapes |= {f"m{letter}": (*lead, positions, draw.of(width, 3, 8)) for letter in apart}
    if not apart and draw(st.booleans()):
        shapes["mem"] = (*lead, draw(st.integers(1, 5)), draw.of(width, width, 3, 8))
        if draw.wild and draw(st.booleans()):
            shapes["mem"] = (*draw.of((), (2,), (3, 1)), 2, 4)
    return shapes


def source(shapes, name):
    """The shape of what keys (`mk`) or values (`mv`) are made of."""
    return shapes.get(name, shapes.get("mem", shapes["x"]))


def with_table(draw, shapes, heads):
    """The shapes with a table to add to the scores, and the key that takes it; or without."""
    if not draw(st.booleans()):
        return shapes, {}
    each = draw.of((), shapes["x"][:-2])
    shape = (*each, heads, shapes["x"][-2], source(shapes, "mk")[-2])
    if draw.wild and draw(st.booleans()):
        shape = (heads, 6, 6)
    return shapes | {"t": shape}, {"relbias": "t"}


def with_mask(draw, shapes, heads):
    """The shapes with numbers of which those above 0 let a score through, and the key that takes it; or without."""
    if not draw.of(True, False, False):
        return shapes, {}
    scores = (*shapes["x"][:-2], heads, shapes["x"][-2], source(shapes, "mk")[-2])
    shape = [draw.of(size, 1) for size in scores[draw(st.integers(0, len(scores) - 1)) :]]
    if draw.wild and draw(st.booleans()):
        shape[0] += 1
    return shapes | {"m": tuple(shape)}, {"mask": "seen"}


def written(op, heads, shapes, keys):
    """The layer as lines of a spec, after the mask that it reads."""
    return ["relu from=m name=seen"] * ("m" in shapes) + [line(op, heads, **keys) + " from=x"]


def called(module, shapes):
    """The module with its inputs by their names in the spec."""
    names = {"x": "x", "mem": "kv", "mk": "k", "mv": "v", "t": "table", "m": "seen"}

    class Called(type(module)):
        def forward(self, *tensors):
            return super().forward(**{names[name]: tensor for name, tensor in zip(shapes, tensors)})

    module.__class__ = Called
    return module


@covers("attention")
@settings(DRAWN, max_examples=20 * TIMES)
@given(data=st.data())
def test_attention_of_pytorch(data):
    draw = Draw(data)
    shapes = inputs(draw)
    heads = draw(draw.number(1, 4, -1))
    keys = draw.some(
        bias=st.booleans(),
        bias_kv=st.booleans(),
        zero_attn=st.booleans(),
        dropout=st.sampled_from([0.0, 0.5]),
        causal=st.booleans(),
        window=st.integers(1, 4),
    )
    shapes, ours = with_table(draw, shapes, max(heads, 1))
    shapes, masked = with_mask(draw, shapes, max(heads, 1))
    ours |= masked | {name: given for name, given in (("kv", "mem"), ("k", "mk"), ("v", "mv")) if given in shapes}
    widths = shapes["x"][-1], source(shapes, "mk")[-1], source(shapes, "mv")[-1]
    compare(
        written("attention", heads, shapes, {**keys, **ours}),
        shapes,
        lambda: called(MultiheadAttention(*widths, heads, **keys), shapes),
    )


@covers("attention")
@settings(DRAWN, max_examples=25 * TIMES)
@given(data=st.data())
def test_attention_beyond_pytorchs(data):
    draw = Draw(data)
    shapes = inputs(draw)
    heads = draw(st.integers(1, 6))
    divisors = [size for size in range(1, heads + 1) if heads % size == 0]
    keys = draw.some(
        kv_heads=st.sampled_from([*divisors, *([2 * heads, 4] if draw.wild else [])]),
        head_dim=st.sampled_from([2, 4, 6, *([3, 1] if draw.wild else [])]),
        qknorm=st.sampled_from([True, False, "width", "unscaled"]),
        sinks=st.booleans(),
        out=st.sampled_from([3, 6]),
        softcap=st.sampled_from([50.0, 0.5]),
        scale=st.sampled_from([1.0, 0.25]),
        bias=st.sampled_from(["q", "qkv", "qvo", "o", "vk"]),
        rope=st.sampled_from([10000, 5e5]),
        causal=st.booleans(),
        window=st.integers(1, 4),
    )
    if keys.get("qknorm") and draw(st.booleans()):
        keys["qknorm_eps"] = 0.1
    keys.setdefault("bias", "kvo")  # PyTorch's module has all biases or none
    if "rope" in keys and "head_dim" in keys and draw(st.booleans()):
        keys["rope_dim"] = draw(draw.number(2, keys["head_dim"] // 2 * 2 or 2, 3, keys["head_dim"] + 2))
        keys["rope_dim"] -= 0 if draw.wild else keys["rope_dim"] % 2
    shapes, ours = with_table(draw, shapes, heads)
    shapes, masked = with_mask(draw, shapes, heads)
    ours |= masked | {name: given for name, given in (("kv", "mem"), ("k", "mk"), ("v", "mv")) if given in shapes}
    widths = shapes["x"][-1], source(shapes, "mk")[-1], source(shapes, "mv")[-1]
    compare(
        written("attention", heads, shapes, {**keys, **ours}),
        shapes,
        lambda: called(Attention(*widths, heads, **keys), shapes),
        loose="rope" in keys,
    )


@pytest.mark.parametrize(
    "keys",
    ["", "bias=false", "bias=ovkq", "kv_heads=4", "causal=true", "window=2", "dropout=0.1", "kv=mem", "zero_attn=true"],
)
def test_names_are_pytorchs_wherever_it_can_express_the_layer(keys):
    shapes = {"x": (3, 8), "mem": (5, 8)}
    params = layer(f"attention 4 {keys} from=x", shapes).params
    module = nn.MultiheadAttention(8, 4, bias="bias=false" not in keys)
    assert params == {name: tuple(value.shape) for name, value in module.named_parameters()}


@pytest.mark.parametrize(
    "keys", ["kv_heads=2", "head_dim=2", "bias=qkv", "rope=10000", "softcap=30", "qknorm=true", "sinks=true"]
)
def test_names_are_of_projections_where_it_cannot(keys):
    assert "q_proj.weight" in layer(f"attention 4 {keys}", (3, 8)).params


def test_keys_and_values_of_two_sources():
    """As torch.nn.MultiheadAttention(24, 1, vdim=12): 2·24·24 + 24·12 + 3·24 + 24·24 + 24."""
    shapes = {"q": (10, 24), "k": (10, 24), "v": (10, 12)}
    node = layer("attention 1 from=q k=k v=v", shapes)
    assert sum(math.prod(shape) for shape in node.params.values()) == 2_112
    assert node.output.shape == (10, 24)
    for keys, words in {
        "kv=k v=v": "`kv` is the source of both keys and values",
        "k=k v=short": "each key has one value",
        "k=flat": "keys need a sequence of vectors beside",
        "kv=k rope=100 bias_kv=true": "only torch.nn.MultiheadAttention has `bias_kv`",
    }.items():
        with pytest.raises(SpecError, match=words):
            layer(f"attention 1 from=q {keys}", {**shapes, "short": (7, 24), "flat": (24,)})


def test_bias_of_all_letters_is_bias_true():
    for keys in ("", "kv_heads=2"):
        spelled, plain = layer(f"attention 4 {keys} bias=ovkq", (3, 8)), layer(f"attention 4 {keys}", (3, 8))
        assert spelled.params == plain.params
        assert spelled.other_flops == plain.other_flops


def test_operations_on_scores_and_vectors():
    """Six for each score, and the additions of four biases; then what the keys ask for more."""
    scores, vectors = 4 * 3 * 3, 3 * 8
    plain = 6 * scores + 4 * vectors
    for keys, more in {
        "": 0,
        "bias=false": -4 * vectors,
        "bias=qv": -2 * vectors,
        "softcap=50": 3 * scores,
        "rope=10000": 3 * 2 * vectors,
        "qknorm=true": 4 * 2 * vectors,
        "qknorm=width": 4 * 2 * vectors,
        "qknorm=unscaled": 3 * 2 * vectors,
        "sinks=true": 5 * 4 * 3,
        "rope=10000 kv_heads=2": 3 * (vectors + vectors // 2) - vectors,
        "relbias=t": scores,
    }.items():
        assert layer(["parameter 4x3x3 name=t", f"attention 4 {keys} from=input"], (3, 8)).other_flops == plain + more
