import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from .oracle import FEW, Draw, compare, covers, layer, line


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


@covers("groupnorm")
@FEW
@given(data=st.data())
def test_groupnorm(data):
    draw = Draw(data)
    shape = draw.shape(draw.of(0, 1, 2, 3), high=3)
    groups = draw(draw.number(1, 4, -1, 5, 6))
    keys = draw.some(affine=st.booleans(), eps=st.sampled_from([1e-5, 1.0]))
    compare(line("groupnorm", groups, **keys), shape, lambda: nn.GroupNorm(groups, shape[0], **keys))


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
    module = nn.LayerNorm if op == "layernorm" else nn.RMSNorm
    compare(line(op, **keys), shape, lambda: module(shape[-1], **spelled))


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
        ("rmsnorm", 4),
        ("rmsnorm affine=false", 3),
        ("localresponsenorm 5", 10),
    ],
)
def test_operations_for_each_element(op, each):
    assert layer(op, (4, 6)).other_flops == each * 24
