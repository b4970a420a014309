import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import archcalc
from archcalc.diagnostics import SpecError

from .oracle import FEW, LAYOUTS, Draw, compare, covers, dims, graph, layer, line


class Along(nn.RMSNorm):
    """Vectors along any axis."""

    def __init__(self, size, axis):
        super().__init__(size, eps=1e-6)
        self.axis = axis

    def forward(self, x):
        return super().forward(x.movedim(self.axis, -1)).movedim(-1, self.axis)


@covers("batchnorm", "instancenorm")
@pytest.mark.parametrize("op", ["Batch", "Instance"])
@FEW
@given(data=st.data())
def test_channel_norms(op, data):
    draw = Draw(data)
    axes = draw.of(0, 1, 2, 3) if op == "Batch" else draw.of(1, 2, 3)
    shape = draw.shape(axes, high=3)
    keys = draw.some(affine=st.booleans(), eps=st.sampled_from([1e-5, 0.001, 1.0]))
    if op == "Batch":
        keys |= draw.some(momentum=st.sampled_from([0.0, 0.1, 1.0]))
    module = getattr(nn, f"{op}Norm{max(1, axes)}d")
    compare(line(f"{op.lower()}norm", **keys), shape, lambda: module(shape[0], **keys))


class Stored(nn.Module):
    """torchvision.ops.FrozenBatchNorm2d of any number of axes: a norm at inference, whatever it is told."""

    def __init__(self, channels, eps=1e-5):
        super().__init__()
        self.eps = eps
        for name in ("weight", "bias", "running_mean", "running_var"):
            self.register_buffer(name, torch.ones(channels))

    def forward(self, x):
        return nn.functional.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)


@covers("frozenbatchnorm")
@pytest.mark.parametrize("axes", [0, 1, 2, 3])
def test_frozenbatchnorm(axes):
    shape = (4, 3, 2, 5)[: axes + 1]
    compare("frozenbatchnorm", shape, lambda: Stored(4))
    compare("frozenbatchnorm eps=0.1", shape, lambda: Stored(4, 0.1))


@covers("groupnorm")
@FEW
@given(data=st.data())
def test_groupnorm(data):
    draw = Draw(data)
    shape = draw.shape(draw.of(0, 1, 2, 3), high=3)
    groups = draw(draw.number(1, 4, -1, 5, 6))
    keys = draw.some(affine=st.booleans(), eps=st.sampled_from([1e-5, 1.0]))
    compare(line("groupnorm", groups, **keys), shape, lambda: nn.GroupNorm(groups, shape[0], **keys))


@FEW
@given(data=st.data())
def test_groupnorm_of_few_values(data):
    draw = Draw(data)
    shape = draw.shape(draw.of(0, 1, 2, 3), high=2)
    groups, batch, training = (
        draw.of(*(n for n in range(1, 7) if shape[0] % n == 0)),
        draw.of(1, 2),
        draw.of(False, True),
    )
    try:
        nn.GroupNorm(groups, shape[0]).train(training)(torch.ones(batch, *shape))
    except ValueError:
        with pytest.raises(SpecError, match=f"groups={groups} leaves one value in a group"):
            graph(line("groupnorm", groups), shape, batch)
    else:
        graph(line("groupnorm", groups), shape, batch)


def test_one_value_a_group_where_a_layer_runs_on_one_position():
    layers = "moe: {{experts: 2, top_k: 1, layers: [linear 4, groupnorm {}]}}"
    with pytest.raises(SpecError, match=r"groups=4 leaves one value in a group: the input is one sample of \[4\]"):
        graph(layers.format(4), (5, 4), batch=3)
    graph([layers.format(2), "transpose", "groupnorm 4"], (5, 4), batch=1)


def test_a_single_value_is_removed_and_not_regrouped():
    with pytest.raises(SpecError, match="remove it: one value minus its mean is 0"):
        graph("groupnorm 1", (1, 1), batch=1)


def test_other_batches_are_checked_anew():
    net = archcalc.loads("{model: m, input: [4], layers: [linear 4, groupnorm 4]}", batch=2)
    assert net.closed_form("batch").conditions() == ["batch ≥ 2"]
    with pytest.raises(SpecError, match="groups=4"):
        net.at(batch=1)


def test_sizes_that_leave_single_values_are_told_in_closed_forms():
    text = "{model: m, dims: {h: 2, w: 3}, input: [4, h, w], layers: [groupnorm 4]}"
    assert archcalc.loads(text).closed_form("h", "w", "batch").conditions() == ["batch·h·w ≠ 1"]


@covers("layernorm", "rmsnorm")
@pytest.mark.parametrize("op", ["layernorm", "rmsnorm"])
@FEW
@given(data=st.data())
def test_feature_norms(op, data):
    draw = Draw(data)
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)))
    keys = draw.some(affine=st.booleans(), eps=st.sampled_from([1e-5, 1.0]))
    if op == "layernorm":
        keys |= draw.some(bias=st.booleans())
    spelled = {"elementwise_affine" if key == "affine" else key: value for key, value in keys.items()}
    if op == "rmsnorm":
        spelled.setdefault("eps", 1e-6)  # PyTorch would take the smallest step of the type
    module = nn.LayerNorm if op == "layernorm" else nn.RMSNorm
    compare(line(op, **keys), shape, lambda: module(shape[-1], **spelled), layout="features-last")


@FEW
@given(data=st.data())
def test_rms_over_any_axis(data):
    draw = Draw(data)
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)))
    axis = draw(draw.number(-len(shape), len(shape) - 1, len(shape)))
    compare(line("rmsnorm", axis=axis), shape, lambda: Along(shape[axis], axis if axis < 0 else axis + 1))
    layout = draw(LAYOUTS)
    compare(
        "rmsnorm", shape, lambda: Along(shape[dims(layout) - (layout == "channels-first")], dims(layout)), layout=layout
    )


@covers("localresponsenorm")
@FEW
@given(data=st.data())
def test_localresponsenorm(data):
    draw = Draw(data)
    shape = draw.shape(draw.of(1, 2, 3), high=4)
    size = draw(draw.number(1, 9, 0, -1))
    keys = draw.some(
        alpha=st.sampled_from([1e-4, 1.0]), beta=st.sampled_from([0.75, 1.0]), k=st.sampled_from([1.0, 2.0])
    )
    compare(line("localresponsenorm", size, **keys), shape, lambda: nn.LocalResponseNorm(size, **keys))


@pytest.mark.parametrize(
    ("op", "each"),
    [
        ("batchnorm", 2),
        ("batchnorm affine=false", 2),
        ("groupnorm 2", 7),
        ("groupnorm 2 affine=false", 5),
        ("instancenorm", 5),
        ("instancenorm affine=true", 7),
        ("layernorm", 7),
        ("layernorm bias=false", 6),
        ("layernorm affine=false", 5),
        ("rmsnorm axis=0", 4),
        ("rmsnorm axis=0 affine=false", 3),
        ("localresponsenorm 5", 10),
    ],
)
def test_operations_for_each_element(op, each):
    assert layer(op, (4, 6)).other_flops == each * 24
