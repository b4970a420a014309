"""Arguments for single layers, drawn so that they mostly fit the tensor before them."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from archcalc.layers.tensor import CHANNELS_FIRST, FEATURES_LAST, Tensor

Keys = dict[str, object]
Draw = Callable[[Random, Tensor], "Keys | None"]
DRAWS: dict[str, Draw] = {}


def draws(*ops: str) -> Callable[[Draw], Draw]:
    """Register how the arguments of `ops` are drawn; None means that the layer does not fit."""

    def register(draw: Draw) -> Draw:
        DRAWS.update(dict.fromkeys(ops, draw))
        return draw

    return register


def some(rng: Random, chance: float = 0.4, **keys: object) -> Keys:
    """Each of the keys with some chance."""
    return {name: value for name, value in keys.items() if value is not None and rng.random() < chance}


def flag(rng: Random) -> bool:
    return rng.random() < 0.5


def divisor(rng: Random, number: int) -> int:
    return rng.choice([d for d in range(1, number + 1) if number % d == 0])


def size(rng: Random, axes: int, low: int, high: int) -> str:
    """One size for all axes, or one for each."""
    if axes == 1 or flag(rng):
        return str(rng.randint(low, high))
    return "x".join(str(rng.randint(low, high)) for _ in range(axes))


def is_first(x: Tensor, low: int = 2, high: int = 4) -> bool:
    return low <= x.rank <= high and x.layout in (None, CHANNELS_FIRST) and not x.integer


def is_last(x: Tensor, low: int = 1, high: int = 8) -> bool:
    return low <= x.rank <= high and x.layout in (None, FEATURES_LAST) and not x.integer


# -- channels first -------------------------------------------------------------------------


@draws("conv")
def _conv(rng: Random, x: Tensor) -> Keys | None:
    if not is_first(x):
        return None
    n = x.rank - 1
    groups = divisor(rng, x.shape[0]) if rng.random() < 0.3 else 1
    keys: Keys = {"channels": groups * rng.randint(1, 4), "kernel": size(rng, n, 1, 3)}
    keys |= some(
        rng, stride=size(rng, n, 1, 2), dilation=size(rng, n, 1, 2), bias=flag(rng), padding=size(rng, n, 0, 2)
    )
    if "stride" not in keys and rng.random() < 0.3:
        keys["padding"] = "same"
    return keys | ({"groups": groups} if groups > 1 else {})


@draws("convtranspose")
def _convtranspose(rng: Random, x: Tensor) -> Keys | None:
    if not is_first(x):
        return None
    n = x.rank - 1
    groups = divisor(rng, x.shape[0]) if rng.random() < 0.3 else 1
    keys: Keys = {"channels": groups * rng.randint(1, 4), "kernel": size(rng, n, 1, 3)}
    keys |= {"groups": groups} if groups > 1 else {}
    return keys | some(
        rng,
        dilation=size(rng, n, 1, 2),
        stride=size(rng, n, 1, 2),
        padding=size(rng, n, 0, 1),
        bias=flag(rng),
        output_padding=rng.randint(0, 1),
    )


@draws("maxpool")
def _maxpool(rng: Random, x: Tensor) -> Keys | None:
    keys = _pool(rng, x)
    return None if keys is None else keys | some(rng, 0.2, dilation=size(rng, x.rank - 1, 1, 2))


@draws("avgpool")
def _pool(rng: Random, x: Tensor) -> Keys | None:
    if not is_first(x):
        return None
    n = x.rank - 1
    keys: Keys = {"kernel": size(rng, n, 1, 3)}
    return keys | some(rng, stride=size(rng, n, 1, 2), padding=size(rng, n, 0, 1), ceil=flag(rng))


@draws("adaptiveavgpool", "adaptivemaxpool")
def _adaptive(rng: Random, x: Tensor) -> Keys | None:
    return {"output": size(rng, x.rank - 1, 1, 4)} if is_first(x) else None


@draws("upsample")
def _upsample(rng: Random, x: Tensor) -> Keys | None:
    if not is_first(x):
        return None
    modes = {2: ["linear"], 3: ["bilinear", "bicubic"], 4: ["trilinear"]}[x.rank]
    mode = some(rng, mode=rng.choice(["nearest", *modes]))
    if rng.random() < 0.3:
        return {"size": size(rng, x.rank - 1, 1, 8)} | mode
    return {"scale": rng.choice(["2", "1", "1.5", "2"])} | mode


@draws("pad")
def _pad(rng: Random, x: Tensor) -> Keys | None:
    if not is_first(x):
        return None
    n = x.rank - 1
    return some(
        rng, 0.6, size=size(rng, n, 0, 2), before=size(rng, n, 0, 2), after=size(rng, n, 0, 2),
        mode=rng.choice(["zeros", "reflect", "replicate", "circular"]),
    )  # fmt: skip


@draws("pixelshuffle")
def _pixelshuffle(rng: Random, x: Tensor) -> Keys | None:
    return {"factor": 2 if x.shape[0] % 4 == 0 else 1} if is_first(x, 3, 3) else None


@draws("pixelunshuffle")
def _pixelunshuffle(rng: Random, x: Tensor) -> Keys | None:
    if not is_first(x, 3, 3):
        return None
    return {"factor": 2 if x.shape[1] % 2 == x.shape[2] % 2 == 0 else 1}


@draws("channelshuffle")
def _channelshuffle(rng: Random, x: Tensor) -> Keys | None:
    return {"groups": divisor(rng, x.shape[0])} if is_first(x) else None


@draws("batchnorm")
def _batchnorm(rng: Random, x: Tensor) -> Keys | None:
    return some(rng, 0.3, affine=flag(rng), eps="1e-3", momentum=0.2) if is_first(x, 1) else None


@draws("instancenorm")
def _instancenorm(rng: Random, x: Tensor) -> Keys | None:
    return some(rng, affine=flag(rng), eps="1e-3") if is_first(x) else None


@draws("groupnorm")
def _groupnorm(rng: Random, x: Tensor) -> Keys | None:
    return {"groups": divisor(rng, x.shape[0])} | some(rng, affine=flag(rng), eps="1e-3") if is_first(x, 1) else None


@draws("localresponsenorm")
def _lrn(rng: Random, x: Tensor) -> Keys | None:
    return {"size": rng.randint(1, 4)} | some(rng, alpha=0.1, beta=0.5, k=2) if is_first(x) else None


# -- features last --------------------------------------------------------------------------


@draws("linear")
def _linear(rng: Random, x: Tensor) -> Keys | None:
    width = rng.choice([x.shape[-1], 4, 6, 8, 12]) if x.rank else 4
    return {"features": width} | some(rng, bias=flag(rng)) if is_last(x) else None


@draws("embedding")
def _embedding(rng: Random, x: Tensor) -> Keys | None:
    return (
        {"vocab": rng.randint(2, 30), "dim": rng.choice([4, 6, 8, 12])}
        if x.integer is not False and x.rank < 3
        else None
    )


@draws("posembed")
def _posembed(rng: Random, x: Tensor) -> Keys | None:
    if not is_last(x, 2):
        return None
    return some(rng, kind=rng.choice(["learned", "sinusoidal"]), length=x.shape[-2] + rng.randint(0, 3))


@draws("clstoken")
def _clstoken(rng: Random, x: Tensor) -> Keys | None:
    return {} if is_last(x, 2) else None


@draws("layernorm")
def _layernorm(rng: Random, x: Tensor) -> Keys | None:
    return some(rng, 0.3, affine=flag(rng), bias=flag(rng), eps="1e-6") if is_last(x) else None


@draws("rmsnorm")
def _rmsnorm(rng: Random, x: Tensor) -> Keys | None:
    return some(rng, 0.3, affine=flag(rng), eps="1e-5") if is_last(x) else None


@draws("rope")
def _rope(rng: Random, x: Tensor) -> Keys | None:
    if not is_last(x, 2) or x.shape[-1] % 2:
        return None
    return some(rng, theta=rng.choice([100, 10000, 500.5])) | some(rng, 0.2, dim=2)


@draws("rnn")
def _rnn(rng: Random, x: Tensor) -> Keys | None:
    keys = _recurrent(rng, x)
    return None if keys is None else keys | some(rng, nonlinearity=rng.choice(["tanh", "relu"]))


@draws("lstm", "gru")
def _recurrent(rng: Random, x: Tensor) -> Keys | None:
    if not is_last(x, 2, 2) or x.shape[0] > 16:  # on the meta device every step of every gate is a call
        return None
    layers = rng.choice([1, 1, 2, 3])
    keys: Keys = {"hidden": rng.choice([3, 4, 6])} | some(rng, bidirectional=flag(rng), bias=flag(rng))
    keys |= {"layers": layers} if layers > 1 else {}
    return keys | (some(rng, dropout=0.5) if layers > 1 else {})


@draws("attention")
def _attention(rng: Random, x: Tensor) -> Keys | None:
    if not is_last(x, 2):
        return None
    heads = divisor(rng, x.shape[-1]) if rng.random() < 0.7 else rng.choice([2, 4])
    keys: Keys = {"heads": heads}
    if x.shape[-1] % heads:
        keys["head_dim"] = rng.choice([2, 4])
    keys |= some(
        rng, 0.2, kv_heads=divisor(rng, heads), head_dim=rng.choice([2, 4]), rope=100, softcap=5.5, qknorm=flag(rng)
    )
    keys |= some(rng, 0.2, rope_dim=2) if "rope" in keys else {}
    return keys | some(
        rng,
        0.3,
        bias=rng.choice(["true", "false", "qkv", "qvo", "o"]),
        causal=flag(rng),
        window=rng.randint(1, 4),
        dropout=0.1,
    )


@draws("relposbias")
def _relposbias(rng: Random, x: Tensor) -> Keys | None:
    heads: Keys = {"heads": rng.randint(1, 4)}
    if flag(rng):
        return heads | {"kind": "window", "window": size(rng, 2, 1, 3)}
    kind: Keys = {"kind": "alibi"} if rng.random() < 0.3 else some(rng, buckets=rng.randint(1, 8))
    return heads | kind if x.rank > 1 and x.shape[-2] < 30 else None


# -- any ------------------------------------------------------------------------------------


@draws(
    "relu",
    "relu6",
    "sigmoid",
    "tanh",
    "silu",
    "mish",
    "hardswish",
    "hardsigmoid",
    "selu",
    "softsign",
    "logsigmoid",
    "exp",
    "identity",
)
def _plain(rng: Random, x: Tensor) -> Keys | None:
    return {}


@draws("leakyrelu")
def _leakyrelu(rng: Random, x: Tensor) -> Keys | None:
    return some(rng, 0.7, slope=0.2)


@draws("elu")
def _elu(rng: Random, x: Tensor) -> Keys | None:
    return some(rng, 0.7, alpha=0.5)


@draws("celu")
def _celu(rng: Random, x: Tensor) -> Keys | None:
    return some(rng, 0.7, alpha=0.5)


@draws("hardtanh")
def _hardtanh(rng: Random, x: Tensor) -> Keys | None:
    return some(rng, low=-2, high=6)


@draws("glu")
def _glu(rng: Random, x: Tensor) -> Keys | None:
    axis = rng.randrange(x.rank)
    return {"axis": axis} if x.shape[axis] % 2 == 0 else None


@draws("softplus")
def _softplus(rng: Random, x: Tensor) -> Keys | None:
    return some(rng, 0.7, beta=2)


@draws("gelu")
def _gelu(rng: Random, x: Tensor) -> Keys | None:
    return some(rng, approximate=rng.choice(["none", "tanh"]))


@draws("prelu")
def _prelu(rng: Random, x: Tensor) -> Keys | None:
    return some(rng, parameters=x.shape[0]) if x.layout != FEATURES_LAST else {}


@draws("softmax", "logsoftmax")
def _softmax(rng: Random, x: Tensor) -> Keys | None:
    return some(rng, axis=rng.randint(-x.rank, x.rank - 1))


@draws("dropout", "droppath")
def _dropout(rng: Random, x: Tensor) -> Keys | None:
    return some(rng, p=0.25)


@draws("scale")
def _scale(rng: Random, x: Tensor) -> Keys | None:
    return {"factor": rng.choice([0.5, -2, "3**-0.5", 2])}


@draws("layerscale")
def _layerscale(rng: Random, x: Tensor) -> Keys | None:
    return some(rng, init=0.1)


@draws("parameter")
def _parameter(rng: Random, x: Tensor) -> Keys | None:
    return {"shape": rng.choice(["x".join(map(str, map(int, x.shape))), str(int(x.shape[-1])), "3x4"])}


# -- axes -----------------------------------------------------------------------------------


def axis(rng: Random, x: Tensor) -> int:
    return rng.randint(-x.rank, x.rank - 1)


@draws("flatten")
def _flatten(rng: Random, x: Tensor) -> Keys | None:
    start = rng.randint(0, x.rank - 1)
    return some(rng, start=start, end=rng.randint(start, x.rank - 1)) if x.rank > 1 else {}


@draws("rearrange")
def _rearrange(rng: Random, x: Tensor) -> Keys | None:
    names = list("abcdefgh"[: x.rank])
    split = next((i for i in range(x.rank) if x.shape[i] % 2 == 0 and rng.random() < 0.3), None)
    left = [f"(s {n})" if i == split else n for i, n in enumerate(names)]
    right = [*names, "s"] if split is not None else list(names)
    rng.shuffle(right)
    if len(right) > 2 and (len(right) > 4 or flag(rng)):
        at = rng.randint(0, len(right) - 2)
        right[at : at + 2] = [f"({right[at]} {right[at + 1]})"]
    if rng.random() < 0.2:
        right.insert(rng.randint(0, len(right)), "1")
    pattern = f"{' '.join(left)} -> {' '.join(right)}"
    if rng.random() < 0.2 and x.rank > 1:
        pattern = rng.choice(["a ... -> ... a", "... a -> a ...", "a ... -> a (...)", "a ... -> 1 ... a"])
        split = None
    return {"pattern": f"'{pattern}'", **({"s": 2} if split is not None else {})}


@draws("reshape")
def _reshape(rng: Random, x: Tensor) -> Keys | None:
    rest, sizes = int(x.elements), []
    for _ in range(rng.randint(1, 3)):
        sizes.append(divisor(rng, rest))
        rest //= sizes[-1]
    sizes.insert(rng.randint(0, len(sizes)), -1 if flag(rng) else rest)
    return {"shape": "x".join(map(str, sizes))}


@draws("transpose")
def _transpose(rng: Random, x: Tensor) -> Keys | None:
    return some(rng, axes=f"{axis(rng, x)}x{axis(rng, x)}") if x.rank > 1 else None


@draws("select")
def _select(rng: Random, x: Tensor) -> Keys | None:
    where = axis(rng, x)
    return {"index": rng.randint(-x.shape[where], x.shape[where] - 1), "axis": where} if x.rank > 1 else None


@draws("slice")
def _slice(rng: Random, x: Tensor) -> Keys | None:
    where = axis(rng, x)
    return some(
        rng, 0.6, start=rng.randint(-x.shape[where], x.shape[where] - 1), end=rng.randint(1, x.shape[where])
    ) | {"axis": where}


@draws("split")
def _split(rng: Random, x: Tensor) -> Keys | None:
    where = axis(rng, x)
    return {"parts": divisor(rng, min(12, int(x.shape[where]))), "axis": where}


@draws("expand")
def _expand(rng: Random, x: Tensor) -> Keys | None:
    sizes = [rng.choice([2, 3]) if one == 1 else rng.choice([-1, int(one)]) for one in x.shape]
    return {"shape": "x".join(map(str, [rng.randint(1, 3), *sizes] if flag(rng) and x.rank < 4 else sizes))}


@draws("mean")
def _mean(rng: Random, x: Tensor) -> Keys | None:
    axes = rng.sample(range(x.rank), rng.randint(1, min(2, x.rank)))
    return {"axis": "x".join(map(str, axes))} | some(rng, keepdim=flag(rng))


@draws("roll")
def _roll(rng: Random, x: Tensor) -> Keys | None:
    count = rng.randint(1, min(2, x.rank))
    axes = rng.sample(range(x.rank), count)
    return {"shift": "x".join(str(rng.randint(-3, 3)) for _ in axes), "axes": "x".join(map(str, axes))}
