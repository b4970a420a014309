"""What one output sees, found with PyTorch by changing one input after the other."""

import random
from itertools import pairwise

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from archcalc.diagnostics import SpecError
from archcalc.layers.field import ITSELF
from archcalc.network.paths import fields
from archcalc.pytorch.instance import instantiate
from tests.each import each
from tests.outcome import TIMES

from .oracle import FEW, Draw, graph, layer, line


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
    (field,) = node.layer.field(node.exit, node.inputs[0])
    assert {last - first + 1 for first, last in found} == {field.size}
    assert {after[0] - before[0] for before, after in pairwise(found)} == {field.step}


@FEW
@given(size=st.integers(1, 20), output=st.integers(2, 20))
def test_adaptive_windows(size, output):
    node = layer(f"adaptiveavgpool {output}", (1, size))
    (field,) = node.layer.field(node.exit, node.inputs[0])
    assert [field.at(one) for one in range(output)] == seen(nn.AdaptiveAvgPool1d(output), size)


def test_layers_that_keep_positions_see_one_and_layers_that_move_them_cannot_say():
    for op in ("relu", "batchnorm", "linear 4", "softmax axis=-1", "dropout", "identity"):
        node = layer(op, (4, 6))
        assert node.layer.field(node.exit, node.inputs[0]) == [ITSELF], op
    for op in ("reshape 24", "transpose", "flip 0"):
        node = layer(op, (4, 6))
        assert node.layer.field(node.exit, node.inputs[0]) is None, op


def chain(r):
    """Lines of layers along one axis, some of which make it longer."""
    lines, size = [], 24
    for _ in range(r.randint(1, 5)):
        kernel = r.randint(1, 4)
        kind = r.choice(("conv", "conv", "pool", "up", "up", "size", "transposed", "crop", "pad", "copies"))
        if kind == "conv":
            lines.append(
                f"conv 1 kernel={kernel} stride={r.randint(1, 2)} padding={r.randint(0, 2)} dilation={r.randint(1, 2)}"
            )
        elif kind == "pool":
            lines.append(f"avgpool {kernel} stride={r.randint(1, 3)} padding={kernel // 2}")
        elif kind == "up":
            mode = r.choice(("nearest", "nearest-exact", "linear", "linear align_corners=true"))
            lines.append(f"upsample {r.choice(('2', '3', '1.5', '0.5'))} mode={mode}")
        elif kind == "size":
            lines.append(f"upsample size={r.randint(5, 30)} mode={r.choice(('nearest', 'linear'))}")
        elif kind == "transposed":
            lines.append(f"convtranspose 1 kernel={kernel} stride={r.randint(1, 3)} padding={r.randint(0, 1)}")
        elif kind == "crop":
            lines.append(f"crop {r.randint(5, 12)}")
        elif kind == "pad":
            lines.append(f"pad before={r.randint(0, 2)} after={r.randint(0, 2)}")
        else:
            lines.append(
                f"conv 1 kernel=3 padding={r.randint(0, 2)} dilation={r.randint(1, 2)} repeat={r.randint(2, 4)}"
            )
        size += 1
    return lines


@each(range(40 * TIMES))
def test_fields_go_on_through_what_makes_the_axis_longer(seed):
    """Of outputs that see no border, what changes them is what the field says, or inside it where taps have holes."""
    lines, size = chain(random.Random(f"field/{seed}")), 40
    try:
        net = graph(lines, (1, size))
    except SpecError:
        return
    ((axis,),) = [fields(net)[id(output)] or (None,) for output in net.outputs.values()]
    if axis is None:
        assert any("upsample" in line for line in lines), "only resizing has patterns that are too long"
        return
    module = instantiate(net).double()
    for parameter in module.parameters():
        nn.init.constant_(parameter, 0.5)
    with torch.no_grad():
        base = module(torch.zeros(1, 1, size, dtype=torch.double))[0, 0]
        changed = torch.stack(
            [module(one.reshape(1, 1, -1))[0, 0] != base for one in torch.eye(size, dtype=torch.double)]
        )
    compared = tight = 0
    for output, column in enumerate(changed.T):
        places = column.nonzero().flatten().tolist()
        span = axis.at(output)
        if span is None:
            assert not places
        elif span[0] >= 0 and span[1] < size and places:
            assert span[0] <= min(places)
            assert max(places) <= span[1]
            tight += (min(places), max(places)) == span
            compared += 1
    holes = any("dilation=2" in line or "stride=3" in line for line in lines)
    inner_borders = any("crop" in line for line in lines)
    assert tight == compared or holes or inner_borders or "0.5" in str(lines), lines
