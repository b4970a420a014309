"""No layer without an oracle: a new one fails here until a test compares it with PyTorch."""

import importlib
from pathlib import Path

import pytest
from torch import nn

from archcalc.layers import REGISTRY
from tests.each import each

from .oracle import compare


def test_every_layer_is_compared_with_pytorch():
    tests = Path(__file__).parent.glob("test_*.py")
    modules = [importlib.import_module(f"{__package__}.{path.stem}") for path in tests]
    named = (one for module in modules for one in vars(module).items())
    covered = {op for name, test in named if name.startswith("test_") for op in getattr(test, "covers", ())}
    missing = sorted(set(REGISTRY) - covered)
    assert not missing, f"write a test under @covers({missing[0]!r}) that compares it with PyTorch"
    assert covered == set(REGISTRY)


@each(REGISTRY)
def test_every_layer_has_a_docstring_with_its_meaning(op):
    cls = REGISTRY[op]
    assert cls.__doc__
    assert cls.__doc__.split("\n")[0].endswith("."), "the first line is a sentence"


def test_other_values_are_seen():
    """The mean that leaves the border out is another, with the same sizes and counts."""
    compare("avgpool 3 padding=1", (2, 5, 5), lambda: nn.AvgPool2d(3, padding=1))
    with pytest.raises(AssertionError, match="output avgpool is another"):
        compare("avgpool 3 padding=1", (2, 5, 5), lambda: nn.AvgPool2d(3, padding=1, count_include_pad=False))


def test_other_gradients_are_seen():
    class Detached(nn.Linear):
        def forward(self, x):
            return super().forward(x.detach()) + 0 * x.sum()

    with pytest.raises(AssertionError, match="gradient of input is another"):
        compare("linear 3", (4,), lambda: Detached(4, 3))
