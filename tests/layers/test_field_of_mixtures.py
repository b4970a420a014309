"""What an output sees through layers that mix whole axes or move places, by PyTorch's gradients."""

from __future__ import annotations

import itertools
import random

import pytest
import torch

from archcalc.diagnostics import SpecError
from archcalc.network.paths import EVERYTHING, fields
from archcalc.pytorch.instance import instantiate
from tests.each import each
from tests.outcome import TIMES

from .oracle import graph

IMAGE = (
    "conv 2 kernel=3 padding=1", "conv 4 kernel=1x3", "maxpool 2", "softmax axis=0", "softmax axis=1", "logsoftmax axis=2",
    "groupnorm 2", "instancenorm", "batchnorm", "layernorm axes=1x2", "adaptiveavgpool 1x-1", "adaptivemaxpool 3",
    "mean axis=1 keepdim=true", "sum axis=0 keepdim=true", "normalize axis=2", "rmsnorm axis=0", "cumsum axis=1", "flip axis=0",
    "flip axis=2", "roll 1 axes=1", "slice 1 axis=1", "slice 2 axis=0", "slice 0 axis=2 step=2", "pad 1x0x2 axis=0x1x2", "relu",
    "{residual: [softmax axis=1]}", "{mul: [prev, [adaptiveavgpool 1, sigmoid]]}", "{concat: [prev, [softmax axis=2]]}",
    "{concat: [prev, prev], axis: 1}", "glu axis=0", "glu axis=1", "localresponsenorm 3", "tile 1x2x1", "tile 2x1x1", "mean axis=2",
)  # fmt: skip
SEQUENCE = (
    "linear 4", "attention 2", "attention 2 window=2", "attention 2 window=2 causal=true", "gru 4", "lstm 2 bidirectional=true",
    "softmax axis=0", "softmax axis=1", "layernorm", "clstoken", "slice 1", "pad 1 axis=0", "posembed", "cumsum axis=0", "gelu",
    "{residual: [layernorm, attention 1 window=2]}", "sdpa q=prev k=prev v=prev", "mean axis=0", "max axis=0 keepdim=true", "flip 0",
    "identity", "{moe: {experts: 3, top_k: 2, layers: [linear 8, gelu, linear 4]}}",
    "{repeat: 3, layers: [{residual: [attention 1 window=2]}]}", "{repeat: 3, layers: [softmax axis=0, linear 4]}",
)  # fmt: skip


def depends(module, shape, where, axes):
    """Along each of the input's `axes` the first and last place that changes the elements of the output at `where`."""
    x = torch.rand(1, *shape, dtype=torch.double, requires_grad=True)
    weights = torch.rand(module(x)[0][where].shape, dtype=torch.double)
    (gradient,) = torch.autograd.grad((module(x)[0][where] * weights).sum(), x)
    places = gradient[0].nonzero()
    return [(int(places[:, axis].min()), int(places[:, axis].max())) if len(places) else None for axis in axes]


@each(range(25 * TIMES))
def test_what_is_seen_is_what_gradients_reach(seed):
    r = random.Random(f"mixtures/{seed}")
    torch.manual_seed(seed)
    image = r.random() < 0.6
    first, kinds, shape = ("conv 4 kernel=1", IMAGE, (2, 6, 5)) if image else ("linear 4", SEQUENCE, (6, 4))
    lines = [first, *(r.choice(kinds) for _ in range(r.randint(1, 3)))]
    try:
        net = graph(lines, shape)
    except SpecError:
        return
    (x,), (y,) = net.inputs.values(), net.outputs.values()
    seen = fields(net)[id(y)]
    if seen is None:
        return
    module = instantiate(net).double().eval()
    for parameter in module.parameters():
        torch.nn.init.uniform_(parameter, -0.5, 0.5)
    sizes = [int(x.shape[axis]) for axis in x.positions]
    whole = [(0, size - 1) for size in sizes]
    if seen == EVERYTHING:
        found = depends(module, shape, slice(None), x.positions)
        assert found == whole or any(" max" in f" {line}" or "adaptivemax" in line for line in lines), lines
        return
    kept = [axis for axis in range(len(seen)) if len(y.positions) == len(seen) or not seen[axis].is_constant]
    for place in itertools.product(*(range(int(y.shape[axis])) for axis in y.positions)):
        where = [slice(None)] * y.rank
        for axis, index in zip(y.positions, place):
            where[axis] = index
        at = dict(zip(kept, place))
        told = [axis.at(at.get(index, 0)) for index, axis in enumerate(seen)]
        for span, reached, size in zip(told, depends(module, shape, tuple(where), x.positions), sizes):
            assert reached is None or (span is not None and span[0] <= reached[0] and reached[1] <= span[1]), (
                lines,
                place,
            )
            assert span is None or span[1] - span[0] < size + 8


@pytest.mark.parametrize(
    ("lines", "shape", "told"),
    [
        (["conv 4 kernel=3 padding=1", "softmax axis=2"], (2, 6, 5), [(3, 1), (5, 0)]),
        (["conv 4 kernel=3 padding=1", "softmax axis=1", "softmax axis=2"], (2, 6, 5), EVERYTHING),
        (["conv 4 kernel=1", "{mul: [prev, [adaptiveavgpool 1, sigmoid]]}"], (2, 6, 5), EVERYTHING),
        (["conv 4 kernel=1", "mean axis=2", "conv 2 kernel=3"], (2, 6, 5), [(3, 1), (5, 0)]),
        (["conv 4 kernel=1 name=c", "slice 2", "batchnorm"], (2, 6, 5), [(1, 1), (1, 1)]),
        (["linear 4", "attention 2 window=2", "attention 2 window=2"], (6, 4), [(5, 1)]),
        (["linear 4", "attention 2"], (6, 4), EVERYTHING),
        (["linear 4", "layernorm"], (6, 4), [(1, 1)]),
        (["conv 4 kernel=1", "reshape 4x-1", "transpose", "attention 2"], (2, 6, 5), EVERYTHING),
        (["conv 4 kernel=1", "slice 1 axis=1", "reshape 4x-1", "transpose", "attention 2"], (2, 6, 5), None),
        (["conv 4 kernel=1", "reshape 4x-1", "transpose", "linear 4"], (2, 6, 5), None),
    ],
)  # fmt: skip
def test_along_each_axis(lines, shape, told):
    net = graph(lines, shape)
    seen = fields(net)[id(next(iter(net.outputs.values())))]
    assert (seen if not isinstance(seen, tuple) else [(axis.size, axis.step) for axis in seen]) == told
