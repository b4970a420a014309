"""Layers with a matrix or a table."""

from __future__ import annotations

from archcalc.layers.tensor import Tensor
from tests.draw.layers import fits, key, often
from tests.draw.layers.place import Place

often(4, "linear")
often(3, "embedding")


# Places are looked for among so many, and an embedding has a row for each.
MOST_PLACES = 16


@key("features", of="linear")
def features(at: Place) -> object:
    return at.pick(at.shape[-1], 4, 6, 8, 12)


@key("transposed", of="linear", chance=0.2)
def transposed(at: Place) -> object:
    return at["reparam"] is None and not isinstance(at["bias"], str)


@fits("argmax", "argmin")
def is_short(x: Tensor) -> bool:
    return max(x.shape) <= MOST_PLACES


@fits("embedding")
def holds_ids(x: Tensor) -> bool:
    return x.integer is not False and x.rank < 3


@key("size", of="index")
def index_size(at: Place) -> object:
    return at.whole(1, MOST_PLACES)


@key("vocab", of="embedding")
def vocab(at: Place) -> object:
    return at.whole(MOST_PLACES, 40)  # a place that was looked for has a row


@key("dim", of="embedding")
def dim(at: Place) -> object:
    return at.pick(4, 6, 8, 12)


@key("padding_idx", of="embedding", chance=0.2)
def padding_idx(at: Place) -> object:
    return at.pick(0, -1)


@key("values", of="constant", chance=0.3)
def values(at: Place) -> object:
    return [at.whole(0, 3), 0.5, 2]


@key("shape", of=("parameter", "constant"), chance=0.8)
def shape(at: Place) -> object:
    return at.pick("x".join(map(str, at.shape)), str(at.shape[-1]), "3x4")
