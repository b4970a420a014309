"""What becomes of a spec, whatever it holds: a network with numbers, or messages with places."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

from archcalc.cost import Costs
from archcalc.diagnostics import RequestError, Source, SpecError, split_lines
from archcalc.network.load import Graph, build_graph
from archcalc.network.paths import depth, fields

SEED = 20240607
# How many times as many examples are drawn as CI has time for.
TIMES = int(os.environ.get("ARCHCALC_EXAMPLES", "1"))
# What `build` refuses with its reason, as PyTorch's modules or this writer cannot say it.
NOT_BUILT = (
    "cannot be written yet",
    "cannot be passed on yet",
    "cannot know the size of the batch",
    "writes a file in which to put it",
)

# A spec that uses about everything.
EVERYTHING = """\
model: everything
hparams: {width: 8, depth: 2, flag: true, size: 3x5}
variants: {large: {width: 16}}
dims: {seq: 12, half: seq//2}
input: {image: [3, 32, 32], text: [seq], vectors: [seq, 16]}
blocks:
  bottleneck(n, stride=1, k=max(1, 3)):
    - residual:
        layers: [conv n kernel=1, batchnorm, relu, conv 4*n kernel=k padding=k//2 stride=stride]
        shortcut: [conv 4*n kernel=1 stride=stride]
  up(n, skip):
    - convtranspose n kernel=2 stride=2
    - concat: [skip, prev]
layers:
  - conv width kernel=3 padding=1 from=image name=stem
  - maxpool 2
  - up width skip=stem
  - bottleneck 4 repeat=depth
  - repeat: 3
    layers: [conv cin kernel=3 padding=1 groups=cin bias=flag, relu]
  - [adaptiveavgpool 1, flatten, linear 10 name=classes]
  - embedding 100 dim=16 from=text name=table
  - posembed length=64
  - attention heads=4 causal=true window=5 kv=vectors bias=qkv
  - moe: {experts: 4, top_k: 2, layers: [linear 32, gelu, linear 16]}
  - lstm 8 layers=2 bidirectional=true name=encoder dropout=1e-1
  - rearrange 's (a b) -> (s a) b' a=2
  - linear 16 from=vectors
  - linear 100 bias=false tie=table name=logits
  - matmul: [encoder, [transpose from=encoder]]
  - einsum: {equation: 'sv,st->vt', operands: [logits, logits]}
output: [classes, logits]
loss: crossentropy
budget: {params: 25M, macs: 4G, memory: 8GiB}
expect: {params: 1, output: [[10], [12, 100]]}
"""

NUMBERS = [
    "0", "-1", "1", "3.7", "1e309", "nan", "inf", str(2**63), str(2**63 - 1), str(2**31), "1" + "0" * 30, "1e-5", "017",
    "0x10", "3x5", "1x2x3x4x5x6x7x8x9", "-0", "1e30", "1_000", "٣", "true", "no", "''", "10**10**10", "1/0", "(1", "2)",
]  # fmt: skip


def outcome(make: Callable[[], Graph]) -> SpecError | RequestError | None:
    """None for a network whose numbers can be computed; else the error, looked at closely."""
    refusal: SpecError | RequestError
    try:
        net = make()
    except RequestError as error:
        refusal = error
    except SpecError as error:
        refusal = error
    else:
        compute(net)
        return None
    assert str(refusal)
    if isinstance(refusal, SpecError):
        assert refusal.diagnostics
        for diagnostic in refusal.diagnostics:
            check(diagnostic)
    return refusal


def compute(net: Graph) -> None:
    totals = Costs(net).totals
    assert min(totals.params, totals.macs, totals.other_flops, totals.activation_bytes) >= 0
    assert depth(net) >= 0
    assert fields(net)
    assert net.outputs
    assert all(size >= 1 for tensor in net.outputs.values() for size in tensor.shape)


def check(diagnostic: Any) -> None:
    assert re.fullmatch(r"[A-Z]{3}\d{3}", diagnostic.code)
    assert diagnostic.message
    assert len(str(diagnostic)) < 50_000
    for place in (diagnostic.place, *(note.place for note in diagnostic.notes if note.place)):
        lines = split_lines(place.source.text)
        assert 1 <= place.line <= len(lines)
        assert 1 <= place.column <= len(lines[place.line - 1]) + 1
        assert (place.end_line, place.end_column) >= (place.line, place.column)


def built(text: str, **keys: Any) -> SpecError | RequestError | None:
    return outcome(lambda: build_graph(Source("t.yaml", text), **keys))


def says(text: str, *parts: str) -> None:
    """The first thing said of `text` has these parts."""
    error = built(text)
    assert isinstance(error, SpecError)
    assert all(part in str(error.diagnostics[0]) for part in parts), str(error)[:1000]


def spec(layers: str, top: str = "", input: str = "[3, 32, 32]") -> str:
    return f"model: m\n{top}input: {input}\nlayers:\n  - {layers}\n"
