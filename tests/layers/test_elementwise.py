import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from .oracle import FEW, Draw, compare, covers, layer, line

# Layer: PyTorch's function, the layer before it that makes its input one that it is defined for, and values of its key.
FUNCTIONS = {
    "exp": (torch.exp, "", ()), "neg": (torch.neg, "", ()), "abs": (torch.abs, "", ()),
    "sqrt": (torch.sqrt, "exp", ()), "rsqrt": (torch.rsqrt, "exp", ()), "square": (torch.square, "", ()),
    "log": (torch.log, "exp", ()), "sin": (torch.sin, "", ()), "cos": (torch.cos, "", ()),
    "floor": (torch.floor, "", ()), "sign": (torch.sign, "", ()), "reciprocal": (torch.reciprocal, "exp", ()),
    "pow": (torch.pow, "exp", (2, 3.0, -1, 0.5, 0)), "offset": (torch.add, "", (1, -2.5, 0)),
}  # fmt: skip


@covers(*FUNCTIONS)
@pytest.mark.parametrize("op", FUNCTIONS)
@FEW
@given(data=st.data())
def test_functions(op, data):
    function, before, values = FUNCTIONS[op]
    draw = Draw(data)
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)))
    value = [draw.of(*values)] if values else []
    layers = [*([before] if before else []), line(op, *value)]
    compare(layers, shape, lambda: lambda x: function(x.exp() if before else x, *value))


@pytest.mark.parametrize("op", FUNCTIONS)
def test_one_operation_an_element(op):
    value = FUNCTIONS[op][2][:1]
    assert layer(line(op, *value), (6, 5), "features-last").other_flops == 30
