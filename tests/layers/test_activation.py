import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from .oracle import FEW, LAYOUTS, Draw, compare, covers, dims, layer, line


# Layer: its PyTorch module, its key, PyTorch's name of the key and values of it.
class Detached(nn.Module):
    """The numbers alone, without where they come from."""

    def forward(self, x):
        return x.detach()


PLAIN = {
    "relu": (nn.ReLU, None),
    "relu6": (nn.ReLU6, None),
    "sigmoid": (nn.Sigmoid, None),
    "tanh": (nn.Tanh, None),
    "silu": (nn.SiLU, None),
    "mish": (nn.Mish, None),
    "hardswish": (nn.Hardswish, None),
    "hardsigmoid": (nn.Hardsigmoid, None),
    "selu": (nn.SELU, None),
    "softsign": (nn.Softsign, None),
    "logsigmoid": (nn.LogSigmoid, None),
    "hardtanh": (nn.Hardtanh, ("low", "min_val", [-2.0, 0.5, 1.0, 3.0])),
    "celu": (nn.CELU, ("alpha", "alpha", [1.0, 0.5, -2.0, 0.0])),
    "identity": (nn.Identity, None),
    "detach": (Detached, None),
    "leakyrelu": (nn.LeakyReLU, ("slope", "negative_slope", [0.2, 0.0, -1.0])),
    "elu": (nn.ELU, ("alpha", "alpha", [1.0, 0.5, 2.0])),
    "gelu": (nn.GELU, ("approximate", "approximate", ["none", "tanh", "erf"])),
    "softplus": (nn.Softplus, ("beta", "beta", [1.0, 0.5, 3.0])),
    "dropout": (nn.Dropout, ("p", "p", [0.0, 0.3, 1.0, -0.1, 1.5])),
}


class DropPath(nn.Module):
    """Zeroes whole samples."""

    def __init__(self, p):
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError("not a probability")
        self.drop = nn.Dropout(p)

    def forward(self, x):
        return x * self.drop(x.new_ones(x.shape[0])).reshape(-1, *[1] * (x.dim() - 1))


@covers(*PLAIN)
@pytest.mark.parametrize("op", PLAIN)
@FEW
@given(data=st.data())
def test_elementwise(op, data):
    draw = Draw(data)
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)))
    module, key = PLAIN[op]
    if key is None or draw(st.booleans()):
        compare(op, shape, module)
        return
    ours, theirs, values = key
    value = draw.of(*values)
    compare(line(op, **{ours: value}), shape, lambda: module(**{theirs: value}))


@covers("droppath")
@pytest.mark.parametrize("p", [0.0, 0.2, 1.0, -0.1, 1.5])
def test_droppath(p):
    compare(line("droppath", p), (4, 5), lambda: DropPath(p))


@covers("prelu")
@FEW
@given(data=st.data())
def test_prelu(data):
    draw = Draw(data)
    shape = draw.shape(draw.of(0, 1, 2, 3), high=4)
    slopes = draw.of(1, shape[0], *([2, 3, -1] if draw.wild else []))
    compare(line("prelu", slopes), shape, lambda: nn.PReLU(slopes))


@covers("softmax", "logsoftmax")
@pytest.mark.parametrize("op", ["softmax", "logsoftmax"])
@FEW
@given(data=st.data())
def test_softmax(op, data):
    draw = Draw(data)
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)))
    rank = len(shape)
    module = nn.Softmax if op == "softmax" else nn.LogSoftmax
    # -rank - 1 is PyTorch's batch, which a spec cannot name.
    axis = draw(st.none() | draw.number(-rank, rank - 1, rank, rank + 2, -rank - 2))
    if axis is None:
        layout = draw(LAYOUTS)
        compare(op, shape, lambda: module(dim=dims(layout)), layout=layout)
    else:
        compare(line(op, axis=axis), shape, lambda: module(dim=axis if axis < 0 else axis + 1))


@covers("glu")
@FEW
@given(data=st.data())
def test_glu(data):
    draw = Draw(data)
    shape = tuple(draw(st.lists(st.sampled_from([2, 4, 6, 1, 3] if draw.wild else [2, 4, 6]), min_size=1, max_size=4)))
    rank = len(shape)
    axis = draw(st.none() | draw.number(-rank, rank - 1, rank, rank + 2, -rank - 2))
    if axis is None:
        layout = draw(LAYOUTS)
        compare("glu", shape, lambda: nn.GLU(dims(layout)), layout=layout)
    else:
        compare(line("glu", axis=axis), shape, lambda: nn.GLU(axis if axis < 0 else axis + 1))


def test_glu_halves_the_channels_of_an_image():
    node = layer(["conv 6 kernel=1", "glu"], (3, 5, 5))
    assert (node.output.shape, node.other_flops) == ((3, 5, 5), 5 * 75)


def test_the_bounds_of_hardtanh():
    compare(line("hardtanh", low=0, high=6), (4, 5), lambda: nn.Hardtanh(0, 6))


def test_softmax_is_over_the_channels_of_an_image():
    assert layer(["conv 4 kernel=1", "softmax"], (3, 5, 5)).other_flops == 5 * 4 * 25


@pytest.mark.parametrize(
    ("op", "each"),
    [
        ("relu", 1), ("relu6", 2), ("sigmoid", 4), ("tanh", 1), ("silu", 5), ("mish", 5), ("hardswish", 5),
        ("hardsigmoid", 4), ("leakyrelu", 2), ("prelu", 2), ("elu", 4), ("gelu", 5), ("gelu approximate=tanh", 9),
        ("softplus", 5), ("selu", 4), ("celu", 5), ("hardtanh", 2), ("softsign", 3), ("logsigmoid", 5),
        ("softmax", 5), ("logsoftmax", 5), ("dropout", 0), ("droppath", 0), ("identity", 0),
    ],
)  # fmt: skip
def test_operations_for_each_element(op, each):
    assert layer(op, (6, 5), "features-last").other_flops == each * 30
