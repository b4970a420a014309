"""What attention without projections, norms over channels and largest elements need in passing is what PyTorch's allocator records."""

from __future__ import annotations

from tests.each import each
from tests.memory.processors import HAS_BF16
from tests.memory.test_in_passing import apart

# Features of keys and of values, and more of `sdpa`.
ATTENTION = [
    (24, 24, ""),  # one kernel
    (16, 32, "window=3"),
    (16, 24, "kv_heads=1 causal=true"),
    (16, 24, "relbias=b"),
    (16, 24, "causal=true window=3 dropout=0.1"),
    (16, 24, "softcap=5 kv_heads=1"),
    (16, 24, "sinks=true causal=true window=4"),
]


@each(ATTENTION)
def test_attention_without_projections(key: int, value: int, more: str) -> None:
    """Queries, keys and values by heads: copies where they are no stack of matrices."""
    few = 1 if "kv_heads" in more else 4
    layers = (
        f"parameter 4x40x40 name=b, linear 32 from=input name=x, linear {4 * key}, reshape 40x4x{key}, transpose 0x1 name=q, "
        f"linear {few * (key + value)} from=x, reshape 40x{few}x{key + value}, transpose 0x1, split sizes={key}x{value} axis=2 name=s, "
        f"sdpa q=q k=s.0 v=s.1 {more}, transpose 0x1, flatten start=1, linear 4"
    )
    text = f"{{model: m, input: [40, 16], layers: [{layers}]}}"
    # The 16-bit kernels of fused attention and of products have rooms of their own.
    bf16 = HAS_BF16 and key != value and not more.startswith(("softcap", "sinks"))
    runs = [("inference", "fp32", 0.002), ("train", "fp32", 0.002), *[("inference", "bf16", 0.005)] * bf16]
    for mode, precision, rel in runs:
        found, measured = apart(text, mode, 4, precision=precision)
        assert abs(found / measured - 1) < rel, (mode, precision, found, measured)


NORMS = [
    ("[24, 14, 14]", "conv 32 kernel=3, localresponsenorm 5, conv 8 kernel=1"),
    ("[24, 40]", "conv 32 kernel=3, localresponsenorm 3, conv 8 kernel=1"),
    ("[3, 20, 20]", "localresponsenorm 9, conv 4 kernel=3"),
    ("[24, 14, 14]", "convtranspose 32 kernel=3, localresponsenorm 5 beta=0.5, relu"),
]


@each(NORMS)
def test_norm_over_channels(given: str, layers: str) -> None:
    """Under autocast the mean over channels of images is in fp32, and a first convolution keeps its 16-bit filters."""
    text = f"{{model: m, input: {given}, layers: [{layers}]}}"
    for mode in ("inference", "train"):
        for precision in ("fp32", "autocast-bf16") if HAS_BF16 else ("fp32",):
            found, measured = apart(text, mode, 4, precision=precision)
            assert abs(found / measured - 1) < 0.002, (mode, precision, found, measured)


POOLS = [
    ("[8, 24, 24]", "maxpool 2 stride=1"),
    ("[8, 24, 24]", "maxpool 3 padding=same_upper stride=2"),
    ("[8, 24, 24]", "maxpool 2 indices=true"),
    ("[8, 96]", "maxpool 2"),
    ("[4, 10, 10, 10]", "maxpool 2"),
    ("[8, 96]", "adaptivemaxpool 48"),
    ("[8, 24, 24]", "adaptivemaxpool 12"),
]


@each(POOLS)
def test_places_of_the_largest(given: str, layer: str) -> None:
    """At inference they are computed too, and dropped."""
    text = f"{{model: m, input: {given}, layers: [relu, {layer} name=p, relu]}}"
    for precision in ("fp32", "bf16"):
        found, measured = apart(text, "inference", 4, precision=precision)
        assert abs(found / measured - 1) < 0.002, (precision, found, measured)
