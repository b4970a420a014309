"""Every printed formula, evaluated, equals the number beside it."""

from __future__ import annotations

import math
import re
from fractions import Fraction

import pytest

from archcalc.cost import Costs
from archcalc.derivation import derive, parameter_formula
from archcalc.layers import REGISTRY
from archcalc.network.load import Graph, load_graph
from archcalc.quantity import Quantity, ceil_div, names, numbers
from archcalc.reports.reference import EXAMPLES
from archcalc.reports.rows import flat
from archcalc.reports.text import _formula

from .conftest import SPECS


def value(formula: str) -> Fraction:
    """A printed formula as a number."""
    python = formula.replace("·", "*").replace("−", "-").replace("^", "**")
    python = python.replace("⌊", "floor(").replace("⌋", ")").replace("⌈", "ceil(").replace("⌉", ")")
    python = re.sub(r"\d+", lambda digits: f"F({digits.group()})", python)
    return Fraction(eval(python, {"F": Fraction, "floor": math.floor, "ceil": math.ceil, "__builtins__": {}}))


def check(quantity: int) -> None:
    assert value(numbers(quantity)) == int(quantity), numbers(quantity)


def test_the_evaluator_reads_what_is_printed():
    assert value("⌊(32 + 2·1 − 1·(3 − 1) − 1) / 2⌋ + 1") == 16
    assert value("(3·3·3 + 1)·2") == 56
    assert value("⌈7 / 2⌉") == 4


def formulas_hold(graph: Graph) -> None:
    """Every formula of a network's layers gives its number, and that number is the layer's."""
    for node in Costs(graph).layers():
        derivation = derive(node)
        check(derivation.macs)
        check(derivation.other_flops)
        check(derivation.parameters)
        assert int(derivation.macs) == int(node.macs)
        assert int(derivation.other_flops) == int(node.other_flops)
        assert int(derivation.parameters) == sum(math.prod(shape) for shape in node.params.values())
        assert [int(size) for _, size in derivation.sizes] == [int(size) for size in node.exit.shape]
        for _, size in derivation.sizes:
            check(size)


@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.stem)
def test_formulas_of_specs(spec):
    formulas_hold(load_graph(str(spec)))


def test_what_has_the_size_of_another_does_not_read_it(graph):
    formulas_hold(graph("3, 8, 8", "relu name=a", "maxpool 2", "upsample like=a", "crop like=input"))


@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.stem)
def test_formulas_in_the_table(spec):
    for row in flat(Costs(load_graph(str(spec)))):
        formula = _formula(row)
        assert bool(formula) == bool(row.cost.params)
        if formula:
            assert value(formula) == row.cost.params


def test_the_lecture(graph):
    node = graph("3, 32, 32", "conv 2 kernel=3 stride=2 padding=1").nodes[0]
    formula = parameter_formula(node)
    assert int(formula) == 56
    assert formula.numbers() == "(3·3·3 + 1)·2"
    assert formula.names() == "(kernel_h·kernel_w·in_channels + bias)·channels"
    assert numbers(derive(node).sizes[1][1]) == "⌊(32 + 2·1 − 1·(3 − 1) − 1) / 2⌋ + 1"


@pytest.mark.parametrize(
    ("input", "layer", "formula"),
    [
        ("10", "linear 20", "(10 + 1)·20"),
        ("10", "linear 20 bias=false", "10·20"),
        ("16, 28, 28", "conv 32 kernel=3 groups=4", "(3·3·16/4 + 1)·32"),
        ("20, 300", "lstm 512", "(300 + 512 + 1 + 1)·4·512"),
        ("20, 64", "layernorm", "(1 + 1)·64"),
        ("20, 64", "rmsnorm axis=1", "64"),
        ("20, 768", "attention heads=12", "(768 + 1)·3·768 + (768 + 1)·768"),
    ],
)
def test_parameter_formulas(graph, input, layer, formula):
    node = graph(input, layer).nodes[0]
    assert parameter_formula(node).numbers() == formula
    assert value(formula) == sum(math.prod(shape) for shape in node.params.values())


def test_quantities_are_numbers():
    a, b = Quantity.named("a", 7), Quantity.named("b", 2)
    for result, expected in (
        (a + b, 9), (a - b, 5), (a * b, 14), (a // b, 3), (3 - a, -4), (20 // a, 2), (a**b, 49), (-a, -7), (ceil_div(a, b), 4),
        ((a + 1) * (b - 5), -24), (a - (b - 1), 6), (a // (b * 2), 1), ((a + 1) // b * 3, 12), (a - (-b), 9),
    ):  # fmt: skip
        assert result == expected
        check(result)
    assert a * 1.5 == 10.5
    assert names(a * (b + 1)) == "a·(b + 1)"
    assert type(a + 0) is Quantity
    assert a + 0 is a
    assert 1 * a is a


def test_every_example_of_the_reference_is_a_layer():
    assert set(EXAMPLES) <= set(REGISTRY)
