"""The parts of an attention layer: some tools count one and not the other."""

from __future__ import annotations

from archcalc.layers.attention import Attention
from archcalc.layers.kernels import attention as kernels
from archcalc.layers.scores import Scored
from archcalc.peers.call import Call
from archcalc.quantity import product


def is_multihead(call: Call) -> bool:
    """Whether it is written with torch.nn.MultiheadAttention instead of four linear layers."""
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
    """Bias additions in projections that are separate layers."""
    queries, keys = _rows(call)
    read_by = {"q": queries, "k": keys, "v": keys, "o": queries}
    return sum(read_by[name[0]] * size for name, size in call.weights.items() if name.endswith("_proj.bias"))


def is_fused(call: Call) -> bool:
    """Whether one CPU kernel computes scores and weighted values."""
    return kernels.is_fused(_layer(call), learns_table(call))


def learns_table(call: Call) -> bool:
    """Whether learned numbers are added to the scores."""
    assert isinstance(call.layer, Scored)
    table = call.layer.relbias
    if table is None:
        return False
    producer = call.edges.producer(table)
    return producer is None or bool(producer.params or producer.tied)


def is_step_by_step(call: Call) -> bool:
    """Whether scores and weighted values are two matrix products in the source."""
    assert isinstance(call.layer, Scored)
    return call.layer.is_scored_by_hand


def _layer(call: Call) -> Attention:
    assert isinstance(call.layer, Attention)
    return call.layer


def _rows(call: Call) -> tuple[int, int]:
    """The numbers of positions of queries, and of keys and values."""
    keys, _ = _layer(call).keys_and_values(call.x)
    lead = call.batch * int(product(call.x.shape[:-2]))
    return lead * int(call.x.shape[-2]), lead * int(keys.shape[-2])
