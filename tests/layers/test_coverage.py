"""No layer without an oracle: a new one fails here until a test compares it with PyTorch."""

import importlib
from pathlib import Path

import pytest

from archcalc.layers import REGISTRY


def test_every_layer_is_compared_with_pytorch():
    tests = Path(__file__).parent.glob("test_*.py")
    modules = [importlib.import_module(f"{__package__}.{path.stem}") for path in tests]
    covered = {op for module in modules for test in vars(module).values() for op in getattr(test, "covers", ())}
    assert covered == set(REGISTRY)


@pytest.mark.parametrize("op", REGISTRY)
def test_every_layer_has_a_docstring_with_its_meaning(op):
    cls = REGISTRY[op]
    assert cls.__doc__
    assert cls.__doc__.split("\n")[0].endswith("."), "the first line is a sentence"
