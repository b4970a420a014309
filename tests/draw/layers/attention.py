"""Attention, and tables of what positions are to each other."""

from __future__ import annotations

from archcalc.layers.tensor import Tensor
from tests.draw.layers import fits, key, often
from tests.draw.layers.place import Place

often(4, "attention")


@key("heads", of="attention")
def heads(at: Place) -> object:
    return at.divisor(at.shape[-1]) if at.chance(0.7) else at.pick(2, 4)


@key("kv_heads", of="attention", chance=0.2)
def kv_heads(at: Place) -> object:
    return at.divisor(at["heads"])


@key("head_dim", of="attention", chance=1)
def head_dim(at: Place) -> object:
    return at.pick(2, 4) if at.shape[-1] % at["heads"] or at.chance(0.2) else None


@key("rope", of="attention", chance=0.2)
def rope(at: Place) -> object:
    return at.pick(100, 10000)


@key("rope_dim", of="attention", chance=0.25)
def rope_dim(at: Place) -> object:
    return 2 if at["rope"] else None


@key("window", of="attention", chance=0.25)
def window(at: Place) -> object:
    return at.whole(1, 4)


@key("softcap", of="attention", chance=0.2)
def softcap(at: Place) -> object:
    return 5.5


@key("scale", of="attention", chance=0.2)
def scale(at: Place) -> object:
    return at.pick(1, 0.3)


@key("dropout", of="attention")
def dropout(at: Place) -> object:
    return 0.1


@fits("relposbias")
def few_positions(x: Tensor) -> bool:
    return x.rank > 1 and x.shape[-2] < 30


@key("heads", of="relposbias")
def heads_(at: Place) -> object:
    return at.whole(1, 4)


@key("kind", of="relposbias", chance=0.6)
def kind(at: Place) -> object:
    return at.pick("window", "window", "alibi", "bucket")


@key("window", of="relposbias", chance=1)
def table(at: Place) -> object:
    return at.size(1, 3, axes=at.whole(2, 3)) if at["kind"] == "window" else None


@key("buckets", of="relposbias")
def buckets(at: Place) -> object:
    return at.whole(1, 8) if at["kind"] in (None, "bucket") else None


@key("qknorm_eps", of="attention", chance=0.3)
def norm_eps(at: Place) -> object:
    return 0.01 if at["qknorm"] else None


@key("causal", of="relposbias", chance=0.4)
def causal_table(at: Place) -> object:
    return at["kind"] in (None, "bucket")


@key("out", of="attention", chance=0.2)
def out(at: Place) -> object:
    return at.whole(1, 9)
