"""What one output sees, found with PyTorch by changing one input after the other."""

from itertools import pairwise

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from .oracle import FEW, Draw, layer, line


def seen(module, size):
    """For each output of a layer along one axis the first and last input that changes it."""
    base = module(torch.zeros(1, 1, size))[0, 0]
    changed = torch.stack([module(torch.eye(size)[i].reshape(1, 1, -1))[0, 0] != base for i in range(size)])
    return [(int(column.nonzero().min()), int(column.nonzero().max())) for column in changed.T]


@FEW
@given(data=st.data())
def test_windows(data):
    draw = Draw(data)
    kernel, keys = draw(st.integers(1, 4)), draw.some(stride=st.integers(1, 3), dilation=st.integers(1, 3))
    op = draw.of("conv 1", "maxpool", "avgpool")
    if op == "avgpool":
        keys.pop("dilation", None)
    size = 24
    if op == "conv 1":
        conv = nn.Conv1d(1, 1, kernel, bias=False, **keys)
        nn.init.ones_(conv.weight)
        found, node = seen(conv, size), layer(line(op, kernel=kernel, **keys), (1, size))
    else:
        module = nn.MaxPool1d if op == "maxpool" else nn.AvgPool1d
        found, node = seen(module(kernel, **keys), size), layer(line(op, kernel, **keys), (1, size))
    ((extent, step),) = node.layer.field(node.inputs[0])
    assert {last - first + 1 for first, last in found} == {extent}
    assert {after[0] - before[0] for before, after in pairwise(found)} == {step}


@FEW
@given(size=st.integers(1, 20), output=st.integers(2, 20))
def test_adaptive_windows(size, output):
    node = layer(f"adaptiveavgpool {output}", (1, size))
    ((extent, _),) = node.layer.field(node.inputs[0])
    assert extent == max(last - first + 1 for first, last in seen(nn.AdaptiveAvgPool1d(output), size))


def test_layers_that_keep_positions_see_one_and_layers_that_move_them_cannot_say():
    for op in ("relu", "batchnorm", "linear 4", "softmax axis=0", "dropout", "identity"):
        node = layer(op, (4, 6))
        assert node.layer.field(node.inputs[0]) == [(1, 1)], op
    for op in ("reshape 24", "transpose", "flatten", "upsample 2", "convtranspose 2 kernel=2"):
        node = layer(op, (4, 6))
        assert node.layer.field(node.inputs[0]) is None, op
