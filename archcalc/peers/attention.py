"""The parts of an attention layer: some tools count one and not the other."""

from __future__ import annotations

from archcalc.layers.attention import Attention
from archcalc.peers.call import Call
from archcalc.quantity import product


def is_multihead(call: Call) -> bool:
    """Whether it is written with torch.nn.MultiheadAttention, and not with four linear layers."""
    return _layer(call).is_multihead_attention()


def products(call: Call) -> tuple[int, int]:
    """The MACs of the four projections, and those of scores and weighted values."""
    queries, keys = _rows(call)
    weights = {name: size for name, size in call.weights.items() if name.endswith("weight")}
    if "in_proj_weight" in weights:
        third = weights.pop("in_proj_weight") // 3
        weights.update(q_proj_weight=third, k_proj_weight=third, v_proj_weight=third)
    read_by = {"q": queries, "k": keys, "v": keys, "o": queries}
    projections = sum(read_by[name[0]] * size for name, size in weights.items() if "proj" in name)
    return projections, call.macs - projections


def biases(call: Call) -> int:
    """Additions of a bias in projections that are layers of their own."""
    queries, keys = _rows(call)
    read_by = {"q": queries, "k": keys, "v": keys, "o": queries}
    return sum(read_by[name[0]] * size for name, size in call.weights.items() if name.endswith("_proj.bias"))


def has_bias_of_scores(call: Call) -> bool:
    """Whether learned numbers are added to the scores."""
    return _layer(call).relbias is not None


def _layer(call: Call) -> Attention:
    assert isinstance(call.layer, Attention)
    return call.layer


def _rows(call: Call) -> tuple[int, int]:
    """Positions that queries are made of, and those that keys and values are made of."""
    given = _layer(call).kv
    keys = call.x if given is None else given
    lead = call.batch * int(product(call.x.shape[:-2]))
    return lead * int(call.x.shape[-2]), lead * int(keys.shape[-2])
