"""Every printed formula, evaluated, equals the number beside it."""

from __future__ import annotations

import math
import re
from fractions import Fraction

import pytest

from archcalc.cost import Costs
from archcalc.derivation import derive, parameter_formula
from archcalc.layers import REGISTRY
from archcalc.network.load import Graph
from archcalc.quantity import Quantity, ceil_div, names, numbers
from archcalc.reports.layer.report import formulas
from archcalc.reports.rows import flat
from archcalc.reports.shapes.columns import _formula
from archcalc.terms import Work, terms, works

from .cases import shared
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


def bare(value: object) -> list[int]:
    """The whole numbers in a derivation that nothing names."""
    if not isinstance(value, Quantity):
        return [value] if isinstance(value, int) else []
    if value.op == "name":
        return []
    if value.op == "term" and isinstance(value.operands[1], Work):
        return bare(value.operands[1].times)
    return [number for operand in value.operands for number in bare(operand)]


def parts_hold(value: int) -> None:
    """The parts of a number add up to it, and so do the operations of each."""
    parts = terms(value)
    assert sum(int(term.value) for term in parts) == int(value)
    for term in parts:
        check(term.value)
        done = works(term.value)
        if done:
            assert sum(int(one.times) * one.each for one in done) == int(term.value)
            assert all(what and int(count) for one in done for what, count in one.pieces)


def formulas_hold(graph: Graph) -> None:
    """Every formula of a network's layers gives its number, and that number is the layer's."""
    for node in Costs(graph).layers():
        derivation = derive(node)
        check(derivation.macs)
        check(derivation.other_flops)
        check(derivation.parameters)
        for number in (derivation.macs, derivation.other_flops, derivation.parameters):
            parts_hold(number)
        for number in (derivation.macs, derivation.other_flops):
            assert not bare(number) or int(number) == 0, f"{node.op}: {names(number)}"
        assert int(derivation.macs) == int(node.macs)
        assert int(derivation.other_flops) == int(node.other_flops)
        assert int(derivation.parameters) == sum(math.prod(shape) for shape in node.params.values())
        assert [int(size) for _, size in derivation.sizes] == [int(size) for size in node.exit.shape]
        for _, size in derivation.sizes:
            check(size)


def test_what_has_the_size_of_another_does_not_read_it(graph):
    formulas_hold(graph("3, 8, 8", "relu name=a", "maxpool 2", "upsample like=a", "crop like=input"))


@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.stem)
def test_formulas_of_specs(spec):
    formulas_hold(shared(spec.stem))
    for row in flat(Costs(shared(spec.stem))):
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
        ("20, 300", "lstm 512", "(3 + 1)·512·(300 + 512 + 2)"),
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


@pytest.mark.parametrize("layer", [one for one in REGISTRY.values() if one.example], ids=lambda one: one.op)
def test_every_example_of_the_reference_has_formulas(layer):
    assert layer.example[0].split()[0] == layer.op
    assert formulas(layer)


def test_every_layer_says_what_it_computes():
    assert [op for op, layer in REGISTRY.items() if not layer.notation] == []


@pytest.mark.parametrize(
    ("input", "line", "parts"),
    [
        ("10, 16", "lstm 32 layers=2 bidirectional=true", [
            ("layer 1", "2 directions · (3 gates + 1 candidate) · 32 · (16 + 32 + 2 biases)", 12_800),
            ("layer 2", "2 directions · (3 gates + 1 candidate) · 32 · (2 directions · 32 + 32 + 2 biases)", 25_088),
        ]),
        ("10, 16", "gru 8 layers=12", [
            ("layer 1", "(2 gates + 1 candidate) · 8 · (16 + 8 + 2 biases)", 624),
            ("layers 2 to 12", "11 layers · (2 gates + 1 candidate) · 8 · (8 + 8 + 2 biases)", 4_752),
        ]),
        ("10, 512", "attention heads=8", [
            ("q, k, v", "(512 + 1) · 3 projections · 512", 787_968),
            ("output", "(512 + 1)·512", 262_656),
        ]),
    ],
)  # fmt: skip
def test_parameters_in_portions(graph, input, line, parts):
    found = terms(derive(graph(input, line).nodes[0]).parameters)
    assert [(term.label, term.value.spoken(), int(term.value)) for term in found] == parts


def test_products_of_tensors_have_the_letters_of_their_equations(graph):
    for line, input, letters in (
        ("matmul: [prev, prev]", "4, 4", "i·j·k"),
        ("matmul: [prev, prev]", "4, 4, 4", "axis0·i·j·k"),
        ("einsum: {equation: 'nd,md->nm', operands: [prev, prev]}", "7, 4", "n·m·d"),
    ):
        assert names(derive(graph(input, line).nodes[0]).macs) == letters


def test_products_of_attention(graph):
    found = terms(derive(graph("10, 512", "attention heads=8").nodes[0]).macs)
    assert [(term.label, term.value.spoken(), term.note) for term in found] == [
        ("q, k, v", "3 projections · 10·512·512", "x W_Q, x W_K, x W_V"),
        ("scores", "8 heads · 10·10·64", "q kᵀ"),
        ("weighted", "8 heads · 10·10·64", "of the values"),
        ("output", "10·512·512", "[heads] W_O"),
    ]


def test_operations_of_an_lstm_are_named(graph):
    (work,) = works(derive(graph("10, 16", "lstm 32").nodes[0]).other_flops)
    assert (work.each, work.per) == (30, "hidden unit and step")
    assert ("σ of three gates, 4 each", 12) in work.pieces
