"""What is known of a layer stands in its class: nobody else keeps lists of layers by name."""

from __future__ import annotations

import ast

import pytest

from archcalc.layers import REGISTRY, Layer
from archcalc.layers.activation import Activation
from archcalc.layers.recurrent import Recurrent
from archcalc.layers.regularization import Dropping
from archcalc.layers.remembering import unsaid
from archcalc.layers.structures import STRUCTURES
from archcalc.prediction import estimate, model
from archcalc.prediction.operations import form_of
from tests.conftest import ROOT

# What writes lines of specs, in which layers have names; all others ask the layers.
WRITES = [
    ROOT / "archcalc" / room
    for room in ("layers", "sources", "spelling", "tracing", "pytorch/capture", "symbolic/algebra.py")
]
FILES = [path for path in sorted((ROOT / "archcalc").rglob("*.py")) if not {*WRITES} & {path, *path.parents}]


def named(source):
    """Where layers are listed or compared by name: lines, with the names."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Tuple, ast.Set, ast.List)):
            texts = [one.value for one in node.elts if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            if len(texts) > 1 and set(texts) <= set(REGISTRY):
                found.append((node.lineno, texts))
        elif isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            texts = [one.value for one in sides if isinstance(one, ast.Constant) and one.value in REGISTRY]
            if texts and any(isinstance(one, ast.Attribute) and one.attr == "op" for one in sides):
                found.append((node.lineno, texts))
        elif isinstance(node, ast.Dict):
            texts = [one.value for one in node.keys if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            if len(texts) > 1 and set(texts) <= set(REGISTRY):
                found.append((node.lineno, texts))
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT / "archcalc")))
def test_no_list_of_layers(path):
    found = named(path.read_text(encoding="utf-8"))
    assert found == [], "ask the layer: an attribute or a method of its class, or isinstance"


def test_the_search_can_fail():
    assert named('X = ("relu", "conv")\ny = node.op == "conv"\nz = {"lstm": 1, "gru": 2}') == [
        (1, ["relu", "conv"]), (2, ["conv"]), (3, ["lstm", "gru"])
    ]  # fmt: skip
    assert named('X = ("relu", "left")\ny = unit == "conv"\nz = {"attention": 1, "batch": 2}') == []


def kinds(layer=Layer):
    """All classes of layers that compute something, those too that no spec names."""
    computes = [kind for kind in layer.__subclasses__() if kind.op and kind not in STRUCTURES.values()]
    return [*computes, *(one for kind in layer.__subclasses__() for one in kinds(kind))]


@pytest.mark.parametrize("layer", kinds(), ids=lambda one: one.__name__)
def test_its_time_is_known(layer):
    assert form_of(layer)


def test_what_runs_step_by_step_or_not_at_all_is_known():
    """Times are kept by kinds of work, which files name; those of layers are their names."""
    for kind, known in ((Recurrent, model._STEPPED), (Dropping, estimate._IDLE)):
        assert {op for op, layer in REGISTRY.items() if issubclass(layer, kind)} == set(known)


@pytest.mark.parametrize("layer", kinds(), ids=lambda one: one.__name__)
def test_what_autograd_keeps_is_known(layer):
    assert layer.keeps_nothing != (layer.saved is not Layer.saved), unsaid(layer)


@pytest.mark.parametrize(
    "layer", [one for one in REGISTRY.values() if issubclass(one, Activation)], ids=lambda one: one.op
)
def test_an_activation_says_what_it_gives(layer):
    for fact, asks in (
        ("span", "the least and the largest number that it gives"),
        ("rises", "whether it is monotone"),
    ):
        assert hasattr(layer, fact), f"say with `{fact}` in {layer.__name__} {asks}"
    low, high = layer(**layer.defaults).span
    assert low < high
